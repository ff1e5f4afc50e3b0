"""Whatever JSON Meta's two channels are given: they read valid messages, or say that it is not readable."""

import copy
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meta_webhooks import FIXTURES, both, fixtures, posted

from bot.channels.base import Contents, Messenger, NotReadable
from bot.conversations.forms import EDITED, NOT_TEXT, TEXT
from bot.storable import storable
from bot.storage.base import now

EARLIEST = datetime(2010, 1, 1, tzinfo=timezone.utc)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.just(10**400)
    | st.just("\ud83d")
)
ANY_JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
channels = pytest.mark.parametrize("channel", both(), ids=lambda channel: channel.name)


def check_valid(contents: Contents) -> None:
    for message in contents.messages:
        assert message.sender
        assert message.message_id
        assert all(" " <= character <= "~" for character in message.sender + message.message_id)
        assert EARLIEST <= message.at <= now() + timedelta(minutes=6)
        assert message.text == storable(message.text)
        assert message.option == storable(message.option)
        assert message.form in (TEXT, EDITED, NOT_TEXT)
        assert message.form != TEXT or message.text or message.option
    moments = [message.at for message in contents.messages]
    assert moments == sorted(moments)
    for report in contents.reports:
        assert report.sent_id
        assert report.state in ("delivered", "read", "undelivered")
        assert report.error == "" or report.error.isdecimal()


def read(channel: Messenger, content: Any) -> None:
    try:
        contents = channel.read(posted(content))
    except NotReadable:
        return
    check_valid(contents)


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where everything in a JSON value is."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, below in inner for path in paths(below, (*here, key)))]


def with_other(content: Any, path: tuple[Any, ...], other: Any) -> Any:
    """A copy of a JSON value with something else in one place."""
    if not path:
        return other
    changed = copy.deepcopy(content)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = other
    return changed


@channels
@given(content=ANY_JSON)
@settings(max_examples=50, deadline=None)
def test_any_json_is_read_or_not_readable(channel: Messenger, content: Any) -> None:
    read(channel, content)


@channels
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_webhook_with_anything_in_a_place_is_read_or_not_readable(channel: Messenger, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in fixtures(channel.name) if name != "oversize"]))
    content = json.loads((FIXTURES / channel.name / f"{name}.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content = with_other(content, data.draw(st.sampled_from(paths(content))), data.draw(ANY_JSON))

    read(channel, content)


@channels
@given(body=st.binary())
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_read_or_not_readable(channel: Messenger, body: bytes) -> None:
    read(channel, body)
