"""Bodies that no vendor sends, and some that one does: from its fixtures, with parts replaced, removed and doubled."""

import copy
import json
import random
import time
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha1, sha256
from hmac import digest
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import strategies as st
from vendors_say import PUBLIC

from bot.channels.messaging.webhooks import BODY_MAXIMUM

FIXTURES = Path(__file__).parent / "fixtures"
MARK = "quokka"  # in every text that is made here, so that it is found wherever it should not be
TOO_LONG = b" " * (BODY_MAXIMUM + 1)
DEEP = b"[" * 100_000
ODD_NUMBERS = b"[" + b"9" * 5_000 + b", NaN, -Infinity, 1e999]"
ODD = (
    TOO_LONG,
    DEEP,
    ODD_NUMBERS,
    b"",
    b"null",
    b"\xef\xbb\xbf{}",
    b"{" * 50_000,
    b"payload=",
    b"payload=%7B",
    b"&&==",
)

TEXTS = st.text(max_size=20).map(lambda text: f"{MARK} {text}")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.sampled_from(["", "\0", "\ud83d", "b:" + "0" * 32 + ":1", "yes", "1", "delete my data", MARK * 2_000, 10**20])
)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


class Pieces:
    """What is put in place of other things: drawn once for many bodies, because drawing is what takes time."""

    def __init__(self, values: list[Any], raw: list[bytes]) -> None:
        self.values = values
        self.raw = raw


PIECES = st.builds(
    Pieces, st.lists(ANY_JSON, min_size=8, max_size=16), st.lists(st.binary(max_size=64), min_size=4, max_size=8)
)


class Bodies:
    """Makes bodies for one channel."""

    def __init__(self, channel: str) -> None:
        files = sorted(FIXTURES.joinpath(channel).iterdir())
        self._whole = [file.read_bytes() for file in files]
        self._is_form = channel == "twilio"
        self._wraps = channel == "slack"

    def made(self, chance: random.Random, pieces: Pieces) -> bytes:
        """A body, as chance decides."""
        kind = chance.random()
        if kind < 0.002:
            return chance.choice(ODD)
        if kind < 0.1:
            return chance.choice(pieces.raw)
        if kind < 0.2:
            return _damaged(chance.choice(self._whole), chance, pieces.raw)
        if kind < 0.35:
            return self._written(chance.choice(pieces.values), chance)
        whole = chance.choice(self._whole)
        if self._is_form:
            return _other_form(whole, chance, pieces.values)
        content = json.loads(whole)
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            content = _changed(content, chance, pieces.values)
        return self._written(content, chance)

    def _written(self, content: Any, chance: random.Random) -> bytes:
        text = json.dumps(content)
        is_form = chance.random() < (0.5 if self._wraps or self._is_form else 0.05)
        return urlencode({"payload": text}).encode() if is_form else text.encode()


def _damaged(whole: bytes, chance: random.Random, pieces: Sequence[bytes]) -> bytes:
    start = chance.randrange(len(whole) + 1)
    return whole[:start] + chance.choice(pieces) + whole[start + chance.choice((0, 1, 30)) :]


def _other_form(whole: bytes, chance: random.Random, values: Sequence[Any]) -> bytes:
    pairs = parse_qsl(whole.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        place = chance.randrange(len(pairs))
        other, how = chance.choice(values), chance.random()
        if how < 0.6:
            text = other if isinstance(other, str) else json.dumps(other)
            pairs[place] = (pairs[place][0], text)
        elif how < 0.8 and len(pairs) > 1:
            del pairs[place]
        else:
            pairs.insert(chance.randrange(len(pairs) + 1), pairs[place])
    return urlencode(pairs, encoding="utf-8", errors="surrogatepass").encode()


def _changed(content: Any, chance: random.Random, values: Sequence[Any]) -> Any:
    """A JSON value with another one in a place, or one less, or one twice; changed in place where it can be."""
    holders = [(holder, key) for holder in _holders(content) for key in _keys(holder)]
    if not holders:
        return copy.deepcopy(chance.choice(values))
    holder, key = chance.choice(holders)
    how = chance.random()
    if how < 0.6:
        holder[key] = copy.deepcopy(chance.choice(values))
    elif how < 0.8:
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(chance.randrange(len(holder) + 1), holder[key])
    else:
        holder[chance.choice(list(holder))] = holder[key]
    return content


def _holders(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [] if inner is None else [value, *(holder for each in inner for holder in _holders(each))]


def _keys(holder: Any) -> list[Any]:
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


def signed(channel: str, body: bytes, secret: str) -> dict[str, str]:
    """The headers with which a vendor posts a body, whatever its bytes are."""
    key, is_form = secret.encode(), channel == "twilio" or body.startswith(b"payload=")
    kind = {"content-type": "application/x-www-form-urlencoded" if is_form else "application/json"}
    if channel == "telegram":
        return {**kind, "x-telegram-bot-api-secret-token": secret}
    if channel == "slack":
        at = str(int(time.time()))
        signature = digest(key, f"v0:{at}:".encode() + body, sha256).hex()
        return {**kind, "x-slack-request-timestamp": at, "x-slack-signature": f"v0={signature}"}
    if channel == "twilio":
        # Latin-1 keeps bytes as they are.
        pairs = sorted(set(parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")))
        whole = f"{PUBLIC}/channels/twilio" + "".join(name + value for name, value in pairs)
        return {**kind, "x-twilio-signature": b64encode(digest(key, whole.encode("latin-1"), sha1)).decode()}
    return {**kind, "x-hub-signature-256": f"sha256={digest(key, body, sha256).hex()}"}
