"""bot.channels.slack: what webhooks hold."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.channels.base import Contents, NotReadable, Received, Webhook
from bot.channels.slack import Slack
from bot.conversations.forms import EDITED, FORMS, NOT_TEXT, TEXT
from bot.settings import load_settings
from bot.storable import storable
from bot.storage.base import now

FIXTURES = Path(__file__).parent / "fixtures" / "slack"
FILES = sorted(FIXTURES.glob("*.json"))
CHANNEL = "D07AB12CD34"
START = datetime.fromtimestamp(1760000000, timezone.utc)
SLACK = Slack(load_settings(slack_signing_secret="s", slack_bot_token="xoxb-1"))


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def webhook(payload: Any, **headers: str) -> Webhook:
    """A webhook as Slack sends it: a pressed button in a form, all else as JSON."""
    text = json.dumps(payload)
    if isinstance(payload, dict) and payload.get("type") == "block_actions":
        form = "application/x-www-form-urlencoded"
        return Webhook("POST", {"content-type": form, **headers}, {}, urlencode({"payload": text}).encode())
    return Webhook("POST", {"content-type": "application/json", **headers}, {}, text.encode())


def read(payload: Any) -> Contents:
    return SLACK.read(webhook(payload))


def at(seconds: int, microseconds: int = 100) -> datetime:
    return START + timedelta(seconds=seconds, microseconds=microseconds)


@pytest.mark.parametrize(
    ("name", "moment", "text", "form"),
    [
        ("text", at(1), "What is CRS?", TEXT),
        (
            "text_links_and_escapes",
            at(2),
            "Temp > 38 & rising, see a.example/x or sam@b.example,  +441632960000",
            TEXT,
        ),
        ("text_me", at(3), "feels cold", TEXT),
        ("text_in_thread", at(4), "And at night?", TEXT),
        ("picture_with_caption", at(5), "Is this rash bad?", NOT_TEXT),
        ("picture_without_caption", at(6), "", NOT_TEXT),
        ("voice", at(7), "", NOT_TEXT),
        ("forwarded", at(8), "", NOT_TEXT),
        ("unknown_subtype", at(9), "something new", NOT_TEXT),
        ("picture_without_subtype", at(28), "Is this rash bad?", NOT_TEXT),
        ("edited", at(10, 0), "What is ICANS?", EDITED),
        ("edited_again", at(11, 0), "She cannot be woken", EDITED),
        ("unicode", at(25), "🤒 39° ما هي؟ 发烧 e\u0301 ? xy", TEXT),
    ],
)
def test_a_message_is_read(name: str, moment: datetime, text: str, form: str) -> None:
    payload = fixture(name)

    assert read(payload) == Contents((Received(CHANNEL, payload["event_id"], moment, text, form),))


@pytest.mark.parametrize(
    "name",
    [
        "unfurled",
        "edited_by_the_bot",
        "edited_in_a_channel",
        "deleted",
        "own_message",
        "own_message_without_bot_id",
        "other_bot",
        "slackbot",
        "huddle",
        "in_a_channel",
        "in_a_group",
        "in_the_app_home",
        "app_mention",
        "reaction",
        "unknown_event",
        "rate_limited",
        "no_user",
        "no_event_id",
        "challenge",
        "button_in_a_channel",
        "button_without_value",
        "menu",
    ],
)
def test_what_no_family_wrote_to_us_is_left_out(name: str) -> None:
    assert read(fixture(name)) == Contents()


def test_a_pressed_button_is_read() -> None:
    (message,) = read(fixture("button")).messages

    assert (message.sender, message.option, message.text) == (CHANNEL, "b:41:2", "When to call & whom")
    assert (message.at, message.form) == (at(110, 400), TEXT)


def test_pressed_buttons_come_in_the_order_of_their_time() -> None:
    messages = read(fixture("two_buttons_out_of_order")).messages

    assert [(message.option, message.at) for message in messages] == [
        ("b:41:1", at(111, 400)),
        ("b:41:2", at(112, 400)),
    ]
    assert len({message.message_id for message in messages}) == 2


def test_a_malformed_action_does_not_cost_the_others() -> None:
    payload = fixture("two_buttons_out_of_order")
    payload["actions"] += [None, 7, {"type": "button"}, {**payload["actions"][0], "value": ["b:1:1"]}]

    assert len(read(payload).messages) == 2


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("trigger_id",), "11.23.abd"),
        (("actions", 0, "action_ts"), "1760000120.000400"),
        (("actions", 0, "action_id"), "b:41:3"),
    ],
)
def test_a_button_has_its_id_when_delivered_again_and_another_when_pressed_again(
    place: tuple[Any, ...], value: str
) -> None:
    payload = fixture("button")
    first, again = read(payload).messages[0], read(payload).messages[0]
    pressed_again = read(replaced(payload, place, value)).messages[0]

    assert first == again
    assert pressed_again.message_id != first.message_id


@pytest.mark.parametrize("place", [("trigger_id",), ("actions", 0, "action_ts")])
def test_a_button_without_one_of_what_tells_presses_apart_is_read(place: tuple[Any, ...]) -> None:
    payload = replaced(fixture("button"), place, None)

    assert len(read(payload).messages) == 1
    assert read(replaced(replaced(payload, ("trigger_id",), None), ("actions", 0, "action_ts"), "")) == Contents()


@pytest.mark.parametrize("channel", ["D1 2", "D\ud800", "D" * 101, "D\n", "", 7, None, ["D1"]])
@pytest.mark.parametrize(
    ("name", "place"), [("text", ("event", "channel")), ("edited", ("event", "channel")), ("text", ("event_id",))]
)
def test_a_message_without_usable_ids_is_left_out(name: str, place: tuple[Any, ...], channel: object) -> None:
    assert read(replaced(fixture(name), place, channel)) == Contents()


def test_each_version_of_a_message_has_an_id_of_its_own() -> None:
    versions = [read(fixture(name)).messages[0].message_id for name in ("text", "edited", "edited_again", "edited")]

    assert len(set(versions)) == 3
    assert versions[1] == versions[3]


def test_an_edit_without_the_earlier_version_is_one_where_slack_says_so() -> None:
    edited, unfurled = fixture("edited"), fixture("unfurled")
    for payload in (edited, unfurled):
        del payload["event"]["previous_message"]
        del payload["event"]["channel_type"]

    assert [message.form for message in read(edited).messages] == [EDITED]
    assert read(unfurled) == Contents()


def test_a_long_message_is_read_whole() -> None:
    payload = fixture("text")
    payload["event"]["text"] = "fever " * 2000

    assert read(payload).messages[0].text == "fever " * 2000


@pytest.mark.parametrize("ts", [None, "", "0", "-5", "nan", "inf", "1e400", "soon", 1760000001, [], "99999999999"])
def test_a_message_without_a_usable_time_came_now(ts: object) -> None:
    payload = fixture("text")
    payload["event"]["ts"] = ts
    before = now()

    assert before <= read(payload).messages[0].at <= now()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b"9" * 5000,
        b"{}",
        b'{"type": 7}',
        b'{"type": "event_callback"}',
        b'{"type": "event_callback", "event": []}',
        b'{"type": "block_actions", "actions": {}}',
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_webhook_of_another_shape_is_not_readable(body: bytes, kind: str) -> None:
    if "form" in kind:
        body = urlencode({"payload": body}).encode()
    with pytest.raises(NotReadable):
        SLACK.read(Webhook("POST", {"content-type": kind}, {}, body))


def test_a_form_without_a_payload_is_not_readable() -> None:
    with pytest.raises(NotReadable):
        SLACK.read(Webhook("POST", {"content-type": "application/x-www-form-urlencoded"}, {}, b"a=1"))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(blacklist_categories=()), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
# A slow machine is no fault of what is read, and a failure comes again in every run.
PROPERTY = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, part in inner for found in places(part, (*place, key)))]


def replaced(value: Any, place: tuple[Any, ...], by: Any) -> Any:
    if not place:
        return by
    copy = value.copy()
    copy[place[0]] = replaced(value[place[0]], place[1:], by)
    return copy


def check_read(payload: Any) -> None:
    try:
        contents = SLACK.read(webhook(payload))
    except NotReadable:
        return
    for message in contents.messages:
        assert message.sender.startswith("D")
        assert message.message_id
        assert message.form in FORMS
        assert message.text == storable(message.text)
        assert message.option == storable(message.option)
        assert START.replace(year=1970) < message.at <= now() + timedelta(minutes=5)
    assert list(contents.messages) == sorted(contents.messages, key=lambda message: message.at)


@PROPERTY
@given(JSON)
def test_nothing_but_not_readable_is_raised_for_any_json(payload: Any) -> None:
    check_read(payload)


@PROPERTY
@given(st.data())
def test_nothing_but_not_readable_is_raised_where_a_part_is_anything(data: st.DataObject) -> None:
    payload = json.loads(data.draw(st.sampled_from(FILES)).read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        payload = replaced(payload, data.draw(st.sampled_from(places(payload))), data.draw(JSON))
    check_read(payload)
