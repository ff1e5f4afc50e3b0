"""bot.channels.tokens: a token opens the conversation that the server named, and nothing else opens it."""

import re
import time

import pytest
from itsdangerous import URLSafeTimedSerializer

from bot.channels.tokens import SESSION_LIFETIME_S, SessionTokens

KEY, OTHER_KEY = "k" * 32, "o" * 32
TOKENS = SessionTokens(KEY)
TOKEN = TOKENS.issue()


def signed(value: object, *, key: str = KEY, salt: str = "widget-session") -> str:
    return URLSafeTimedSerializer(key, salt=salt).dumps(value)


def test_a_token_names_a_conversation_of_its_own() -> None:
    conversations = [TOKENS.conversation(TOKENS.issue()) for _ in range(20)]

    assert all(re.fullmatch(r"web-[0-9a-f]{32}", conversation or "") for conversation in conversations)
    assert len(set(conversations)) == len(conversations)


def test_a_token_is_fit_for_a_header() -> None:
    assert re.fullmatch(r"[\w.-]+", TOKEN, re.ASCII)


def test_a_token_outlives_the_process_where_the_key_is_set() -> None:
    assert SessionTokens(KEY).conversation(TOKEN) == TOKENS.conversation(TOKEN) is not None


def test_without_a_key_a_token_ends_with_the_process() -> None:
    before, after = SessionTokens(), SessionTokens()
    token = before.issue()

    assert before.conversation(token) is not None
    assert after.conversation(token) is None
    assert before.conversation(signed("web-1", key="")) is None


@pytest.mark.parametrize(
    ("keys", "opens"),
    [
        pytest.param((OTHER_KEY, KEY), True, id="a new key before it"),
        pytest.param((KEY, OTHER_KEY), True, id="a new key behind it"),
        pytest.param((OTHER_KEY,), False, id="its key taken out"),
    ],
)
def test_a_key_is_replaced_without_ending_sessions(keys: tuple[str, ...], opens: bool) -> None:
    assert (SessionTokens(*keys).conversation(TOKEN) is not None) is opens


def test_the_first_key_signs() -> None:
    token = SessionTokens(OTHER_KEY, KEY).issue()

    assert SessionTokens(OTHER_KEY).conversation(token) is not None
    assert TOKENS.conversation(token) is None


def _flipped(token: str, position: int) -> str:
    """The token with another character in one place."""
    characters = list(token)
    characters[position] = "B" if characters[position] == "A" else "A"
    return "".join(characters)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param(".", id="dot"),
        pytest.param("..", id="dots"),
        pytest.param("web-0123456789abcdef0123456789abcdef", id="conversation without signature"),
        pytest.param(_flipped(TOKEN, 0), id="another payload"),
        pytest.param(_flipped(TOKEN, TOKEN.index(".") + 1), id="another time"),
        pytest.param(_flipped(TOKEN, TOKEN.rindex(".") + 1), id="another signature"),
        pytest.param(TOKEN.rpartition(".")[0], id="no signature"),
        pytest.param(TOKEN.rpartition(".")[0] + ".", id="empty signature"),
        pytest.param(TOKEN + "A", id="longer"),
        pytest.param(" " + TOKEN, id="space before"),
        pytest.param(TOKEN * 1000, id="very long"),
        pytest.param("tökén.ü.é", id="not ASCII"),
        pytest.param("\0", id="NUL"),
        pytest.param(signed("web-1", key=OTHER_KEY), id="another key"),
        pytest.param(signed("web-1", salt="staff-session"), id="another purpose"),
        pytest.param(signed(["web-1"]), id="no text"),
        pytest.param(signed(None), id="nothing"),
    ],
)
def test_anything_else_opens_nothing(token: str) -> None:
    assert TOKENS.conversation(token) is None


@pytest.mark.parametrize(
    ("age_s", "opens"), [(0, True), (SESSION_LIFETIME_S - 60, True), (SESSION_LIFETIME_S + 60, False)]
)
def test_a_token_expires(monkeypatch: pytest.MonkeyPatch, age_s: int, opens: bool) -> None:
    now = time.time()
    token = TOKENS.issue()

    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + age_s)

    assert (TOKENS.conversation(token) is not None) is opens
