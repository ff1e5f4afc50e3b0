"""The filter of the navigators' inbox, as it stands in a page's address: what is shown, and in which order."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

from bot.conversations.models import LATER, REVIEWED, TO_REVIEW
from bot.errors import UserError

ME, NOBODY = "me", "nobody"
ANY, ALL = "any", "all"
NEWEST, OLDEST, URGENT_FIRST = "newest", "oldest", "urgent"

STATES = ("unanswered", "unsure", "unhelpful", "wants_person", "undelivered")
# What the parameters with a fixed choice may say.
CHOICES: dict[str, tuple[str, ...]] = {
    "tier": ("T1", "T2", ANY),
    **dict.fromkeys(STATES, ("yes",)),
    "review": (TO_REVIEW, LATER, REVIEWED, ALL),
    "sort": (NEWEST, OLDEST, URGENT_FIRST),
}
_FORMS = {
    "topic": re.compile(r"[a-z][a-z0-9_]{0,63}"),
    "channel": re.compile(r"[a-z][a-z0-9_]{0,15}"),
    "tag": re.compile(r"[1-9][0-9]{0,8}"),
    "assignee": re.compile(r"[a-z0-9][a-z0-9._-]{0,63}"),
}
_DAYS = {"since": "from", "until": "to"}  # what they are called in an address
_POSITION = re.compile(r"([0-9])-([0-9]{1,18})-([0-9]{1,18})")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


class FilterError(UserError):
    """The address of an inbox page cannot be read; the message says what in it is wrong."""


@dataclass(frozen=True)
class Position:
    """A place between two rows of the inbox: behind or before a row with these values.

    Attributes:
        rank: how urgent the row is; 0 where the order does not go by it.
        at: when its last message came.
        id: of the row.
    """

    rank: int
    at: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.rank}-{(self.at - _EPOCH) // _MICROSECOND}-{self.id}"


@dataclass(frozen=True)
class Place:
    """Which page of the inbox: the one behind a position, the one before it, or the first."""

    after: Position | None = None
    before: Position | None = None


@dataclass(frozen=True)
class InboxFilter:
    """What the inbox shows. Every part that is set must fit.

    Attributes:
        tier: T1, T2, or any.
        tag: the tag's row id.
        assignee: me, nobody, or the name of an account.
        since, until: days in UTC, both included, of the last message.
    """

    review: str = TO_REVIEW
    tier: str | None = None
    unanswered: bool = False
    unsure: bool = False
    unhelpful: bool = False
    wants_person: bool = False
    undelivered: bool = False
    topic: str | None = None
    channel: str | None = None
    tag: int | None = None
    assignee: str | None = None
    since: date | None = None
    until: date | None = None
    sort: str = NEWEST

    def query(self) -> str:
        """The filter as it stands in an address; equal filters have equal addresses."""
        changed = [(field.name, getattr(self, field.name)) for field in fields(self)]
        defaults = {field.name: field.default for field in fields(self)}
        return urlencode(
            [(_DAYS.get(name, name), _as_text(value)) for name, value in changed if value != defaults[name]]
        )


def read_query(query: str) -> InboxFilter:
    """The filter that an address holds; see `read_filter`."""
    return read_filter(parse_qsl(query, keep_blank_values=True))[0]


def read_filter(parameters: Iterable[tuple[str, str]]) -> tuple[InboxFilter, Place]:
    """The filter and the page that an address names. Parameters without a value, as forms send them, say nothing.

    Args:
        parameters: of the address.

    Raises:
        FilterError: a parameter is unknown, stands twice, or says what it cannot.
    """
    values: dict[str, Any] = {}
    names = {_DAYS.get(field.name, field.name): field.name for field in fields(InboxFilter)}
    for name, text in parameters:
        if name not in (*names, "after", "before"):
            raise FilterError("the address of this page has a part that the inbox does not know")
        if not text:
            continue
        key = names.get(name, name)
        if key in values:
            raise FilterError(f"'{name}' stands twice in the address")
        values[key] = _read(key, name, text)
    place = Place(values.pop("after", None), values.pop("before", None))
    if place.after and place.before:
        raise FilterError("a page is 'after' or 'before', not both")
    found = InboxFilter(**values)
    if found.since and found.until and found.since > found.until:
        raise FilterError("'from' is later than 'to'")
    return found, place


def _read(key: str, name: str, text: str) -> Any:
    if key in CHOICES:
        if text not in CHOICES[key]:
            raise FilterError(f"'{name}' is one of: {', '.join(CHOICES[key])}")
        return True if key in STATES else text
    if key in _DAYS:
        return _day(name, text)
    if key in ("after", "before"):
        return _position(name, text)
    if not _FORMS[key].fullmatch(text):
        raise FilterError(f"'{name}' has a form that no {name} has")
    return int(text) if key == "tag" else text


def _day(name: str, text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as error:
        raise FilterError(f"'{name}' is a day such as 2027-01-31") from error


def _position(name: str, text: str) -> Position:
    found = _POSITION.fullmatch(text)
    if found is None:
        raise FilterError(f"'{name}' names no place in the inbox")
    rank, microseconds, row = (int(part) for part in found.groups())
    try:
        return Position(rank, _EPOCH + microseconds * _MICROSECOND, row)
    except OverflowError as error:
        raise FilterError(f"'{name}' names no place in the inbox") from error


def _as_text(value: Any) -> str:
    return "yes" if value is True else str(value)
