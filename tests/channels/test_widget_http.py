"""bot.channels.widget over HTTP: sessions, messages and history of the real service, as a browser meets them."""

import asyncio
import json
import re
import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from typing import Any

import httpx
import pytest
import pytest_asyncio
from itsdangerous import URLSafeTimedSerializer

from bot.app import create_app
from bot.channels.requests import BODY_MAXIMUM
from bot.channels.tokens import SessionTokens
from bot.conversations.records import Inbound
from bot.service import Service

SESSIONS, SESSION, MESSAGES = (f"/channels/widget/{name}" for name in ("sessions", "session", "messages"))
DURATION, COST, FEVER = "How long does CRS usually last?", "What does it cost?", "he has a fever of 39.5"

Messages = list[dict[str, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def http(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        yield client


class Page:
    """A browser with a session of its own."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self.token = token
        self._http = http
        self._headers = {"authorization": f"Bearer {token}"}

    async def post(self, body: object, **headers: str) -> httpx.Response:
        """Send bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self._http.post(MESSAGES, content=content, headers={**self._headers, **headers})

    async def say(self, text: str, *, client_id: str = "", button: str = "") -> Messages:
        body = {"id": client_id or uuid.uuid4().hex, "text": text, **({"button": button} if button else {})}
        response = await self.post(body)
        assert response.status_code == 200, response.text
        replies: Messages = response.json()["replies"]
        return replies

    async def history(self, after: str | None = None) -> Messages:
        parameters = {} if after is None else {"after": after}
        response = await self._http.get(MESSAGES, params=parameters, headers=self._headers)
        assert response.status_code == 200, response.text
        messages: Messages = response.json()["messages"]
        return messages


NewPage = Callable[[], Awaitable[Page]]


@pytest.fixture
def new_page(http: httpx.AsyncClient) -> NewPage:
    async def new_page() -> Page:
        return Page(http, (await http.post(SESSIONS)).json()["token"])

    return new_page


@pytest_asyncio.fixture(loop_scope="session")
async def page(new_page: NewPage) -> Page:
    return await new_page()


@pytest.fixture
def contact(service: Service) -> str:
    return service.texts.reply("emergency").text


def kinds(replies: Messages) -> list[str]:
    return [reply["kind"] for reply in replies]


# Sessions


async def test_a_session_has_a_token_and_a_code_of_its_own(http: httpx.AsyncClient) -> None:
    first, second = [(await http.post(SESSIONS)).json() for _ in range(2)]

    assert first.keys() == {"token", "code", "contact", "privacy"}
    assert first["token"] != second["token"]
    assert first["code"] != second["code"]


async def test_a_session_says_whom_to_call_and_what_is_kept(service: Service, http: httpx.AsyncClient) -> None:
    session = (await http.post(SESSIONS)).json()

    assert session["contact"] == service.texts.reply("emergency").text
    assert session["privacy"] == {"text": service.texts.reply("privacy").text, "url": ""}


async def test_a_stored_token_shows_its_session_again(http: httpx.AsyncClient) -> None:
    started = (await http.post(SESSIONS)).json()
    headers = {"authorization": f"Bearer {started.pop('token')}"}

    shown = await http.get(SESSION, headers=headers)

    assert (shown.status_code, shown.json()) == (200, started)


async def test_the_link_of_the_privacy_notice_is_that_of_the_settings(
    service: Service, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://hospital.example/privacy"
    monkeypatch.setattr(service, "settings", service.settings.copy(update={"privacy_url": url}))

    assert (await http.post(SESSIONS)).json()["privacy"]["url"] == url


async def test_a_session_starts_whatever_body_is_sent(http: httpx.AsyncClient) -> None:
    assert (await http.post(SESSIONS, content=b"\xff{")).status_code == 200


SECRET = "s" * 32


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("Bearer", id="no token"),
        pytest.param("Bearer ", id="empty token"),
        pytest.param("Basic {token}", id="another scheme"),
        pytest.param("{token}", id="no scheme"),
        pytest.param("Bearer {token}A", id="tampered with"),
        pytest.param("Bearer web-0123456789abcdef0123456789abcdef", id="conversation without signature"),
        pytest.param(f"Bearer {SessionTokens(SECRET).issue()}", id="another deployment's"),
        pytest.param(f"Bearer {URLSafeTimedSerializer('', salt='widget-session').dumps('web-1')}", id="no key"),
        pytest.param("Bearer tökén", id="not ASCII"),
    ],
)
async def test_without_a_session_nothing_is_written_or_read(
    http: httpx.AsyncClient, page: Page, authorization: str | None
) -> None:
    headers = {}
    if authorization is not None:
        headers[b"authorization"] = authorization.format(token=page.token).encode("latin-1")

    written = await http.post(MESSAGES, json={"id": "1", "text": DURATION}, headers=headers)
    read = [await http.get(path, headers=headers) for path in (MESSAGES, SESSION)]

    refused = (401, {"error": "the session is missing or over: start a new one"})
    assert [(response.status_code, response.json()) for response in (written, *read)] == [refused] * 3
    assert await page.history() == []


async def test_an_expired_session_is_refused(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    await page.say(DURATION)
    monkeypatch.setattr("bot.channels.tokens.SESSION_LIFETIME_S", -1)

    response = await page.post({"id": "1", "text": DURATION})

    assert response.status_code == 401


async def test_the_scheme_is_read_in_any_case(http: httpx.AsyncClient, page: Page) -> None:
    response = await http.get(MESSAGES, headers={"authorization": f"bearer {page.token}"})

    assert (response.status_code, response.json()) == (200, {"messages": []})


# Messages


async def test_an_answer_is_what_is_published(service: Service, page: Page) -> None:
    notice, answer = await page.say(DURATION)

    published = service.answers.named("crs_duration")
    assert published is not None
    assert notice["kind"] == "notice"
    assert answer.keys() == notice.keys() == {"id", "kind", "text", "buttons", "topic", "sources", "at"}
    assert (answer["kind"], answer["topic"], answer["text"]) == ("answer", "crs_duration", published.content.text)
    assert answer["sources"]
    assert all(button.keys() == {"title", "token"} for button in answer["buttons"])
    assert (notice["topic"], notice["sources"], notice["buttons"]) == (None, [], [])


async def test_a_red_flag_gets_the_fixed_reply_first(service: Service, page: Page) -> None:
    first, *_ = await page.say(FEVER)

    assert (first["kind"], first["text"]) == ("emergency", service.texts.reply("emergency").text)


async def test_the_conversation_is_remembered(page: Page) -> None:
    await page.say("What are the symptoms of CRS?")

    (reply,) = await page.say("How long does it last?")

    assert (reply["kind"], reply["topic"]) == ("answer", "crs_duration")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"How long?", id="text"),
        pytest.param(b'{"id": "1", "text": "How', id="broken off"),
        pytest.param(b'{"id": "1", "text": "\xff"}', id="not UTF-8"),
        pytest.param(b"[" * 10_000, id="deep"),
        pytest.param(b"id=1&text=How+long", id="form"),
        pytest.param(b'{"id": "1", "text": ' + b"9" * 5000 + b"e", id="number without end"),
    ],
)
async def test_a_body_that_is_no_json_is_refused(page: Page, contact: str, body: bytes) -> None:
    response = await page.post(body)

    assert (response.status_code, response.json()) == (400, {"error": "the body is no JSON", "text": contact})
    assert await page.history() == []


BAD_ID = "'id' must be 1 to 64 letters, digits, '-' or '_'"
BAD_TEXT = "'text' must be a string"
BAD_BUTTON = "'button' must be the token of a button"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (None, "the body must be an object"),
        ([], "the body must be an object"),
        ([{"id": "1", "text": "?"}], "the body must be an object"),
        ("?", "the body must be an object"),
        (1.5, "the body must be an object"),
        ({}, BAD_ID),
        ({"text": "?"}, BAD_ID),
        ({"id": None, "text": "?"}, BAD_ID),
        ({"id": 1, "text": "?"}, BAD_ID),
        ({"id": ["1"], "text": "?"}, BAD_ID),
        ({"id": "", "text": "?"}, BAD_ID),
        ({"id": "x" * 65, "text": "?"}, BAD_ID),
        ({"id": "a:b", "text": "?"}, BAD_ID),
        ({"id": "1\n", "text": "?"}, BAD_ID),
        ({"id": "é", "text": "?"}, BAD_ID),
        ({"id": "1"}, BAD_TEXT),
        ({"id": "1", "text": None}, BAD_TEXT),
        ({"id": "1", "text": 38.5}, BAD_TEXT),
        ({"id": "1", "text": ["?"]}, BAD_TEXT),
        ({"id": "1", "text": {"text": "?"}}, BAD_TEXT),
        ({"id": "1", "text": "?", "button": None}, BAD_BUTTON),
        ({"id": "1", "text": "?", "button": 1}, BAD_BUTTON),
        ({"id": "1", "text": "?", "button": ["else"]}, BAD_BUTTON),
        ({"id": "1", "text": "?", "button": "x" * 101}, BAD_BUTTON),
        ({"id": "1", "text": "?", "button": "crs duration"}, BAD_BUTTON),
        ({"id": "1", "text": "?", "button": "/restart{}"}, BAD_BUTTON),
    ],
)
async def test_a_body_of_another_form_is_refused(page: Page, contact: str, body: object, error: str) -> None:
    response = await page.post(body)

    assert (response.status_code, response.json()) == (400, {"error": error, "text": contact})
    assert await page.history() == []


@pytest.mark.parametrize("client_id", ["1", "x" * 64, "A-b_9"])
async def test_an_id_within_its_bounds_is_taken(page: Page, client_id: str) -> None:
    await page.say(DURATION, client_id=client_id)

    assert (await page.history())[0]["id"] == client_id


@pytest.mark.parametrize("headers", [{"content-type": "text/plain"}, {"content-type": ""}])
async def test_the_content_type_does_not_matter(page: Page, headers: dict[str, str]) -> None:
    response = await page.post({"id": "1", "text": DURATION, "beside": [1]}, **headers)

    assert kinds(response.json()["replies"]) == ["notice", "answer"]


def _body_of(size: int) -> bytes:
    head, tail = b'{"id": "1", "text": "', b'"}'
    return head + b"a" * (size - len(head) - len(tail)) + tail


async def test_a_body_at_the_limit_is_read_and_answered(page: Page) -> None:
    response = await page.post(_body_of(BODY_MAXIMUM))

    assert response.status_code == 200
    assert kinds(response.json()["replies"]) == ["notice", "fallback"]


async def test_a_body_over_the_limit_is_refused_with_whom_to_call(service: Service, page: Page) -> None:
    response = await page.post(_body_of(BODY_MAXIMUM + 1))

    assert (response.status_code, response.json()) == (
        413,
        {"error": f"a message may have {BODY_MAXIMUM} bytes at most", "text": service.texts.reply("emergency").text},
    )
    assert await page.history() == []


async def test_a_body_without_end_is_read_no_further_than_the_limit(http: httpx.AsyncClient, page: Page) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * BODY_MAXIMUM:
            sent += 1024
            yield b"a" * 1024

    headers = {"authorization": f"Bearer {page.token}"}
    response = await http.post(MESSAGES, content=chunks(), headers=headers)

    assert response.status_code == 413
    assert sent <= BODY_MAXIMUM + 2 * 1024


async def test_a_forged_session_costs_no_reading(http: httpx.AsyncClient) -> None:
    read: list[bytes] = []

    async def chunks() -> AsyncIterator[bytes]:
        read.append(b"a")
        yield b"a"

    response = await http.post(MESSAGES, content=chunks(), headers={"authorization": "Bearer forged"})

    assert (response.status_code, read) == (401, [])


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("¿Cuánto dura? 🙏🏽", "¿Cuánto dura? 🙏🏽"),
        ("他发烧了吗？", "他发烧了吗？"),
        ("كم من الوقت؟", "كم من الوقت؟"),
        ("zero\u200bwidth \u202eright-to-left", "zero\u200bwidth \u202eright-to-left"),
        ("NUL \0 inside", "NUL  inside"),
        ("two\r\nlines\u2028three", "two\r\nlines\u2028three"),
        ("", ""),
        ("   ", "   "),
        ("/restart", "/restart"),
        ('/greet{"name": "x"}', '/greet{"name": "x"}'),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
    ],
)
async def test_any_text_is_answered_and_kept_as_it_came(page: Page, text: str, stored: str) -> None:
    replies = await page.say(text)

    assert replies
    assert "apology" not in kinds(replies)
    assert (await page.history())[0]["text"] == stored


async def test_a_repeated_id_is_answered_once(page: Page) -> None:
    first = await page.say(DURATION, client_id="same")

    again = await page.say("What does it cost?", client_id="same")

    assert again == first
    assert [message["text"] for message in await page.history() if message["from"] == "family"] == [DURATION]


async def test_a_repeated_id_at_the_same_moment_is_answered_once(page: Page) -> None:
    first, *others = await asyncio.gather(*(page.say(DURATION, client_id="same") for _ in range(5)))

    assert others == [first] * 4
    assert [message["from"] for message in await page.history()] == ["family", "service", "service"]


async def test_an_id_belongs_to_its_session(new_page: NewPage) -> None:
    one, other = await new_page(), await new_page()

    first = await one.say(DURATION, client_id="same")
    second = await other.say(COST, client_id="same")

    assert [reply["topic"] for reply in first] != [reply["topic"] for reply in second]
    assert not {reply["id"] for reply in first} & {reply["id"] for reply in second}


async def test_a_handed_over_reply_is_marked_delivered(service: Service, page: Page) -> None:
    replies = await page.say(DURATION)

    query = "SELECT delivery.state FROM delivery JOIN message ON message.id = message_id WHERE key = ?"
    with closing(sqlite3.connect(service.settings.var_dir / "bot.sqlite3")) as database:
        states = [database.execute(query, (reply["id"],)).fetchone()[0] for reply in replies]
    assert states == ["delivered", "delivered"]


@pytest.mark.parametrize("fault", [OSError("disk full"), RuntimeError("any")])
async def test_a_message_that_could_not_be_kept_still_says_whom_to_call(
    service: Service, page: Page, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    async def fails(_inbound: Inbound) -> None:
        raise fault

    monkeypatch.setattr(type(service.journal), "accept", staticmethod(fails))

    ordinary, urgent = [await page.post({"id": "1", "text": text}) for text in (DURATION, FEVER)]

    for response, text_id in ((ordinary, "apology"), (urgent, "emergency")):
        told = {"error": "the message could not be stored", "text": service.texts.reply(text_id).text}
        assert (response.status_code, response.json()) == (503, told)


# Buttons


async def test_a_button_is_accepted_by_its_token(service: Service, page: Page) -> None:
    *_, answer = await page.say(DURATION)
    button = answer["buttons"][0]

    (reply,) = await page.say("any words", button=button["token"])

    published = service.answers.named(button["token"])
    assert published is not None
    assert (reply["kind"], reply["text"]) == ("answer", published.content.text)
    assert reply["topic"] == button["token"].partition("/")[0]


@pytest.mark.parametrize(("token", "kind"), [("else", "clarify"), ("person", "handover")])
async def test_the_buttons_that_lead_elsewhere(page: Page, token: str, kind: str) -> None:
    assert kinds(await page.say("any words", button=token)) == ["notice", kind]


@pytest.mark.parametrize("token", ["no_such_topic", "crs_duration/grade_9/x", "red_flag", "talk_to_human", "/"])
async def test_of_a_button_that_leads_nowhere_the_words_are_read(page: Page, token: str) -> None:
    _, answer = await page.say(DURATION, button=token)

    assert (answer["kind"], answer["topic"]) == ("answer", "crs_duration")


async def test_a_red_flag_on_a_button_gets_the_fixed_reply(page: Page) -> None:
    assert kinds(await page.say(FEVER, button="crs_duration"))[0] == "emergency"


# History


async def test_the_history_is_what_was_said(page: Page) -> None:
    replies = await page.say(DURATION, client_id="mine")

    mine, *answers = await page.history()

    assert mine.keys() == {"from", "at", "id", "text"}
    assert (mine["from"], mine["id"], mine["text"]) == ("family", "mine", DURATION)
    assert [{key: value for key, value in answer.items() if key != "from"} for answer in answers] == replies
    assert {answer["from"] for answer in answers} == {"service"}
    assert all(re.match(r"20\d\d-\d\d-\d\dT[\d:.]+\+00:00$", message["at"]) for message in [mine, *answers])


async def test_the_history_after_a_reply_is_what_came_later(page: Page) -> None:
    first = await page.say(DURATION)
    second = await page.say(COST, client_id="second")
    whole = await page.history()

    assert [message["id"] for message in await page.history(after=first[-1]["id"])] == [
        "second",
        *(reply["id"] for reply in second),
    ]
    assert await page.history(after=second[-1]["id"]) == []
    assert await page.history(after=first[0]["id"]) == whole[2:]


@pytest.mark.parametrize("after", ["", "unknown", "'; DROP TABLE message; --", "\0", "x" * 5000])
async def test_after_an_unknown_message_comes_the_whole_history(page: Page, after: str) -> None:
    await page.say(DURATION)

    assert await page.history(after=after) == await page.history() != []


async def test_another_session_sees_nothing_of_it(new_page: NewPage) -> None:
    one, other = await new_page(), await new_page()
    own = await other.say(COST)

    foreign = await one.say(DURATION)

    for after in (None, foreign[-1]["id"]):
        assert [message["id"] for message in await other.history(after=after)][1:] == [reply["id"] for reply in own]
    assert not {message["id"] for message in await one.history()} & {message["id"] for message in await other.history()}


async def test_a_reply_that_was_never_handed_over_is_in_the_history(service: Service, page: Page) -> None:
    await page.say(DURATION, client_id="first")
    query = "SELECT channel_message_id FROM message WHERE direction = 'in' ORDER BY id DESC"
    with closing(sqlite3.connect(service.settings.var_dir / "bot.sqlite3")) as database:
        conversation = database.execute(query).fetchone()[0].removesuffix(":first")

    async def lost(_reply: object) -> None:
        """The browser is gone."""

    inbound = Inbound(channel="widget", conversation=conversation, message_id=f"{conversation}:lost", text=COST)
    result = await service.turn.handle(inbound, lost)

    *_, asked, answer = await page.history()
    assert (asked["id"], asked["text"]) == ("lost", COST)
    assert answer["id"] == result.replies[-1].id


# What a browser is told


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", SESSIONS, 405),
        ("PUT", MESSAGES, 405),
        ("DELETE", MESSAGES, 405),
        ("OPTIONS", MESSAGES, 405),
        ("POST", f"{MESSAGES}/1", 404),
        ("GET", "/channels/widget", 404),
        ("POST", "/channels/telegram", 404),
    ],
)
async def test_nothing_else_is_there(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    assert (await http.request(method, path)).status_code == status


async def test_no_other_site_may_read_and_no_cache_may_keep(page: Page, http: httpx.AsyncClient) -> None:
    foreign = {"origin": "https://evil.example"}
    responses = [
        await http.post(SESSIONS, headers=foreign),
        await page.post({"id": "1", "text": DURATION}, **foreign),
        await page.post(b"no JSON", **foreign),
        await http.get(MESSAGES, headers={**foreign, "authorization": f"Bearer {page.token}"}),
        await http.get(MESSAGES, headers=foreign),
    ]

    assert [response.status_code for response in responses] == [200, 200, 400, 200, 401]
    for response in responses:
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["content-type"] == "application/json"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert not [name for name in response.headers if name.startswith("access-control-")]
        assert "set-cookie" not in response.headers
