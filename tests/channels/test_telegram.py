"""bot.channels.telegram: its secret word, and what its updates say."""

import json
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.base import Answer, Contents, NotReadable, NotSigned, Received, Webhook
from bot.channels.telegram import Telegram
from bot.conversations.forms import EDITED, FORMS, NOT_TEXT, TEXT
from bot.settings import load_settings
from bot.storage.base import now

FIXTURES = Path(__file__).parent / "fixtures" / "telegram"
TOKEN = "123456789:AAvery-secret_part"
SECRET_TOKEN = "Word_of-our-own"
CHAT = "700000001"
WRITTEN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)
HEADER = "x-telegram-bot-api-secret-token"


def telegram_at(api_url: str = "https://api.telegram.org") -> Telegram:
    return Telegram(load_settings(telegram_token=TOKEN, telegram_secret_token=SECRET_TOKEN, telegram_api_url=api_url))


TELEGRAM = telegram_at()


def webhook(body: bytes = b"{}", headers: dict[str, str] | None = None) -> Webhook:
    return Webhook("POST", headers or {}, {}, body)


def fixture(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def test_what_has_the_secret_word_is_let_in() -> None:
    TELEGRAM.verify(webhook(fixture("text"), {HEADER: SECRET_TOKEN}))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no header"),
        pytest.param({HEADER: ""}, id="empty"),
        pytest.param({HEADER: SECRET_TOKEN.swapcase()}, id="in another case"),
        pytest.param({HEADER: SECRET_TOKEN + "x"}, id="longer"),
        pytest.param({HEADER: SECRET_TOKEN[:-1]}, id="shorter"),
        pytest.param({HEADER: "é☃\udcff"}, id="beyond ASCII"),
        pytest.param({HEADER: TOKEN}, id="the bot's token"),
        pytest.param({"x-telegram-secret-token": SECRET_TOKEN}, id="another header"),
    ],
)
def test_all_else_is_kept_out(headers: dict[str, str]) -> None:
    with pytest.raises(NotSigned):
        TELEGRAM.verify(webhook(fixture("text"), headers))


def message(text: str, form: str = TEXT, *, sender: str = CHAT, message_id: str = "9000001") -> Received:
    return Received(sender, message_id, WRITTEN, text, form)


def edited(text: str, message_id: str, seconds: int) -> Received:
    return Received(CHAT, message_id, WRITTEN + timedelta(seconds=seconds), text, EDITED)


MESSAGES = {
    "text": message("How long does the fever last?"),
    "text_of_another_family": message("Can he eat yoghurt?", sender="700000002", message_id="9000002"),
    "start": message("/start"),
    "start_with_parameter": message("/start ward4"),
    "reply": message("and now?"),
    "picture": message("", NOT_TEXT),
    "picture_with_caption": message("Is this rash normal?", NOT_TEXT),
    "voice": message("", NOT_TEXT),
    "sticker": message("", NOT_TEXT),
    "location": message("", NOT_TEXT),
    "contact": message("", NOT_TEXT),
    "unknown_kind": message("", NOT_TEXT),
    "unicode": message("\U0001f468\u200d\U0001f469\u200d\U0001f467 حمى 发烧 cafe\u0301"),
    "lone_surrogate": message("fever ? now"),
    "oversize": message("word " * 2000),
    "edited": edited("How long does the high fever last?", "9000003-1700000030", 30),
    "edited_again": edited("How long does the very high fever last?", "9000004-1700000060", 60),
    "edited_caption": edited("Is this red rash normal?", "9000005-1700000030", 30),
}
# Their moment is the present one: Telegram tells none, or none that can be right.
PRESENT = {
    "no_date": ("9000001", "hello", "", ""),
    "far_future": ("9000001", "hello", "", ""),
    "button": ("9000007", "Headache", "b:5f:2", "4382000000000000001"),
    "button_without_keyboard": ("9000007", "", "b:5f:2", "4382000000000000001"),
    "button_not_ours": ("9000007", "", "/restart{}", "4382000000000000001"),
}
NOTHING = (
    *("group", "new_members", "pinned", "auto_delete", "channel_post", "blocked", "reaction", "unknown_event"),
    *("button_in_a_group", "button_inline", "button_of_a_game", "live_location", "without_chat"),
)


def test_every_fixture_is_used() -> None:
    assert {file.stem for file in FIXTURES.glob("*.json")} == {*MESSAGES, *PRESENT, *NOTHING, "without_id"}


@pytest.mark.parametrize(("name", "expected"), MESSAGES.items())
def test_messages_are_read(name: str, expected: Received) -> None:
    assert TELEGRAM.read(webhook(fixture(name))) == Contents((expected,))


@pytest.mark.parametrize(("name", "expected"), PRESENT.items())
def test_messages_without_a_moment_are_of_now(name: str, expected: tuple[str, ...]) -> None:
    before = now()
    [found] = TELEGRAM.read(webhook(fixture(name))).messages

    assert before <= found.at <= now()
    assert (found.sender, found.form) == (CHAT, TEXT)
    assert (found.message_id, found.text, found.option, found.receipt) == expected


@pytest.mark.parametrize("name", NOTHING)
def test_what_means_nothing_to_us_is_left_out(name: str) -> None:
    assert TELEGRAM.read(webhook(fixture(name))) == Contents()


def update_with(name: str, **changed: object) -> bytes:
    """An update whose message, or the one that an option was pressed under, is changed."""
    update = json.loads(fixture(name))
    inside = update.get("message") or update["callback_query"]["message"]
    inside.update(changed)
    return json.dumps(update).encode()


@pytest.mark.parametrize("chat_id", [-100200300, 0, True, 700000001.0, "700000001", 2**52, None, [], {}])
def test_a_chat_without_a_usable_id_is_left_out(chat_id: object) -> None:
    for name in ("text", "button"):
        assert TELEGRAM.read(webhook(update_with(name, chat={"id": chat_id, "type": "private"}))) == Contents()


@pytest.mark.parametrize("kind", ["group", "supergroup", "channel", "something new", None])
def test_only_private_chats_are_read(kind: object) -> None:
    for name in ("text", "button"):
        assert TELEGRAM.read(webhook(update_with(name, chat={"id": 700000001, "type": kind}))) == Contents()


@pytest.mark.parametrize("rows", [None, {}, [None, 5], [["Headache"]], [[{"callback_data": "b:5f:2", "text": None}]]])
def test_an_option_is_read_without_its_title(rows: object) -> None:
    [found] = TELEGRAM.read(webhook(update_with("button", reply_markup={"inline_keyboard": rows}))).messages

    assert (found.text, found.option) == ("", "b:5f:2")


@pytest.mark.parametrize(
    "body",
    [
        *(fixture("without_id"), b"", b"no JSON", b"[]", b"null", b"\xff\xfe", b"[" * 100_000),
        *(b'{"update_id": true}', b'{"update_id": []}', b'{"update_id": NaN}', b'{"update_id": -1}'),
        b'{"update_id": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_update_is_not_readable(body: bytes) -> None:
    with pytest.raises(NotReadable):
        TELEGRAM.read(webhook(body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The way to each part of an update."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inside for place in places(part, (*path, key)))]


@st.composite
def changed_updates(draw: st.DrawFn) -> object:
    update = json.loads(fixture(draw(st.sampled_from(sorted({*MESSAGES, *PRESENT, *NOTHING})))))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(places(update)[1:]))
        inside = update
        for key in way:
            inside = inside[key]
        inside[last] = draw(JSON | st.just("\ud83d\0"))
    return update


def is_valid(found: Received) -> bool:
    words = (found.sender, found.message_id, found.text, found.option, found.receipt)
    usable = (
        found.sender.isdecimal() and found.message_id and found.form in FORMS and found.at <= now() + timedelta(hours=1)
    )
    return bool(usable) and all(word == word.encode().decode() and "\0" not in word for word in words)


@settings(deadline=None)
@given(changed_updates() | JSON)
def test_whatever_comes_is_read_or_refused(update: object) -> None:
    with suppress(NotReadable):
        assert all(is_valid(found) for found in TELEGRAM.read(webhook(json.dumps(update).encode())).messages)


def test_what_is_the_same_for_every_chat() -> None:
    assert TELEGRAM.answer == Answer()
    assert TELEGRAM.challenge(webhook()) is None
    assert (TELEGRAM.marks(CHAT), TELEGRAM.masked(CHAT)) == ("telegram", "7•••••01")
