"""Failure tests: whatever is broken, the first reply to a red flag is the fixed emergency text, byte for byte."""

import asyncio
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from first_replies import MIXED, REPORT, Family, assert_first_is_emergency, emergency, fails, names, within
from rasa.engine.graph import GraphNode
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.answering import Answering
from bot.app import create_app
from bot.conversations.spool import Spool
from bot.data_file import DataFileError
from bot.dialogue.agent import Spoken
from bot.dialogue.trackers import RecentTrackers
from bot.dialogue.worker import DialogueUnavailable, DialogueWorker
from bot.redflags.lexicon import FOLDER
from bot.service import Service
from bot.settings import Settings
from bot.storage.database import session_factory

SOON_S = 30  # far above any limit here: a test that takes as long hangs
SESSIONS, MESSAGES = "/channels/widget/sessions", "/channels/widget/messages"
DURATION = "How long does CRS usually last?"

Start = Callable[..., Service]
Break = Callable[[Service, Path], AbstractContextManager[None]]


@pytest_asyncio.fixture
async def start(settings: Settings, sessions: "sessionmaker[Session]", model: Path) -> AsyncIterator[Start]:
    """Starts services on a database of the test's own, without background work."""
    started: list[Service] = []

    def start(model: Path = model, rules: Path = FOLDER, **changed: Any) -> Service:
        service = Service(settings.copy(update=changed), model=model, sessions=sessions, rules=rules)
        started.append(service)
        return service

    yield start
    for service in started:
        await service.stop()


@pytest_asyncio.fixture
async def own(start: Start) -> Service:
    """A service on a database of the test's own."""
    service = start()
    await service.dialogue.loaded()
    return service


# Rasa


COMPONENTS = [
    *("QuestionSplitter", "SentenceFeaturizer", "TopicClassifier", "QuestionResolver", "RedFlagComponent"),
]
RAISING = [
    "bot.dialogue.agent.RasaDialogue.parse",
    "bot.answers.answering.Answering.reply",
    "rasa_sdk.executor.ActionExecutor.run",
    "bot.dialogue.local_actions.LocalActions.request",
    *(f"bot.dialogue.trackers.RecentTrackers.{method}" for method in ("holds", "begin", "save", "retrieve")),
]
ERRORS = [RuntimeError("broken"), MemoryError(), RecursionError(), OSError(28, "No space left on device")]


async def _hear_it_with_rasa_broken(service: Service) -> None:
    family = Family(service)
    for text in (MIXED, REPORT):
        family.delivered.clear()
        await family.send(text)
        assert_first_is_emergency(service, family.delivered)
        assert not {"apology", "crs_duration"} & set(names(family.delivered))
    assert await family.hears(DURATION) == ["apology"]


@pytest.mark.parametrize("component", COMPONENTS)
async def test_a_component_raises(service: Service, monkeypatch: pytest.MonkeyPatch, component: str) -> None:
    call = GraphNode.__call__
    raised = []

    def raising(node: GraphNode, *inputs: Any) -> Any:
        if node._component_class.__name__ == component:
            raised.append(component)
            raise RuntimeError("broken")
        return call(node, *inputs)

    monkeypatch.setattr(GraphNode, "__call__", raising)

    await _hear_it_with_rasa_broken(service)
    assert len(raised) == 3


@pytest.mark.parametrize("target", RAISING)
async def test_rasa_raises(service: Service, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """In understanding, in an action, in the tracker store."""
    monkeypatch.setattr(target, fails(RuntimeError("broken")))

    await _hear_it_with_rasa_broken(service)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_action_raises_whatever_it_likes(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    family = Family(service)
    monkeypatch.setattr(Answering, "reply", fails(error))

    assert await family.hears(MIXED) == ["emergency", "notice"]

    assert_first_is_emergency(service, family.delivered)
    assert await family.hears(DURATION) == ["apology"]


def _nothing(archive: bytes) -> None:
    return None


MODELS: list[tuple[str, Callable[[bytes], bytes | None]]] = [
    ("missing", _nothing),
    ("empty", lambda archive: b""),
    ("text", lambda archive: b"no model"),
    ("cut off", lambda archive: archive[: len(archive) // 2]),
    ("damaged", lambda archive: archive[:1000] + b"\0" * 1000 + archive[2000:]),
]


@pytest.fixture
def damaged(request: pytest.FixtureRequest, model: Path, tmp_path: Path) -> Path:
    """A model archive that something has happened to."""
    archive = tmp_path / "model.tar.gz"
    if (content := request.param(model.read_bytes())) is not None:
        archive.write_bytes(content)
    return archive


@pytest.mark.parametrize("damaged", [pytest.param(damage, id=name) for name, damage in MODELS], indirect=True)
async def test_no_model(start: Start, damaged: Path) -> None:
    service = start(damaged)
    while_loading, afterwards = Family(service), Family(service)

    assert (await while_loading.hears(MIXED))[0] == "emergency"
    with pytest.raises(DialogueUnavailable):
        await service.dialogue.loaded()
    assert await afterwards.hears(MIXED) == ["emergency", "notice"]

    for family in (while_loading, afterwards):
        assert_first_is_emergency(service, family.delivered)
    assert await afterwards.hears(DURATION) == ["apology"]
    assert "your local emergency number" in afterwards.delivered[-1].text


def _sleeping(monkeypatch: pytest.MonkeyPatch, seconds: float) -> threading.Event:
    """Let the next action block its thread; the event is set once it does."""
    asleep = threading.Event()
    reply = Answering.reply

    def sleepy(self: Answering, *arguments: Any) -> Any:
        if not asleep.is_set():
            asleep.set()
            time.sleep(seconds)
        return reply(self, *arguments)

    monkeypatch.setattr(Answering, "reply", sleepy)
    return asleep


async def _happens(event: threading.Event) -> None:
    assert await asyncio.get_running_loop().run_in_executor(None, event.wait, SOON_S)


async def _becomes(condition: Callable[[], bool]) -> None:
    async def becomes() -> None:
        while not condition():  # noqa: ASYNC110 - nothing says so by itself
            await asyncio.sleep(0)

    await asyncio.wait_for(becomes(), SOON_S)


async def test_an_action_blocks(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    service = start(turn_timeout_s=0.3)
    await service.dialogue.loaded()
    family, other = Family(service), Family(service)
    asleep = _sleeping(monkeypatch, 1.0)

    blocked = asyncio.create_task(family.send(MIXED))
    await _happens(asleep)
    assert await other.hears(MIXED) == ["emergency", "notice"]
    await blocked

    assert names(family.delivered) == ["emergency", "notice"]
    assert_first_is_emergency(service, family.delivered)
    assert_first_is_emergency(service, other.delivered)
    assert max(family.seconds[0], other.seconds[0]) < within(0.3)


async def test_who_waits_for_a_worker_that_is_replaced_gets_the_apology(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.dialogue.worker.STUCK_AFTER_S", 0.3)
    service = start(turn_timeout_s=0.3)
    await service.dialogue.loaded()
    blocked, waiting = Family(service), Family(service)
    wake_up = threading.Event()
    monkeypatch.setattr(Answering, "reply", lambda *_: wake_up.wait(SOON_S))

    assert await blocked.hears(DURATION) == ["notice", "apology"]
    service.dialogue._limit_s = SOON_S
    turn = asyncio.create_task(waiting.send(DURATION))
    await _becomes(lambda: service.dialogue.replaced == 1)
    wake_up.set()
    await asyncio.wait({turn}, timeout=SOON_S)
    await service.dialogue.loaded()

    assert names(waiting.delivered) == ["notice", "apology"]


# The database


@contextmanager
def _locked(service: Service, tmp_path: Path) -> Iterator[None]:
    """As another program holds it that writes and does not finish."""
    with closing(sqlite3.connect(service.settings.var_dir / "bot.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def _bound_to(service: Service, engine: Engine) -> Iterator[None]:
    store, answers = service.journal._store, service.answers
    before = store._sessions
    store._sessions = answers._sessions = session_factory(engine)
    yield
    store._sessions = answers._sessions = before
    engine.dispose()


@contextmanager
def _read_only(service: Service, tmp_path: Path) -> Iterator[None]:
    with _bound_to(service, create_engine(f"sqlite:///file:{tmp_path}/bot.sqlite3?mode=ro&uri=true", future=True)):
        yield


@contextmanager
def _unusable_url(service: Service, tmp_path: Path) -> Iterator[None]:
    with _bound_to(service, create_engine(f"sqlite:///{tmp_path}/no-such-folder/bot.sqlite3", future=True)):
        yield


@contextmanager
def _removed(service: Service, tmp_path: Path) -> Iterator[None]:
    """The file and what belongs to it; for new connections and for those that are open."""
    (tmp_path / "kept").mkdir()
    for file in tmp_path.glob("bot.sqlite3*"):
        file.rename(tmp_path / "kept" / file.name)
    service.journal._store._sessions.kw["bind"].dispose()
    yield
    service.journal._store._sessions.kw["bind"].dispose()
    _delete_database(tmp_path)
    for file in (tmp_path / "kept").iterdir():
        file.rename(tmp_path / file.name)


@contextmanager
def _no_file(service: Service, tmp_path: Path) -> Iterator[None]:
    """A file that is no database."""
    with _removed(service, tmp_path):
        (tmp_path / "bot.sqlite3").write_bytes(b"no database" * 1000)
        yield


BREAKS: list[Break] = [_locked, _read_only, _unusable_url, _removed, _no_file]


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.__name__[1:])
async def test_the_database_is_broken(
    own: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Break
) -> None:
    """The reply comes first and at once, the topic's answer follows, and the log has all of it in the end, once."""
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", SOON_S)  # a late write would change the log's order
    family = Family(own)
    with broken(own, tmp_path):
        assert await family.hears(MIXED) == ["emergency", "notice", "crs_duration"]
        own.answers.refresh()
        assert await family.hears(DURATION) == ["crs_duration"]

    assert_first_is_emergency(own, family.delivered)
    assert family.seconds[0] < within(0.1)
    await own.journal.read_back()
    assert await family.log() == [MIXED, "emergency", "notice", "crs_duration", DURATION, "crs_duration"]


def _delete_database(folder: Path) -> None:
    for file in folder.glob("bot.sqlite3*"):
        file.unlink()


async def test_the_file_of_the_database_is_deleted_under_open_connections(own: Service, tmp_path: Path) -> None:
    family = Family(own)
    await family.hears(DURATION)
    family.delivered.clear()
    _delete_database(tmp_path)

    assert await family.hears(MIXED) == ["emergency", "crs_duration"]

    assert_first_is_emergency(own, family.delivered)


async def test_neither_database_nor_disk_nor_model(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the detectors' rules is left."""
    service = start(tmp_path / "missing.tar.gz")
    monkeypatch.setattr(Spool, "append", fails(OSError(28, "No space left on device")))
    family = Family(service)

    with _unusable_url(service, tmp_path), pytest.raises(OSError, match="No space left"):
        await family.send(MIXED)

    assert names(family.delivered) == ["emergency"]
    assert_first_is_emergency(service, family.delivered)


@pytest_asyncio.fixture
async def http(own: Service) -> AsyncIterator[httpx.AsyncClient]:
    """The own service's endpoints."""
    transport = httpx.ASGITransport(app=create_app(own))
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        yield client


class Page:
    """A browser with a session of its own."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {token}"}

    @classmethod
    async def opened(cls, http: httpx.AsyncClient) -> "Page":
        return cls(http, (await http.post(SESSIONS)).json()["token"])

    async def say(self, text: str, client_id: str) -> tuple[list[dict[str, Any]], float]:
        """The replies, and how many seconds they took."""
        started = time.perf_counter()
        response = await self._http.post(MESSAGES, json={"id": client_id, "text": text}, headers=self._headers)
        assert response.status_code == 200, response.text
        return response.json()["replies"], time.perf_counter() - started

    async def say_again(self, text: str, client_id: str) -> list[dict[str, Any]]:
        """All replies to a message: it is sent until there are no more."""
        while True:
            body = {"id": client_id, "text": text}
            answer = (await self._http.post(MESSAGES, json=body, headers=self._headers)).json()
            if not answer.get("more"):
                return list(answer["replies"])

    async def history(self) -> list[str]:
        response = await self._http.get(MESSAGES, headers=self._headers)
        return [
            message["text"] if message["from"] == "family" else message["topic"] or message["kind"]
            for message in response.json()["messages"]
        ]


LOCKED_S = 30


async def test_the_database_is_locked_and_the_page_asks(own: Service, http: httpx.AsyncClient, tmp_path: Path) -> None:
    urgent, ordinary = await Page.opened(http), await Page.opened(http)
    await (await Page.opened(http)).say("What is CRS?", "1")  # what is loaded at first use is loaded

    with _locked(own, tmp_path):
        fixed, fixed_s = await urgent.say(MIXED, "1")
        answer, answer_s = await ordinary.say(DURATION, "1")
        rest = await urgent.say_again(MIXED, "1")  # what the first request did not wait for
        await asyncio.sleep(LOCKED_S)  # long past every limit of the service and of SQLite's driver
        late, late_s = await urgent.say(REPORT, "2")
        await urgent.say_again(REPORT, "2")  # what the request did not wait for is in the spool
        assert await urgent.history() == await ordinary.history() == []

    assert fixed[0]["text"].encode() == rest[0]["text"].encode() == emergency(own)
    assert late[0]["text"].encode() == emergency(own)
    assert max(fixed_s, late_s) < within(0.5)
    assert [reply["topic"] or reply["kind"] for reply in answer] == ["notice", "crs_duration"]
    assert answer_s < within(3)
    assert rest[-1]["topic"] == "crs_duration"
    await own.journal.read_back()
    assert await urgent.history() == [MIXED, "emergency", "notice", "crs_duration", REPORT, "emergency"]
    assert await ordinary.history() == [DURATION, "notice", "crs_duration"]
    assert await own.journal.read_back() == 0


# The rules


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A copy of the rules' folder."""
    folder = tmp_path / "rules"
    shutil.copytree(FOLDER, folder)
    return folder


def _delete(file: Path) -> None:
    file.unlink()


def _append(text: str) -> Callable[[Path], None]:
    def append(file: Path) -> None:
        file.write_text(file.read_text("utf-8").rstrip("\n") + "\n" + text, encoding="utf-8")

    return append


RULES = ("lexicon.yml", "languages.yml", "spelling.yml", "vitals.yml", "context.yml", "readable.yml", "bursts.yml")
DAMAGES: list[tuple[str, Callable[[Path], None], str]] = [
    ("not YAML", _append("broken: [\n"), "line {last}: not valid YAML: "),
    ("unknown key", _append("misspelt: 1\n"), "line {last}: misspelt: "),
    ("cut off", lambda file: file.write_text(file.read_text("utf-8")[:60]), "line "),
    ("not text", lambda file: file.write_bytes(b"\xff\xfe\x00"), "cannot be read: "),
    ("deleted", _delete, "cannot be read: "),
]


@pytest.mark.parametrize(
    ("name", "damage", "fault"),
    [
        *(pytest.param(name, *DAMAGES[0][1:], id=name) for name in RULES),
        *(pytest.param(RULES[0], *rest, id=f"{RULES[0]} {how}") for how, *rest in DAMAGES[1:]),
    ],
)
def test_with_a_damaged_file_of_rules_it_does_not_start(
    settings: Settings,
    sessions: "sessionmaker[Session]",
    rules: Path,
    name: str,
    damage: Callable[[Path], None],
    fault: str,
) -> None:
    file = rules / name
    last = len(file.read_text("utf-8").splitlines()) + 1
    damage(file)

    with pytest.raises(DataFileError) as raised:
        Service(settings, model=Path("any.tar.gz"), sessions=sessions, rules=rules)

    told = str(raised.value)
    separator = ", " if fault.startswith("line") else ": "
    assert told.startswith(f"{file}{separator}{fault.split('{')[0]}")
    if "{last}" in fault:  # a YAML fault at the end of the file is seen one line later
        assert told.startswith(tuple(f"{file}, {fault.format(last=line)}" for line in (last, last + 1)))
    assert "\n" not in told


async def test_rules_that_are_damaged_while_it_runs_do_not_matter(rules: Path, start: Start) -> None:
    service = start(rules=rules)
    await service.dialogue.loaded()
    ruleset = service.gate.ruleset
    for name in RULES:
        (rules / name).write_text("broken: [\n")

    family = Family(service)

    assert await family.hears(MIXED) == ["emergency", "notice", "crs_duration"]
    assert_first_is_emergency(service, family.delivered)
    assert await family.hears(DURATION) == ["crs_duration"]
    assert service.gate.ruleset == ruleset


# Busy


class Held:
    """Holds up the turns that Rasa takes for a text."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()
        turn = DialogueWorker.turn

        async def held(worker: DialogueWorker, conversation: str, said: str, **rest: Any) -> Spoken:
            if said == text:
                self.begun.set()
                await asyncio.wait_for(self.let_go.wait(), SOON_S)
            return await turn(worker, conversation, said, **rest)

        monkeypatch.setattr(DialogueWorker, "turn", held)


async def _arrives(family: Family, replies: int = 1) -> None:
    await _becomes(lambda: len(family.delivered) >= replies)


async def test_the_same_conversation_is_busy(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    family, held = Family(service), Held(monkeypatch, "What is CRS?")

    slow = asyncio.create_task(family.send("What is CRS?"))
    await asyncio.wait_for(held.begun.wait(), SOON_S)
    urgent = asyncio.create_task(family.send(MIXED))
    await _arrives(family)
    assert not slow.done()
    assert_first_is_emergency(service, family.delivered)
    held.let_go.set()
    await asyncio.gather(slow, urgent)

    assert names(family.delivered) == ["emergency", "notice", "what_is_crs", "crs_duration"]
    assert family.seconds[0] < within(0.3)


async def test_a_repeated_red_flag_joins_its_turn(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    family, held = Family(service), Held(monkeypatch, MIXED)
    message_id = uuid.uuid4().hex

    first = asyncio.create_task(family.send(MIXED, message_id=message_id))
    await asyncio.wait_for(held.begun.wait(), SOON_S)
    second = asyncio.create_task(family.send(MIXED, message_id=message_id))
    await _arrives(family, 2)
    assert not first.done()
    held.let_go.set()
    results = await asyncio.gather(first, second)

    assert [reply.text.encode() for reply in family.delivered[:2]] == [emergency(service)] * 2
    assert names(family.delivered) == ["emergency", "emergency", "notice", "crs_duration"]
    assert [result.repeated for result in results] == [False, True]
    assert results[0].replies == results[1].replies
    assert await family.log() == [MIXED, "emergency", "notice", "crs_duration"]


BENIGN = [
    *("What is CRS?", DURATION, "How is CRS treated?", "What is tocilizumab?", "When does CRS start after CAR-T?"),
    *("What does CancerFax do for families?", "Are visitors allowed on the ward?", "Hello", "Thank you so much"),
    *("Does everyone get CRS?", "What is grade 2 CRS?", "What about steroids?"),
]
CONVERSATIONS, TRIES, ASLEEP_S = 200, 20, 10.0


async def test_everyone_asks_at_once_and_a_turn_blocks(own: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await Family(own).hears(DURATION)  # what is loaded at first use is loaded
    asleep = _sleeping(monkeypatch, ASLEEP_S)
    blocked = asyncio.create_task(Family(own).send(DURATION))
    await _happens(asleep)
    asking = [Family(own) for _ in range(CONVERSATIONS)]
    turns = [asyncio.create_task(family.send(BENIGN[number % len(BENIGN)])) for number, family in enumerate(asking)]

    urgent = [Family(own) for _ in range(TRIES)]
    for family in urgent:
        turns.append(asyncio.create_task(family.send(REPORT)))
        await _arrives(family)
    assert not blocked.done()
    await asyncio.gather(blocked, *turns)

    for family in urgent:
        assert_first_is_emergency(own, family.delivered)
    assert sorted(family.seconds[0] for family in urgent)[TRIES * 95 // 100 - 1] < within(0.3)
    for family in asking:
        assert len(family.delivered) == 2
        assert not {"emergency", "crisis"} & set(names(family.delivered))


async def test_the_tracker_store_is_gone(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it at once, in the middle of a conversation."""
    family = Family(service)
    await family.hears(DURATION)
    family.delivered.clear()
    for method in ("holds", "begin", "save", "retrieve", "forget"):
        monkeypatch.setattr(RecentTrackers, method, fails(ConnectionError("gone")))

    assert await family.hears(MIXED) == ["emergency"]

    assert_first_is_emergency(service, family.delivered)
