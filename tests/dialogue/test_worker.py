"""bot.dialogue.worker: whatever Rasa does, an answer or a refusal comes within the limit."""

import asyncio
import contextlib
import tarfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.answering import Answering
from bot.answers.setup import make_answering
from bot.dialogue.agent import ModelError, Spoken
from bot.dialogue.topic_model import WEIGHTS_FILE
from bot.dialogue.worker import DialogueUnavailable, DialogueWorker
from bot.settings import Settings

LIMIT_S = 0.1
SOON_S = 30  # far above any limit here: a test that takes as long hangs

MakeWorker = Callable[..., DialogueWorker]
DamageModel = Callable[[Path, Path], None]


class FakeRasa:
    """Stands in for RasaDialogue's class: its dialogues say which of them answered, and do what the text says."""

    def __init__(self) -> None:
        self.loads = 0
        self.fault: Exception | None = None
        self.may_load = threading.Event()
        self.may_load.set()
        self.reloaded = threading.Event()
        self.held = threading.Event()  # a thread is being held …
        self.let_go = threading.Event()  # … until this is set
        self.threads: list[threading.Thread] = []

    def __call__(self, model: Path, answering: Answering) -> "FakeDialogue":
        assert self.may_load.wait(SOON_S)
        if self.fault is not None:
            raise self.fault
        self.loads += 1
        self.threads.append(threading.current_thread())
        if self.loads > 1:
            self.reloaded.set()
        return FakeDialogue(self, self.loads)

    def hold(self) -> None:
        """Hold the thread up, as time.sleep or an endless loop would."""
        self.held.set()
        assert self.let_go.wait(SOON_S)


class FakeDialogue:
    def __init__(self, rasa: FakeRasa, number: int) -> None:
        self._rasa = rasa
        self._number = number

    def parse(self, text: str) -> dict[str, Any]:
        if text == "hold":
            self._rasa.hold()
        elif text == "fail":
            raise LookupError("a component failed")
        return {"text": text, "by": self._number}

    async def turn(self, conversation: str, text: str, *, parse_data: dict[str, Any], topic: str | None) -> Spoken:
        if text == "wait":
            await asyncio.Event().wait()
        elif text == "fail":
            raise LookupError("an action failed")
        return Spoken({**parse_data, "by": self._number, "conversation": conversation, "text": text}, topic=topic)


@pytest.fixture
def rasa(monkeypatch: pytest.MonkeyPatch) -> FakeRasa:
    rasa = FakeRasa()
    monkeypatch.setattr("bot.dialogue.worker.RasaDialogue", rasa)
    return rasa


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> FakeRasa:
    """Holds up the first answer that an action asks for."""
    holder = FakeRasa()
    reply = Answering.reply

    def held(self: Answering, *arguments: Any) -> Any:
        if not holder.held.is_set():
            holder.hold()
        return reply(self, *arguments)

    monkeypatch.setattr(Answering, "reply", held)
    return holder


@pytest_asyncio.fixture
async def make_worker(settings: Settings, sessions: "sessionmaker[Session]") -> AsyncIterator[MakeWorker]:
    """Makes workers that are closed in the end."""
    with contextlib.ExitStack() as opened:

        def make_worker(model: Path = Path("model.tar.gz"), *, limit_s: float = SOON_S) -> DialogueWorker:
            worker = DialogueWorker(model, make_answering(settings), limit_s=limit_s)
            opened.callback(worker.close)
            return worker

        yield make_worker


async def happens(event: threading.Event) -> None:
    assert await asyncio.get_running_loop().run_in_executor(None, event.wait, SOON_S)


async def ends(thread: threading.Thread) -> None:
    await asyncio.get_running_loop().run_in_executor(None, thread.join, SOON_S)
    assert not thread.is_alive()


async def refused(asking: Awaitable[object], match: str) -> None:
    """It is refused, and within the limit."""
    started = time.perf_counter()
    with pytest.raises(DialogueUnavailable, match=match):
        await asking
    assert time.perf_counter() - started < LIMIT_S + 5


async def next_answer(worker: DialogueWorker) -> int:
    """Which dialogue answers the next question, however slow this machine is."""
    worker._limit_s = SOON_S
    return int((await worker.parse("next"))["by"])


async def test_questions_are_handed_to_rasa_and_its_answers_back(rasa: FakeRasa, make_worker: MakeWorker) -> None:
    worker = make_worker()
    await worker.loaded()

    assert await worker.parse("What is CRS?") == {"text": "What is CRS?", "by": 1}
    spoken = await worker.turn("family", "How long?", parse_data={"intent": {}}, topic="what_is_crs")
    assert spoken == Spoken({"intent": {}, "by": 1, "conversation": "family", "text": "How long?"}, topic="what_is_crs")
    assert (worker.dropped_late, worker.replaced) == (0, 0)


async def test_what_a_component_raises_comes_through_and_does_no_harm(rasa: FakeRasa, make_worker: MakeWorker) -> None:
    worker = make_worker()
    await worker.loaded()

    with pytest.raises(LookupError, match="a component failed"):
        await worker.parse("fail")
    with pytest.raises(LookupError, match="an action failed"):
        await worker.turn("family", "fail", parse_data={})

    assert await next_answer(worker) == 1
    assert (worker.dropped_late, worker.replaced) == (0, 0)


async def test_a_worker_that_blocks_is_not_waited_for(rasa: FakeRasa, make_worker: MakeWorker) -> None:
    worker = make_worker(limit_s=LIMIT_S)
    await worker.loaded()

    await refused(worker.parse("hold"), f"no answer within {LIMIT_S} s")

    assert rasa.held.is_set()
    assert worker.dropped_late == 1
    rasa.let_go.set()


async def test_a_turn_that_never_ends_is_given_up(rasa: FakeRasa, make_worker: MakeWorker) -> None:
    worker = make_worker(limit_s=LIMIT_S)
    await worker.loaded()

    await refused(worker.turn("family", "wait", parse_data={}), "no answer within")

    assert worker.dropped_late == 1
    assert await next_answer(worker) == 1  # the thread was free all the while


async def test_a_worker_that_comes_back_is_kept(rasa: FakeRasa, make_worker: MakeWorker) -> None:
    worker = make_worker(limit_s=LIMIT_S)
    await worker.loaded()
    await refused(worker.parse("hold"), "no answer within")
    assert worker._replacing is not None

    rasa.let_go.set()
    await asyncio.wait_for(worker._replacing, SOON_S)

    assert await next_answer(worker) == 1
    assert (worker.dropped_late, worker.replaced, rasa.loads) == (1, 0, 1)


async def test_a_stuck_worker_is_replaced_and_the_next_turn_answered(
    rasa: FakeRasa, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.dialogue.worker.STUCK_AFTER_S", 0.05)
    worker = make_worker(limit_s=LIMIT_S)
    await worker.loaded()

    await refused(worker.parse("hold"), "no answer within")
    await happens(rasa.reloaded)
    await worker.loaded()

    assert await next_answer(worker) == 2
    assert (worker.dropped_late, worker.replaced, rasa.loads) == (1, 1, 2)
    rasa.let_go.set()
    await ends(rasa.threads[0])  # the old thread does not stay for ever


async def test_several_turns_held_up_by_one_worker_replace_it_once(
    rasa: FakeRasa, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.dialogue.worker.STUCK_AFTER_S", 0.05)
    worker = make_worker(limit_s=LIMIT_S)
    await worker.loaded()

    await asyncio.gather(*(refused(worker.parse("hold"), "no answer within") for _ in range(5)))
    await happens(rasa.reloaded)
    await worker.loaded()

    assert await next_answer(worker) == 2
    assert (worker.dropped_late, worker.replaced, rasa.loads) == (5, 1, 2)
    rasa.let_go.set()


async def test_a_turn_from_before_the_replacement_replaces_nothing(
    rasa: FakeRasa, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.dialogue.worker.STUCK_AFTER_S", 0.05)
    worker = make_worker(limit_s=LIMIT_S)
    await worker.loaded()
    first = asyncio.create_task(refused(worker.parse("hold"), "no answer within"))
    await happens(rasa.held)
    worker._limit_s = 10 * LIMIT_S
    second = asyncio.create_task(refused(worker.parse("in the queue"), "no answer within"))

    await first
    await happens(rasa.reloaded)
    await worker.loaded()
    await second
    assert worker._replacing is not None
    await asyncio.wait_for(worker._replacing, SOON_S)

    assert await next_answer(worker) == 2
    assert (worker.dropped_late, worker.replaced, rasa.loads) == (2, 1, 2)
    rasa.let_go.set()


async def test_a_worker_is_replaced_again_when_the_new_one_is_stuck(
    rasa: FakeRasa, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.dialogue.worker.STUCK_AFTER_S", 0.05)
    worker = make_worker(limit_s=LIMIT_S)
    for _ in range(2):
        await worker.loaded()
        rasa.reloaded.clear()
        await refused(worker.parse("hold"), "no answer within")
        await happens(rasa.reloaded)
    await worker.loaded()

    assert await next_answer(worker) == 3
    assert worker.replaced == 2
    rasa.let_go.set()


async def test_a_question_waits_for_the_model_within_the_limit(rasa: FakeRasa, make_worker: MakeWorker) -> None:
    """A page sends its unsent messages as soon as the service listens: they must not all get the apology."""
    rasa.may_load.clear()
    worker = make_worker(limit_s=LIMIT_S)

    await refused(worker.parse("What is CRS?"), "still loading")
    await refused(worker.turn("family", "What is CRS?", parse_data={}), "still loading")
    worker._limit_s = SOON_S
    waiting = [asyncio.create_task(worker.parse("What is CRS?")) for _ in range(100)]
    await asyncio.sleep(0)

    assert worker.is_loading
    rasa.may_load.set()
    assert [answer["by"] for answer in await asyncio.gather(*waiting)] == [1] * 100
    assert not worker.is_loading
    assert worker.dropped_late == 0


async def test_a_replacement_that_does_not_load_is_told(
    rasa: FakeRasa, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.dialogue.worker.STUCK_AFTER_S", 0.05)
    worker = make_worker(limit_s=LIMIT_S)
    await worker.loaded()
    rasa.fault = ModelError("the model went away: run `bot train`")

    await refused(worker.parse("hold"), "no answer within")
    assert worker._replacing is not None
    await asyncio.wait_for(worker._replacing, SOON_S)

    with pytest.raises(DialogueUnavailable, match="went away: run `bot train`"):
        await worker.loaded()
    with pytest.raises(DialogueUnavailable, match="went away: run `bot train`"):
        await worker.parse("next")
    rasa.let_go.set()


async def test_closing_ends_the_thread(rasa: FakeRasa, settings: Settings, sessions: "sessionmaker[Session]") -> None:
    worker = DialogueWorker(Path("model.tar.gz"), make_answering(settings), limit_s=SOON_S)
    await worker.loaded()

    worker.close()

    await ends(rasa.threads[0])


async def test_closing_while_a_question_waits_for_the_model_refuses_it(
    rasa: FakeRasa, settings: Settings, sessions: "sessionmaker[Session]"
) -> None:
    rasa.may_load.clear()
    worker = DialogueWorker(Path("model.tar.gz"), make_answering(settings), limit_s=SOON_S)
    waiting = asyncio.create_task(worker.parse("What is CRS?"))
    await asyncio.sleep(0)

    worker.close()
    rasa.may_load.set()

    await refused(waiting, "the service stops")


# the real model


async def test_an_action_that_blocks_costs_its_own_turn_only(
    model: Path, make_worker: MakeWorker, blocked: FakeRasa
) -> None:
    worker = make_worker(model)
    await worker.loaded()
    parse_data = await worker.parse("What is CRS?")
    worker._limit_s = LIMIT_S

    await refused(worker.turn("family", "What is CRS?", parse_data=parse_data), "no answer within")
    await happens(blocked.held)
    blocked.let_go.set()
    worker._limit_s = SOON_S

    parse_data = await worker.parse("How long does it last?")
    spoken = await worker.turn("family", "How long does it last?", parse_data=parse_data, topic="what_is_crs")
    assert [utterance["topic"] for utterance in spoken.utterances] == ["crs_duration"]
    assert (worker.dropped_late, worker.replaced) == (1, 0)


def write(content: bytes) -> DamageModel:
    def damage(model: Path, damaged: Path) -> None:
        damaged.write_bytes(content)

    return damage


def cut_short(model: Path, damaged: Path) -> None:
    content = model.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])


def without(*names: str, instead: bytes | None = None) -> DamageModel:
    """The model without the files that end so, or with other ones in their place."""

    def damage(model: Path, damaged: Path) -> None:
        folder = damaged.with_name("unpacked")
        with tarfile.open(model) as archive:
            archive.extractall(folder)
        for path in [path for path in folder.rglob("*") if path.name in names]:
            if instead is None:
                path.unlink()
            else:
                path.write_bytes(instead)
        with tarfile.open(damaged, "w:gz", compresslevel=1) as archive:
            archive.add(folder, ".")

    return damage


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda model, damaged: None, "is no trained model: run `bot train`"),
        (lambda model, damaged: damaged.mkdir(), "is no trained model: run `bot train`"),
        (write(b""), "run `bot train`"),
        (write(b"no archive"), "run `bot train`"),
        (cut_short, "run `bot train`"),
        (without("metadata.json"), "run `bot train`"),
        (without("metadata.json", instead=b"{}"), "run `bot train`"),
        (without(WEIGHTS_FILE), "the topic model in .* cannot be read .*: run `bot train`"),
        (without(WEIGHTS_FILE, instead=b"no weights"), "the topic model in .* cannot be read .*: run `bot train`"),
    ],
    ids=[
        "missing",
        "folder",
        "empty",
        "text",
        "cut short",
        "no metadata",
        "empty metadata",
        "no weights",
        "damaged weights",
    ],
)
async def test_a_model_that_cannot_be_loaded_is_told_with_a_remedy(
    model: Path, tmp_path: Path, make_worker: MakeWorker, damage: DamageModel, reason: str
) -> None:
    path = tmp_path / "damaged.tar.gz"
    damage(model, path)
    worker = make_worker(path)

    for asking in (worker.loaded, lambda: worker.parse("hello"), lambda: worker.turn("f", "hello", parse_data={})):
        with pytest.raises(DialogueUnavailable, match=f"^{path} .*{reason}"):
            await asking()
    assert (worker.dropped_late, worker.replaced) == (0, 0)
