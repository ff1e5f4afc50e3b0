"""`kill -9` while replies are on their way to messengers: none is lost, and what is sent twice is marked as such."""

import os
import random
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from outgoing import Log, Outgoing, Vendors, Writing
from server_process import Server, server
from vendor import Scripted
from vendors_say import MESSENGER, TELEGRAM, TWILIO, WHATSAPP, Speaker

from bot.conversations.models import ANSWERED, OPEN, PENDING, SENDING, SENT

FOR_EVER_S = 600.0  # longer than a test
QUESTION, RED_FLAG = "How long does CRS usually last?", "He has a fever of 39.5"
LONG_TOPIC, LONG_QUESTION = "crs_grading", "What do the CRS grades 1 to 4 mean?"
TEXTS = (QUESTION, RED_FLAG, "What is CRS?")
FAMILIES, KILLS = 30, 3
SOON_S = 60.0  # on a machine that does much else
LONGER = "\n\nThis sentence makes an answer longer than one text message." * 15


@pytest.fixture
def vendors() -> Iterator[Vendors]:
    vendors = Vendors()
    yield vendors
    vendors.close()


@dataclass(frozen=True)
class Case:
    """A message, what was known of its replies when the service was killed, and what became of them.

    Attributes:
        reply: the kind of the reply that was on its way.
        at_kill: its state in the log then; empty where the log did not have it.
        vendor: what its vendor does: answers, holds its answer back, is deaf, is away.
        arrives: how often each of its parts reaches the family.
        marked: whether the log says that it may have been sent twice.
    """

    name: str
    writing: Writing
    reply: str
    at_kill: str
    vendor: str
    arrives: tuple[int, ...]
    marked: bool


def cases(*rows: tuple[str, Speaker, str, str, str, str, tuple[int, ...], bool]) -> list[Case]:
    return [
        Case(name, Writing(speaker, number, 1, text), *values)
        for number, (name, speaker, text, *values) in enumerate(rows, start=1)
    ]


# What the log had of the replies when the service was killed; "" stands for nothing: their message was left open.
WRITTEN_DOWN = cases(
    ("answer, taken", WHATSAPP, QUESTION, "answer", SENT, "answers", (1,), False),
    ("emergency, taken", WHATSAPP, RED_FLAG, "emergency", SENT, "answers", (1,), False),
    ("answer, taken without a word", WHATSAPP, QUESTION, "answer", SENDING, "holds", (2,), True),
    ("emergency, taken without a word", WHATSAPP, RED_FLAG, "emergency", SENDING, "holds", (2,), True),
    ("second part, taken without a word", TWILIO, LONG_QUESTION, "answer", SENDING, "holds", (1, 2), True),
    ("answer, claimed and not read", MESSENGER, QUESTION, "notice", SENDING, "is deaf", (1,), True),
    ("emergency, not read", MESSENGER, RED_FLAG, "emergency", SENDING, "is deaf", (1,), True),
    ("answer, refused", TELEGRAM, QUESTION, "notice", PENDING, "is away", (1,), False),
    ("emergency, refused", TELEGRAM, RED_FLAG, "emergency", PENDING, "is away", (1,), False),
)
LEFT_OPEN = cases(
    ("answer, not begun", WHATSAPP, QUESTION, "answer", "", "answers", (1,), False),
    ("emergency, taken", WHATSAPP, RED_FLAG, "emergency", "", "answers", (2,), True),
    ("emergency, taken without a word", WHATSAPP, RED_FLAG, "emergency", "", "holds", (2,), True),
    ("emergency, not read", MESSENGER, RED_FLAG, "emergency", "", "is deaf", (1,), True),
    ("emergency, refused", TELEGRAM, RED_FLAG, "emergency", "", "is away", (1,), True),
)


@pytest.mark.parametrize(
    ("cases", "loads"),
    [pytest.param(WRITTEN_DOWN, True, id="written down"), pytest.param(LEFT_OPEN, False, id="left open")],
)
def test_a_reply_on_its_way_arrives_and_is_marked_where_it_may_be_there_twice(
    tmp_path: Path, model: Path, answers_file: Path, vendors: Vendors, cases: list[Case], loads: bool
) -> None:
    shutil.copy(answers_file, tmp_path / "bot.sqlite3")
    variables = vendors.variables
    first_life = variables if loads else {**variables, **never_loaded(model, tmp_path)}
    with closing(Log(tmp_path)) as log:
        log.lengthen(LONG_TOPIC, LONGER)
        with vendors.in_trouble(), server(tmp_path, **first_life) as running:
            for case in cases:
                put_on_its_way(case, running, vendors, log)
            killed(running)
            at_kill = log.replies()
            assert {case.name: states_of(case, at_kill) for case in cases} == {
                case.name: {case.at_kill} - {""} for case in cases
            }
            assert {state for _, state in log.asked()} == {ANSWERED if loads else OPEN}
            log.make_due()
        with server(tmp_path, **variables) as running:
            running.wait_for(lambda: log.all_is_sent(len(cases)))
            after = Writing(WHATSAPP, cases[0].writing.family, 2, "Thank you")
            posted(after, running)
            running.wait_for(lambda: log.all_is_sent(len(cases) + 1))
            killed(running)

        replies, sent = log.replies(), vendors.sent()
    assert {case.name: told_of(case, replies, sent) for case in cases} == {
        case.name: (case.arrives, case.marked, {(1, False)}) for case in cases
    }
    for case in cases:
        texts = [text for to, text in sent if to == case.writing.sender]
        in_order = [part for reply in replies if reply.sender == case.writing.sender for part in reply.parts]
        assert list(dict.fromkeys(texts)) == in_order, case.name


def test_a_queue_survives_three_kills(tmp_path: Path, model: Path, vendors: Vendors) -> None:
    families = [
        [Writing(WHATSAPP, family, number, text) for number, text in enumerate(TEXTS, start=1)]
        for family in range(FAMILIES)
    ]
    left = [list(writings) for writings in families]
    variables = {**vendors.variables, "BOT_TURN_TIMEOUT_S": "60"}  # no apologies on a machine that does much else
    vendors.answering.delay_s = 0.05  # so that replies are on their way at any moment
    on_their_way = Counter[tuple[str, str]]()
    with closing(Log(tmp_path)) as log:
        for life in range(KILLS):
            with server(tmp_path, **variables) as running, writing(left, running) as ended:
                chance = random.Random(life)
                vendors.answering.wait_for(len(vendors.sent()) + chance.randrange(1, FAMILIES), limit_s=SOON_S)
                ended.wait(chance.random() * 0.1)  # anywhere in a turn
                errors = killed(running)
            assert not log.all_is_sent(0), "all was over before the kill"
            sending = [reply for reply in log.replies() if reply.state == SENDING and is_ordinary(reply)]
            assert "courier.unmarked" in errors or len({reply.sender for reply in sending}) == len(sending)
            on_their_way.update((reply.sender, part) for reply in sending for part in reply.parts)
            log.make_due()
        with server(tmp_path, **variables) as running, writing(left, running):
            running.wait_for(lambda: log.all_is_sent(FAMILIES * len(TEXTS)))
            killed(running)
        asked, replies = Counter(log.asked()), log.replies()

    assert asked == {(writings[0].sender, ANSWERED): len(TEXTS) for writings in families}
    arrived = Counter(vendors.sent())
    assert set(arrived) == {(reply.sender, part) for reply in replies for part in reply.parts}
    assert len(arrived) == len(replies), "the test takes two replies for one"
    again = {reply: arrived[reply.sender, reply.parts[0]] - 1 for reply in replies}
    assert [reply for reply, times in again.items() if times and not reply.possibly_repeated] == []
    for reply, times in again.items():
        # An emergency reply can be on its way before the log has it.
        assert times <= (on_their_way[reply.sender, reply.parts[0]] if is_ordinary(reply) else KILLS)


@contextmanager
def writing(left: list[list[Writing]], running: Server) -> Iterator[threading.Event]:
    """Families write, each one message after the other, and again what was not acknowledged, until the event is set."""
    ended = threading.Event()

    def write(mine: list[Writing]) -> None:
        while mine and not ended.is_set():
            try:
                posted(mine[0], running)
            except httpx.TransportError:  # killed, or not listening yet
                ended.wait(0.05)
            else:
                mine.pop(0)

    with ThreadPoolExecutor(len(left)) as threads:
        written = [threads.submit(write, mine) for mine in left]
        try:
            yield ended
        finally:
            ended.set()
        for each in written:
            each.result()


def is_ordinary(reply: Outgoing) -> bool:
    return reply.kind != "emergency"


def never_loaded(model: Path, folder: Path) -> dict[str, str]:
    """Variables with which a service takes messages, sends emergency replies, and waits for its model for ever."""
    models = folder / "models"
    shutil.copytree(model.parent, models, ignore=shutil.ignore_patterns("*.tar.gz"))
    # Rasa takes the newest model of a folder; whoever opens this one waits until somebody writes to it.
    (models / model.name).mkdir()
    os.mkfifo(models / model.name / model.name)
    return {"BOT_MODELS_DIR": str(models), "BOT_TURN_TIMEOUT_S": "60"}


def put_on_its_way(case: Case, running: Server, vendors: Vendors, log: Log) -> None:
    """Have the service send the reply, until its vendor and the log are where the case wants them."""
    sender, vendor = case.writing.sender, vendors.answering
    before, passes = len(vendor.requests), len(case.arrives) - 1 + (case.reply != "emergency")
    if case.vendor == "holds":
        vendor.script(Scripted(), passes)  # the notice, and the parts before
        vendor.script(Scripted(delay_s=FOR_EVER_S))
    posted(case.writing, running)
    if case.vendor == "holds":
        vendor.wait_for(before + passes + 1)
    elif case.vendor == "answers" and case.reply == "emergency":
        vendor.wait_for(before + 1)
    if case.at_kill == SENT:
        running.wait_for(lambda: {reply.state for reply in log.replies(sender)} == {SENT})
    elif case.at_kill:
        running.wait_for(lambda: case.at_kill in states_of(case, log.replies()))
    if case.at_kill == PENDING:
        running.wait_for(lambda: any(reply.attempts for reply in log.replies(sender)))


def posted(writing: Writing, running: Server) -> None:
    said = writing.post
    response = running.http.post(writing.speaker.path, content=said.content, headers=dict(said.headers))
    assert response.status_code == 200


def killed(running: Server) -> str:
    """Kill the service; what it has logged."""
    _, _, errors = running.end(signal.SIGKILL)
    assert "Traceback" not in errors
    assert ".failed" not in errors
    return errors


def states_of(case: Case, replies: list[Outgoing]) -> set[str]:
    """The states of the case's reply: one, or none where the log has no such reply."""
    return {reply.state for reply in replies if (reply.sender, reply.kind) == (case.writing.sender, case.reply)}


def told_of(
    case: Case, replies: list[Outgoing], sent: list[tuple[str, str]]
) -> tuple[tuple[int, ...], bool, set[tuple[int, bool]]]:
    """How often the parts of the case's reply arrived, whether it is marked; and the same of all its other replies."""
    mine = [reply for reply in replies if reply.sender == case.writing.sender]
    (reply,) = (reply for reply in mine if reply.kind == case.reply)
    counts = Counter(text for to, text in sent if to == case.writing.sender)
    others = {(counts[part], other.possibly_repeated) for other in mine if other is not reply for part in other.parts}
    return tuple(counts[part] for part in reply.parts), reply.possibly_repeated, others
