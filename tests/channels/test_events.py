"""GET /events of the real service behind a real server: nothing is lost, and nothing keeps the server from stopping."""

import asyncio
import json
import socket
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn

from bot.app import Application, create_app
from bot.channels.event_stream import EventStream
from bot.conversations.records import Inbound
from bot.server import Server
from bot.service import Service

EVENTS, MESSAGES, SESSIONS = (f"/channels/widget/{name}" for name in ("events", "messages", "sessions"))
DURATION, COST, REPORT = "How long does CRS usually last?", "What does it cost?", "he is shivering"
SOON_S = 30  # far above any limit here: a test that takes as long hangs

Event = tuple[str, str, Any]  # name, id, data


@pytest.fixture(autouse=True)
def _slow_disk_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 60)


@asynccontextmanager
async def served(app: Application) -> AsyncIterator[tuple[str, Server]]:
    """Its address, and the server: without patience, so that what holds a stop up makes a test hang."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=None)
    server = Server(config, app.close_streams)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", server
    server.should_exit = True
    await asyncio.wait_for(serving, SOON_S)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(service: Service) -> Application:
    return create_app(service)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def http(app: Application) -> AsyncIterator[httpx.AsyncClient]:
    async with served(app) as (address, _), httpx.AsyncClient(base_url=address, timeout=SOON_S) as client:
        yield client


class Page:
    """A browser with a session of its own."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self.http = http
        self.headers = {"authorization": f"Bearer {token}"}

    @classmethod
    async def open(cls, http: httpx.AsyncClient) -> "Page":
        return cls(http, (await http.post(SESSIONS)).json()["token"])

    async def say(self, text: str, client_id: str = "") -> dict[str, Any]:
        body = {"id": client_id or uuid.uuid4().hex, "text": text}
        answer: dict[str, Any] = (await self.http.post(MESSAGES, json=body, headers=self.headers)).json()
        return answer

    @asynccontextmanager
    async def listen(self, seen: str | None = None) -> AsyncIterator[AsyncIterator[Event]]:
        headers = {**self.headers, **({} if seen is None else {"last-event-id": seen})}
        async with self.http.stream("GET", EVENTS, headers=headers) as response:
            assert (response.status_code, response.headers["content-type"]) == (
                200,
                "text/event-stream; charset=utf-8",
            )
            lines = response.aiter_lines()
            assert (await anext(lines)).startswith(":")  # it listens: what is said from now on comes
            yield events(lines)


async def events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
            fields = {}


async def until_turn(stream: AsyncIterator[Event], client_id: str) -> list[Event]:
    """The replies before the end of a message's turn."""

    async def collect() -> list[Event]:
        found = []
        async for event in stream:
            if event == ("turn", "", {"id": client_id}):
                return found
            found.append(event)
        raise AssertionError(f"the stream ended after {found}")

    return await asyncio.wait_for(collect(), SOON_S)


def ids(found: list[Event]) -> list[str]:
    assert all(name == "reply" and reply_id == data["id"] for name, reply_id, data in found)
    return [reply_id for _, reply_id, _ in found]


def kinds(found: list[Event]) -> list[str]:
    return [data["kind"] for _, _, data in found]


@pytest_asyncio.fixture(loop_scope="session")
async def page(http: httpx.AsyncClient) -> Page:
    return await Page.open(http)


@pytest.fixture
def held(service: Service, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Rasa understands nothing before this event."""
    let_go, parse = asyncio.Event(), service.dialogue.parse

    async def held_parse(text: str) -> dict[str, Any]:
        await let_go.wait()
        return await parse(text)

    monkeypatch.setattr(type(service.dialogue), "parse", staticmethod(held_parse))
    return let_go


async def test_each_reply_comes_and_the_end_of_the_turn(page: Page) -> None:
    async with page.listen() as stream, page.listen() as second_tab:
        answer = await page.say(DURATION, "first")

        found = await until_turn(stream, "first")

        assert [data for _, _, data in found] == answer["replies"]
        assert await until_turn(second_tab, "first") == found


async def test_without_an_id_nothing_earlier_comes(page: Page) -> None:
    await page.say(DURATION)

    async with page.listen() as stream:
        answer = await page.say(COST, "later")
        assert ids(await until_turn(stream, "later")) == [reply["id"] for reply in answer["replies"]]


async def test_after_an_id_comes_what_was_missed_and_then_what_happens(page: Page) -> None:
    said = [(await page.say(text))["replies"] for text in (DURATION, COST, "Who pays?")]
    missed = [reply["id"] for replies in said[1:] for reply in replies]

    async with page.listen(seen=said[0][-1]["id"]) as stream:
        later = (await page.say(DURATION, "later"))["replies"]
        found = ids(await until_turn(stream, "later"))

    assert found == missed + [reply["id"] for reply in later]


async def test_of_a_turn_half_seen_comes_the_rest(page: Page) -> None:
    first, second = (await page.say(DURATION))["replies"]

    async with page.listen(seen=first["id"]) as stream:
        await page.say(COST, "later")
        assert ids(await until_turn(stream, "later"))[0] == second["id"]


@pytest.mark.parametrize("seen", ["unknown", "x" * 5000, "%00", "another's"])
async def test_after_an_unknown_id_comes_everything_of_its_own(http: httpx.AsyncClient, page: Page, seen: str) -> None:
    other = await Page.open(http)
    foreign = (await other.say(COST))["replies"]
    own = (await page.say(DURATION))["replies"]

    async with page.listen(seen=foreign[0]["id"] if seen == "another's" else seen) as stream:
        later = (await page.say(COST, "later"))["replies"]
        assert ids(await until_turn(stream, "later")) == [reply["id"] for reply in [*own, *later]]


async def test_a_reply_in_the_log_and_in_the_stream_comes_once(
    service: Service, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said after the page began to listen and before the log is read."""
    first = (await page.say(DURATION))["replies"]
    later_replies, between = service.journal.later_replies, []

    async def said_between(*arguments: Any, **rest: Any) -> AsyncIterator[Any]:
        between.extend((await page.say(COST, "between"))["replies"])
        async for replies in later_replies(*arguments, **rest):
            yield replies

    monkeypatch.setattr(type(service.journal), "later_replies", staticmethod(said_between))

    async with page.listen(seen=first[-1]["id"]) as stream:
        assert ids(await until_turn(stream, "between")) == [reply["id"] for reply in between]


async def test_the_rest_of_an_early_answer_comes(page: Page, held: asyncio.Event) -> None:
    async with page.listen() as stream:
        answer = await page.say(REPORT, "urgent")
        assert (answer["more"], [reply["kind"] for reply in answer["replies"]]) == (True, ["emergency"])
        name, reply_id, _ = await asyncio.wait_for(anext(stream), SOON_S)
        assert (name, reply_id) == ("reply", answer["replies"][0]["id"]), "before Rasa has said a word"

        held.set()

        assert kinds(await until_turn(stream, "urgent")) == ["notice"]


@pytest.mark.parametrize("saw_it", [True, False])
async def test_who_comes_back_while_the_turn_runs_misses_nothing(page: Page, held: asyncio.Event, saw_it: bool) -> None:
    """The fixed reply is in no log yet, and was handed over before the page listened."""
    answer = await page.say(REPORT, "urgent")

    async with page.listen(seen=answer["replies"][0]["id"] if saw_it else None) as stream:
        held.set()
        expected = ["notice"] if saw_it else ["emergency", "notice"]
        assert kinds(await until_turn(stream, "urgent")) == expected


async def test_who_saw_only_the_fixed_reply_gets_what_it_overtook(
    service: Service, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    await page.say(DURATION)
    let_go, begun, turn = asyncio.Event(), asyncio.Event(), service.dialogue.turn

    async def held_turn(*arguments: Any, **rest: Any) -> Any:
        begun.set()
        await let_go.wait()
        return await turn(*arguments, **rest)

    monkeypatch.setattr(type(service.dialogue), "turn", staticmethod(held_turn))
    slow = asyncio.create_task(page.say(COST))
    await asyncio.wait_for(begun.wait(), SOON_S)
    emergency = (await page.say(REPORT, "urgent"))["replies"][0]
    let_go.set()
    overtaken = (await slow)["replies"]
    await page.say(REPORT, "urgent")  # joins its turn, and so waits for its end

    async with page.listen(seen=emergency["id"]) as stream:
        await page.say(DURATION, "later")
        found = ids(await until_turn(stream, "later"))

    assert set(found) >= {reply["id"] for reply in overtaken}
    assert emergency["id"] not in found


async def test_a_failure_after_an_early_answer_is_logged_and_apologised_for(
    service: Service, page: Page, monkeypatch: pytest.MonkeyPatch, held: asyncio.Event
) -> None:
    async def fails(*_arguments: object) -> None:
        raise OSError("disk full")

    logged: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr("bot.channels.live_turns.logger.error", lambda event, **rest: logged.append((event, rest)))
    monkeypatch.setattr(type(service.journal), "record", staticmethod(fails))

    async with page.listen() as stream:
        assert (await page.say(REPORT, "urgent"))["more"] is True
        held.set()
        found = await until_turn(stream, "urgent")

    assert kinds(found) == ["emergency", "apology"]
    assert found[1][2]["text"] == service.texts.reply("apology").text
    assert logged == [("widget.turn.failed", {"error": "OSError"})]


def states(service: Service, replies: list[str]) -> list[str]:
    query = "SELECT delivery.state FROM delivery JOIN message ON message.id = message_id WHERE key = ?"
    with closing(sqlite3.connect(service.settings.var_dir / "bot.sqlite3")) as database:
        return [row[0] for reply in replies for row in database.execute(query, (reply,)).fetchall()]


async def eventually(met: Callable[[], bool], page: Page) -> None:
    """Ask the server until it is so."""

    async def ask() -> None:
        while not met():
            await page.http.get("/health")

    await asyncio.wait_for(ask(), SOON_S)


async def test_what_an_early_answer_handed_over_is_marked_delivered(
    service: Service, page: Page, held: asyncio.Event
) -> None:
    answer = await page.say(REPORT, "urgent")
    assert answer["more"] is True
    held.set()

    await eventually(lambda: states(service, [answer["replies"][0]["id"]]) == ["delivered"], page)


async def test_what_the_stream_handed_over_is_marked_delivered(service: Service, app: Application, page: Page) -> None:
    conversation = app._widget._tokens.conversation(page.headers["authorization"].removeprefix("Bearer "))
    assert conversation is not None

    async with page.listen() as stream:
        await app._widget.resume(Inbound("widget", conversation, f"{conversation}:left", DURATION))  # after a crash
        found = ids(await until_turn(stream, "left"))

    assert len(found) == 2
    await eventually(lambda: states(service, found) == ["delivered"] * 2, page)


async def test_a_silent_stream_is_kept_open(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.event_stream.HEARTBEAT_S", 0.01)

    async with page.http.stream("GET", EVENTS, headers=page.headers) as response:
        lines = response.aiter_lines()
        heard = [await asyncio.wait_for(anext(lines), SOON_S) for _ in range(6)]

    assert heard == [": listening", ""] * 3


async def test_who_leaves_is_forgotten(app: Application, page: Page) -> None:
    async with page.listen():
        assert len(app._widget._broker._listeners) == 1

    await eventually(lambda: app._widget._broker._listeners == {}, page)


async def test_erasing_ends_the_stream(page: Page) -> None:
    async with page.listen() as stream:
        erased = await page.http.delete("/channels/widget/conversation", headers=page.headers)

        assert erased.status_code == 204
        assert [event async for event in stream] == []


async def test_without_a_session_nobody_listens(http: httpx.AsyncClient) -> None:
    assert (await http.get(EVENTS)).status_code == 401


async def test_a_stop_ends_open_streams_and_does_not_wait_for_them(service: Service) -> None:
    async with served(create_app(service)) as (address, server), httpx.AsyncClient(base_url=address) as http:
        page = await Page.open(http)
        async with page.listen() as stream:
            server.should_exit = True
            assert await asyncio.wait_for(_rest(stream), SOON_S) == []


async def _rest(stream: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in stream]


async def test_a_reader_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.event_stream.SEND_LIMIT_S", 0.01)
    ended = asyncio.Event()

    async def frames() -> AsyncIterator[bytes]:
        yield b": listening\n\n"

    async def send(_message: object) -> None:
        await asyncio.Event().wait()

    async def receive() -> dict[str, str]:
        await asyncio.Event().wait()
        return {}

    stream = EventStream(frames(), ended.set)
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}

    await asyncio.wait_for(stream(scope, receive, send), SOON_S)  # type: ignore[arg-type]

    assert ended.is_set()
