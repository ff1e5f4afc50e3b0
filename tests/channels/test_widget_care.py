"""Limits, feedback and erasure over HTTP, with the real service: a red flag gets its reply in each of them."""

import asyncio
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from clock import Clock
from sqlalchemy.exc import OperationalError

from bot.app import create_app
from bot.channels.limits import Limits
from bot.service import Service

SESSIONS, SESSION, MESSAGES, FEEDBACK, CONVERSATION, EVENTS = (
    f"/channels/widget/{name}" for name in ("sessions", "session", "messages", "feedback", "conversation", "events")
)
DURATION, FEVER, IDIOM = "How long does CRS usually last?", "he has a fever of 39.5", "he kissed the bathroom floor"
HOME, OTHER_HOME = "203.0.113.7", "203.0.113.8"
OVER = (401, {"error": "the session is missing or over: start a new one"})
SOON_S = 30  # far above any limit here: a test that takes as long hangs


@pytest.fixture(autouse=True)
def _slow_disk_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 60)


class Page:
    """A browser with a session of its own."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self.http = http
        self.headers = {"authorization": f"Bearer {token}"}

    async def post(self, text: str, client_id: str = "") -> httpx.Response:
        body = {"id": client_id or uuid.uuid4().hex, "text": text}
        return await self.http.post(MESSAGES, json=body, headers=self.headers)

    async def say(self, text: str) -> list[dict[str, Any]]:
        response = await self.post(text)
        assert response.status_code == 200, response.text
        replies: list[dict[str, Any]] = response.json()["replies"]
        return replies

    async def judge(self, reply_id: object, helpful: object = True, comment: object = "") -> httpx.Response:
        body = {"reply_id": reply_id, "helpful": helpful, "comment": comment}
        return await self.http.post(FEEDBACK, content=json.dumps(body), headers=self.headers)

    async def history(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = (await self.http.get(MESSAGES, headers=self.headers)).json()["messages"]
        return messages

    async def erase(self) -> httpx.Response:
        return await self.http.delete(CONVERSATION, headers=self.headers)


Visit = Callable[..., Awaitable[Page]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(service: Service, tmp_path: Path, clock: Clock) -> AsyncIterator[Visit]:
    """Begins sessions, from several addresses, with a service of small limits."""
    file = tmp_path / "limits.yml"
    file.write_text(
        "messages_of_session: {burst: 3, every_s: 4}\n"
        "messages_of_address: {burst: 5, every_s: 1}\n"
        "sessions_of_address: {burst: 3, every_s: 60}\n"
    )
    app = create_app(service, limits=Limits(file, clock=clock))
    clients: dict[str, httpx.AsyncClient] = {}

    async def visit(host: str = HOME) -> Page:
        if host not in clients:
            transport = httpx.ASGITransport(app=app, client=(host, 50_000))
            clients[host] = httpx.AsyncClient(transport=transport, base_url="http://bot")
        response = await clients[host].post(SESSIONS)
        response.raise_for_status()
        return Page(clients[host], response.json()["token"])

    yield visit
    for client in clients.values():
        await client.aclose()


def refusal(response: httpx.Response) -> tuple[int, dict[str, Any], str | None]:
    return response.status_code, response.json(), response.headers.get("retry-after")


def rows(service: Service, query: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(service.settings.var_dir / "bot.sqlite3")) as database:
        return database.execute(query, values).fetchall()


# Limits


async def test_who_writes_too_fast_is_told_when_to_go_on(visit: Visit, clock: Clock) -> None:
    page = await visit()
    for _ in range(3):
        await page.say(DURATION)

    refused = await page.post(DURATION)
    assert refusal(refused) == (429, {"error": "too many messages: try again in 4 s"}, "4")
    assert len([message for message in await page.history() if message["from"] == "family"]) == 3

    clock.now += 4
    assert (await page.post(DURATION)).status_code == 200


async def test_an_address_is_limited_over_its_sessions(visit: Visit) -> None:
    first, second, elsewhere = await visit(), await visit(), await visit(OTHER_HOME)
    for page in (first, first, first, second, second):
        await page.say(DURATION)

    assert refusal(await second.post(DURATION)) == (429, {"error": "too many messages: try again in 1 s"}, "1")
    assert (await elsewhere.post(DURATION)).status_code == 200


async def test_who_begins_too_many_sessions_is_told_whom_to_call(service: Service, visit: Visit) -> None:
    page = await visit()
    for _ in range(2):
        await visit()

    text = service.texts.reply("emergency").text
    refused = (429, {"error": "too many new sessions: try again in 60 s", "text": text}, "60")
    assert refusal(await page.http.post(SESSIONS)) == refused


async def test_a_red_flag_is_never_limited(visit: Visit) -> None:
    page = await visit()
    for _ in range(3):
        await page.say(DURATION)

    for _ in range(5):
        assert (await page.post(DURATION)).status_code == 429
        for red_flag in (FEVER, IDIOM):
            assert (await page.say(red_flag))[0]["kind"] == "emergency"


async def test_a_limited_message_disturbs_no_pieces(visit: Visit, clock: Clock) -> None:
    page = await visit()
    await page.say(DURATION)
    await page.say(DURATION)
    await page.say("I want")

    assert (await page.post("a coffee")).status_code == 429
    assert (await page.say("to die"))[0]["kind"] == "crisis"


async def test_a_gate_that_fails_counts_as_a_red_flag_when_limited(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_arguments: object, **_rest: object) -> None:
        raise ValueError

    page = await visit()
    for _ in range(3):
        await page.say(DURATION)
    monkeypatch.setattr("bot.redflags.detector.RedFlagDetector.detect", fails)

    assert (await page.say(DURATION))[0]["kind"] == "emergency"


async def test_refusals_are_counted(service: Service, visit: Visit) -> None:
    page, metrics = await visit(), service.metrics.registry
    before = metrics.get_sample_value("bot_limited_total") or 0

    for _ in range(5):
        await page.post(DURATION)

    assert metrics.get_sample_value("bot_limited_total") == before + 2


# Feedback


@pytest.mark.parametrize(
    ("helpful", "comment"), [(True, ""), (False, "Too long."), (True, "🙏" * 1000)], ids=["none", "short", "longest"]
)
async def test_feedback_is_kept_and_shown(service: Service, visit: Visit, helpful: bool, comment: str) -> None:
    page = await visit()
    *_, answer = await page.say(DURATION)

    response = await page.judge(answer["id"], helpful, comment)

    assert (response.status_code, response.json()) == (200, {"replies": []})
    query = "SELECT helpful, comment, f.tier FROM feedback f JOIN message m ON m.id = message_id WHERE key = ?"
    assert rows(service, query, answer["id"]) == [(helpful, comment, None)]
    family, notice, shown = await page.history()
    assert ("helpful" in family, "helpful" in notice, shown["helpful"]) == (False, False, helpful)


async def test_later_feedback_replaces_it(service: Service, visit: Visit) -> None:
    page = await visit()
    *_, answer = await page.say(DURATION)

    await page.judge(answer["id"], True, "Thank you")
    await page.judge(answer["id"], False)

    query = "SELECT helpful, comment FROM feedback JOIN message ON message.id = message_id WHERE key = ?"
    assert rows(service, query, answer["id"]) == [(0, "")]


@pytest.mark.parametrize("comment", [FEVER, IDIOM])
async def test_a_red_flag_in_a_comment_gets_the_fixed_reply(service: Service, visit: Visit, comment: str) -> None:
    page = await visit()
    *_, answer = await page.say(DURATION)

    (reply,) = (await page.judge(answer["id"], False, comment)).json()["replies"]

    text = service.texts.reply("emergency")
    assert (reply["kind"], reply["text"]) == ("emergency", text.text)
    query = "SELECT f.tier, f.ruleset, f.text_id, f.revision FROM feedback f JOIN message m ON m.id = message_id"
    stored = rows(service, f"{query} WHERE key = ?", answer["id"])
    assert stored == [("T1", service.gate.ruleset, "emergency", text.revision)]


async def test_a_person_in_crisis_gets_the_reply_for_it(visit: Visit) -> None:
    page = await visit()
    *_, answer = await page.say(DURATION)

    assert (await page.judge(answer["id"], False, "I want to die")).json()["replies"][0]["kind"] == "crisis"


@pytest.mark.parametrize("comment", ["", FEVER])
async def test_feedback_on_what_is_not_there(service: Service, visit: Visit, comment: str) -> None:
    page, other = await visit(), await visit()
    *_, foreign = await other.say(DURATION)
    contact = {"text": service.texts.reply("emergency").text} if comment else {}

    for reply_id in (foreign["id"], "unknown", "\ud800"):
        response = await page.judge(reply_id, True, comment)
        told = {"error": "there is no such reply in this conversation", **contact}
        assert (response.status_code, response.json()) == (404, told)
    assert rows(
        service, "SELECT count(*) FROM feedback JOIN message m ON m.id = message_id WHERE key = ?", foreign["id"]
    ) == [(0,)]


@pytest.mark.parametrize(
    ("reply_id", "helpful", "comment", "error"),
    [
        (None, True, "", "'reply_id' must be the id of a reply"),
        ("", True, "", "'reply_id' must be the id of a reply"),
        (1, True, "", "'reply_id' must be the id of a reply"),
        ("x", None, "", "'helpful' must be true or false"),
        ("x", 1, "", "'helpful' must be true or false"),
        ("x", "true", "", "'helpful' must be true or false"),
        ("x", True, None, "'comment' must be a string"),
        ("x", True, ["?"], "'comment' must be a string"),
        ("x", True, "a" * 1001, "'comment' may have 1000 characters at most"),
    ],
)
async def test_feedback_of_another_form_is_refused(
    service: Service, visit: Visit, reply_id: object, helpful: object, comment: object, error: str
) -> None:
    response = await (await visit()).judge(reply_id, helpful, comment)

    contact = service.texts.reply("emergency").text
    assert (response.status_code, response.json()) == (400, {"error": error, "text": contact})


async def test_a_comment_that_is_too_long_still_tells_whom_to_call(service: Service, visit: Visit) -> None:
    response = await (await visit()).judge("x", True, "a " * 1000 + FEVER)

    assert (response.status_code, response.json()["text"]) == (400, service.texts.reply("emergency").text)


@pytest.mark.parametrize(("comment", "text_id"), [("", "apology"), (FEVER, "emergency")])
@pytest.mark.parametrize("fault", [OperationalError("locked", None, Exception()), TimeoutError()])
async def test_feedback_that_could_not_be_kept_still_says_whom_to_call(
    service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch, comment: str, text_id: str, fault: Exception
) -> None:
    async def fails(*_arguments: object) -> None:
        raise fault

    monkeypatch.setattr(type(service.journal), "give_feedback", staticmethod(fails))

    response = await (await visit()).judge("x", True, comment)

    told = {"error": "the feedback could not be stored: try again", "text": service.texts.reply(text_id).text}
    assert (response.status_code, response.json()) == (503, told)


async def test_feedback_counts_as_a_message_but_a_red_flag_in_it_is_never_limited(visit: Visit) -> None:
    page = await visit()
    *_, answer = await page.say(DURATION)

    assert [(await page.judge(answer["id"])).status_code for _ in range(4)] == [200, 200, 429, 429]
    assert (await page.judge(answer["id"], False, FEVER)).json()["replies"][0]["kind"] == "emergency"


# Erasing


async def test_an_erased_conversation_is_gone_and_its_token_worth_nothing(service: Service, visit: Visit) -> None:
    page, other = await visit(), await visit()
    *_, answer = await page.say(DURATION)
    await page.judge(answer["id"])
    await other.say(DURATION)

    erased = await page.erase()

    assert (erased.status_code, erased.content) == (204, b"")
    requests = [
        page.post(DURATION),
        page.judge(answer["id"]),
        page.erase(),
        *(page.http.get(path, headers=page.headers) for path in (MESSAGES, SESSION, EVENTS)),
    ]
    assert [(response.status_code, response.json()) for response in await asyncio.gather(*requests)] == [OVER] * 6
    assert rows(service, "SELECT count(*) FROM message WHERE key = ?", answer["id"]) == [(0,)]
    assert len(await other.history()) == 3


async def test_a_conversation_without_a_message_can_be_erased(visit: Visit) -> None:
    page = await visit()

    assert (await page.erase()).status_code == 204
    assert (await page.post(DURATION)).status_code == 401


@pytest.mark.parametrize(("text", "status"), [(DURATION, 401), (FEVER, 200)])
async def test_a_turn_that_runs_does_not_bring_it_back(
    service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch, text: str, status: int
) -> None:
    page = await visit()
    await page.say("What are the symptoms of CRS?")
    conversation = rows(service, "SELECT key FROM conversation ORDER BY id DESC")[0][0]
    begun, let_go, turn = asyncio.Event(), asyncio.Event(), service.dialogue.turn

    async def held_turn(*arguments: Any, **rest: Any) -> Any:
        begun.set()
        await let_go.wait()
        return await turn(*arguments, **rest)

    monkeypatch.setattr(type(service.dialogue), "turn", staticmethod(held_turn))
    monkeypatch.setattr("bot.channels.widget.REST_WITHIN_S", SOON_S)
    running = asyncio.create_task(page.post(text))
    await asyncio.wait_for(begun.wait(), SOON_S)

    assert (await page.erase()).status_code == 204
    let_go.set()

    response = await running
    assert response.status_code == status
    if text == FEVER:
        assert [reply["kind"] for reply in response.json()["replies"]] == ["emergency"], "it is not lost"
    assert rows(service, "SELECT count(*) FROM conversation WHERE key = ?", conversation) == [(0,)]
    await service.dialogue.parse(DURATION)  # Rasa's thread has come so far
    dialogue = service.dialogue._worker.dialogue
    assert dialogue is not None
    assert not dialogue._trackers.holds(conversation)
    assert conversation not in service.turn._noticed


async def test_what_rasa_remembers_is_erased(service: Service, visit: Visit) -> None:
    page = await visit()
    await page.say(DURATION)
    conversation = rows(service, "SELECT key FROM conversation ORDER BY id DESC")[0][0]
    dialogue = service.dialogue._worker.dialogue
    assert dialogue is not None
    assert dialogue._trackers.holds(conversation)

    await page.erase()
    await service.dialogue.parse(DURATION)  # Rasa's thread has come so far

    assert not dialogue._trackers.holds(conversation)


async def test_what_cannot_be_erased_now_stays_and_is_told(
    service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_conversation: str) -> None:
        raise TimeoutError

    page = await visit()
    await page.say(DURATION)
    monkeypatch.setattr(type(service.journal), "erase", staticmethod(fails))

    response = await page.erase()

    told = {
        "error": "the conversation could not be erased: try again",
        "text": service.texts.reply("apology").text,
    }
    assert (response.status_code, response.json()) == (503, told)
    assert len(await page.history()) == 3


async def test_what_is_erased_late_is_not_remembered(
    service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was that it could not be erased, and then the database took it."""
    page = await visit()
    await page.say(DURATION)
    conversation = rows(service, "SELECT key FROM conversation ORDER BY id DESC")[0][0]
    erase = service.journal.erase

    async def erases_late(key: str) -> None:
        await erase(key)
        raise TimeoutError

    monkeypatch.setattr(type(service.journal), "erase", staticmethod(erases_late))

    assert (await page.erase()).status_code == 503
    await service.dialogue.parse(DURATION)  # Rasa's thread has come so far
    dialogue = service.dialogue._worker.dialogue
    assert dialogue is not None
    assert not dialogue._trackers.holds(conversation)
    assert (await page.post(DURATION)).status_code == 401
