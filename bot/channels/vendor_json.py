"""Reading the JSON of vendors: what has another type than it should is as good as absent, and nothing raises for it."""

import json
import re
from datetime import datetime, timedelta, timezone

from bot.channels.base import Json, NotReadable
from bot.storable import storable
from bot.storage.base import now

# Ids and tokens: printable ASCII without spaces. Meta's longest ids have some 200 characters.
_WORD = re.compile(r"[!-~]{1,500}")
_DIGITS = re.compile(r"[0-9]{1,15}")
_LARGEST = 10**15
# No vendor's interface here is older, so an earlier moment is a mistake.
_EARLIEST_S = datetime(2010, 1, 1, tzinfo=timezone.utc).timestamp()
# Clocks differ a little; beyond this the vendor's is wrong.
_AHEAD = timedelta(minutes=5)
# Such a number of seconds is in the year 5138, so it counts milliseconds.
_MILLISECONDS = 10**11


def json_object(body: bytes) -> Json:
    """The object that a webhook's body holds.

    Raises:
        NotReadable: it holds none.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        # The decoder's own error holds the body, with what a family wrote.
        raise NotReadable("the body is no JSON") from None
    if not isinstance(found, dict):
        raise NotReadable("the body is no JSON object")
    return found


def child(value: Json, key: str) -> Json:
    """The object under a key; empty where there is none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def children(value: Json, key: str) -> list[Json]:
    """The objects of the list under a key; what else the list holds is left out."""
    found = value.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def word(value: object) -> str:
    """An id or a token; empty where it is none."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def text(value: object) -> str:
    """A text that a database can hold; empty where it is none."""
    return storable(value) if isinstance(value, str) else ""


def number(value: object) -> int | None:
    """A whole number, also one that is written as text; None where it is none, or larger than any vendor's."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST:
        return value
    return None


def moment(value: object) -> datetime:
    """The moment of a timestamp in seconds or milliseconds; the present one where it is none or cannot be right."""
    present = now()
    stamp = number(value) or 0
    seconds = stamp / 1000 if stamp >= _MILLISECONDS else float(stamp)
    if not _EARLIEST_S <= seconds <= (present + _AHEAD).timestamp():
        return present
    return datetime.fromtimestamp(seconds, timezone.utc)
