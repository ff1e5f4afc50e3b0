"""bot.dialogue.turn, as messengers use it: forms of messages, the notice again, turns that wait, what was erased."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from families import Family, locked, names, query
from sqlalchemy.orm import Session, sessionmaker

from bot.conversations.code import conversation_code
from bot.conversations.erased import MessageErased
from bot.conversations.forms import EDITED, ERASE, KEPT, NOT_TEXT
from bot.conversations.records import Inbound, Known
from bot.dialogue.agent import RasaDialogue
from bot.redflags.detector import Detection, RedFlag
from bot.replies import Reply
from bot.service import Service
from bot.settings import Settings
from bot.storage.base import now

SOON_S = 30  # far above any limit here: a test that takes as long hangs
RED_FLAG = "He is shivering. How long does CRS last?"
CRISIS = "I want to kill myself"
ADDRESS = {"address": "encrypted"}  # what makes it a messenger's

Restart = Callable[[], Awaitable[Service]]


@pytest.fixture(autouse=True)
def _slow_disk_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of another program still costs 300 ms at most."""
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 60)


@pytest.fixture
def family(service: Service) -> Family:
    return Family(service)


@pytest_asyncio.fixture
async def restart(model: Path, settings: Settings, sessions: "sessionmaker[Session]") -> AsyncIterator[Restart]:
    """Starts a service on a database of the test's own, without background work, and ends the one before."""
    running: list[Service] = []

    async def restart() -> Service:
        await end()
        service = Service(settings, model=model, sessions=sessions)
        running.append(service)
        await service.dialogue.loaded()
        return service

    async def end() -> None:
        while running:
            await running.pop().stop()

    yield restart
    await end()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that Rasa was asked to understand."""
    texts: list[str] = []
    parse = RasaDialogue.parse

    def noted(self: RasaDialogue, text: str) -> Any:
        texts.append(text)
        return parse(self, text)

    monkeypatch.setattr(RasaDialogue, "parse", noted)
    return texts


# forms


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        # a later version of a question is not answered again
        (EDITED, "What is CRS?", []),
        (EDITED, "", []),
        (EDITED, "long text " * 1000, []),
        (EDITED, RED_FLAG, ["emergency", "notice_messenger"]),
        (EDITED, CRISIS, ["crisis", "notice_messenger"]),
        # a picture, or whatever else is no text; its caption is looked at for red flags, and not answered
        (NOT_TEXT, "", ["notice_messenger", "not_text"]),
        (NOT_TEXT, "What is CRS?", ["notice_messenger", "not_text"]),
        (NOT_TEXT, "这是什么", ["notice_messenger", "not_text"]),
        (NOT_TEXT, RED_FLAG, ["emergency", "notice_messenger", "not_text"]),
        (NOT_TEXT, CRISIS, ["crisis", "notice_messenger", "not_text"]),
        (ERASE, "Delete my data", ["notice_messenger", "erase"]),
        (ERASE, "He is shivering, delete my data", ["emergency", "notice_messenger", "erase"]),
        (KEPT, "Keep it", ["notice_messenger", "kept"]),
        (KEPT, CRISIS, ["crisis", "notice_messenger", "kept"]),
    ],
)
async def test_each_form_gets_its_replies_the_red_flag_first(
    family: Family, asked: list[str], form: str, text: str, expected: list[str]
) -> None:
    message_id = uuid.uuid4().hex

    result = await family.send(text, message_id=message_id, form=form, **ADDRESS)

    assert names(family.delivered) == names(result.replies) == expected
    assert asked == [], "what it says is not asked for"
    assert family.stored("text, form, state, intent") == (text, form, "answered", None)
    assert await family.log() == [text, *expected]
    again = await family.send(text, message_id=message_id, form=form, **ADDRESS)
    assert (again.repeated, again.replies) == (True, result.replies)


@pytest.mark.parametrize(("form", "flagged"), [(EDITED, []), (NOT_TEXT, ["not_text"])])
async def test_a_red_flag_that_only_the_second_detector_sees_counts_in_each_form(
    family: Family, monkeypatch: pytest.MonkeyPatch, form: str, flagged: list[str]
) -> None:
    class Second:
        def find(self, text: str) -> list[RedFlag]:
            return [RedFlag("chills", "", 0, 0, "semantic")]

    monkeypatch.setattr(family.service.gate, "_semantic", Second())

    assert await family.hears("the caption", form=form, **ADDRESS) == ["emergency", "notice_messenger", *flagged]


async def test_what_is_no_text_is_told_whom_to_call(family: Family) -> None:
    result = await family.send("", form=NOT_TEXT, **ADDRESS)

    contact = family.service.texts.reply("emergency").text.split("\n\n")[1]
    assert contact in result.replies[-1].text


async def test_the_question_before_erasing_has_its_buttons_and_the_code(family: Family) -> None:
    reply = (await family.send("Delete my data", form=ERASE, **ADDRESS)).replies[-1]

    assert [button.token for button in reply.buttons] == ["erase", "keep"]
    assert conversation_code(family.conversation) in reply.text
    assert reply.kind == "privacy"


async def test_an_edited_question_changes_nothing_of_what_follows(family: Family) -> None:
    await family.hears("What is CRS?", **ADDRESS)
    assert await family.hears("What are the grades of CRS?", form=EDITED, **ADDRESS) == []
    assert await family.hears("How long does it last?", **ADDRESS) == ["crs_duration"]


@pytest.mark.parametrize(
    ("form", "expected"), [(EDITED, []), (NOT_TEXT, ["not_text"]), (ERASE, ["erase"]), (KEPT, ["kept"])]
)
async def test_what_a_crash_left_is_answered_in_its_form(restart: Restart, form: str, expected: list[str]) -> None:
    before = Family(await restart(), "family")
    await before.service.journal.accept(before.message("What is CRS?", form=form, **ADDRESS))
    after = Family(await restart(), "family")

    (left,) = await after.service.journal.unanswered(within_s=600)
    await after.service.turn.handle(left, after.deliver)

    assert (left.form, left.address) == (form, "encrypted")
    assert names(after.delivered) == (["notice_messenger", *expected] if expected else [])


async def test_a_locked_database_costs_no_form(restart: Restart) -> None:
    family = Family(await restart())
    with locked(family.service):
        assert await family.hears("", form=NOT_TEXT, **ADDRESS) == ["notice_messenger", "not_text"]
        assert await family.hears("What is CRS?", form=EDITED, **ADDRESS) == []

    await family.service.journal.read_back()

    assert family.stored("form, state") == (EDITED, "answered")
    assert await family.log() == ["", "notice_messenger", "not_text", "What is CRS?"]


# the notice


@pytest.mark.parametrize(("values", "expected"), [({}, "notice"), (ADDRESS, "notice_messenger")])
async def test_messengers_have_a_notice_of_their_own(family: Family, values: dict[str, str], expected: str) -> None:
    assert await family.hears("What is CRS?", **values) == [expected, "what_is_crs"]
    assert family.delivered[0].text == family.service.texts.reply(expected).text


@pytest.mark.parametrize("forgotten", [False, True], ids=["as it runs", "after a restart"])
@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        (timedelta(minutes=1), ["what_is_crs"]),
        (timedelta(days=6, hours=23, minutes=59), ["what_is_crs"]),
        (timedelta(days=7), ["notice_messenger", "what_is_crs"]),
        (timedelta(days=80), ["notice_messenger", "what_is_crs"]),
    ],
)
async def test_the_notice_comes_again_after_a_week_of_silence(
    family: Family, monkeypatch: pytest.MonkeyPatch, silence: timedelta, expected: list[str], forgotten: bool
) -> None:
    moment = now()
    await family.hears("What is CRS?", received_at=moment - silence, **ADDRESS)
    if forgotten:
        family.service.turn._noticed.clear()

    assert await family.hears("What is CRS?", received_at=moment, **ADDRESS) == expected
    assert await family.hears("How long does it last?", received_at=moment, **ADDRESS) == ["crs_duration"]


async def test_whoever_writes_every_day_is_told_once(family: Family) -> None:
    moment = now()
    heard = [
        await family.hears("What is CRS?", received_at=moment - timedelta(days=days), **ADDRESS)
        for days in range(16, -1, -2)
    ]

    assert heard == [["notice_messenger", "what_is_crs"]] + [["what_is_crs"]] * 8


async def test_the_notice_follows_a_red_flag_after_a_week_of_silence(family: Family) -> None:
    moment = now()
    await family.hears("What is CRS?", received_at=moment - timedelta(days=9), **ADDRESS)

    assert await family.hears("He is shivering", received_at=moment, **ADDRESS) == ["emergency", "notice_messenger"]


@pytest.mark.parametrize(("days", "expected"), [(1, []), (9, ["notice_messenger"])])
async def test_while_the_log_cannot_be_asked_memory_knows_of_the_notice(
    restart: Restart, days: int, expected: list[str]
) -> None:
    family, moment = Family(await restart()), now()
    await family.hears("What is CRS?", received_at=moment - timedelta(days=days), **ADDRESS)

    with locked(family.service):
        assert await family.hears("What is CRS?", received_at=moment, **ADDRESS) == [*expected, "what_is_crs"]


# the lane


class Waiting:
    """A message whose turn waits for a lane, and what has come of it so far."""

    def __init__(self, family: Family, text: str, lane: asyncio.Semaphore, **values: Any) -> None:
        self.accepted = asyncio.Event()
        self.known: Known | None = None
        self.turn = asyncio.create_task(
            family.service.turn.handle(
                family.message(text, **values), family.deliver, on_accepted=self._accepted, lane=lane
            )
        )

    def _accepted(self, known: Known | None) -> None:
        self.known = known
        self.accepted.set()

    async def is_accepted(self) -> None:
        await asyncio.wait_for(self.accepted.wait(), SOON_S)

    async def replies(self) -> list[str]:
        return names((await asyncio.wait_for(self.turn, SOON_S)).replies)


@pytest_asyncio.fixture
async def taken() -> asyncio.Semaphore:
    """A lane that others have taken."""
    lane = asyncio.Semaphore(1)
    await lane.acquire()
    return lane


async def test_understanding_waits_and_the_red_flag_does_not(
    family: Family, taken: asyncio.Semaphore, asked: list[str]
) -> None:
    waiting = Waiting(family, RED_FLAG, taken, **ADDRESS)
    await waiting.is_accepted()

    assert names(family.delivered) == ["emergency"]
    assert await family.log() == [RED_FLAG], "it is on disk, and can be acknowledged"
    assert (asked, waiting.turn.done()) == ([], False)

    taken.release()
    assert await waiting.replies() == ["emergency", "notice_messenger", "crs_duration"]
    assert names(family.delivered) == ["emergency", "notice_messenger", "crs_duration"]
    assert asked == [RED_FLAG]


async def test_what_the_second_detector_sees_does_not_wait_either(
    family: Family, taken: asyncio.Semaphore, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = asyncio.Event()

    class Second:
        def find(self, text: str) -> list[RedFlag]:
            return [RedFlag("chills", "", 0, 0, "semantic")]

    async def deliver(reply: Reply) -> None:
        family.delivered.append(reply)
        delivered.set()

    monkeypatch.setattr(family.service.gate, "_semantic", Second())
    monkeypatch.setattr(family, "deliver", deliver)
    waiting = Waiting(family, "What is CRS?", taken, **ADDRESS)

    await asyncio.wait_for(delivered.wait(), SOON_S)
    assert (names(family.delivered), asked) == (["emergency"], [])

    taken.release()
    assert await waiting.replies() == ["emergency", "notice_messenger", "what_is_crs"]


async def test_what_only_understanding_sees_is_answered_first_then(
    family: Family, taken: asyncio.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blind:
        ruleset = family.service.gate.ruleset

        def detect(self, text: str, **_: Any) -> Detection:
            return Detection((), self.ruleset)

    monkeypatch.setattr(family.service.gate, "_detector", Blind())
    monkeypatch.setattr(family.service.gate, "_semantic", None)
    waiting = Waiting(family, RED_FLAG, taken, **ADDRESS)
    await waiting.is_accepted()
    assert family.delivered == []

    taken.release()
    assert await waiting.replies() == ["emergency", "notice_messenger", "crs_duration"]
    assert names(family.delivered) == ["emergency", "notice_messenger", "crs_duration"]


async def test_many_wait_and_all_are_on_disk(service: Service, taken: asyncio.Semaphore, asked: list[str]) -> None:
    families = [Family(service) for _ in range(12)]
    waiting = [Waiting(family, "What is CRS?", taken, **ADDRESS) for family in families]
    for each in waiting:
        await each.is_accepted()
    urgent = Family(service)
    flagged = Waiting(urgent, RED_FLAG, taken, **ADDRESS)
    await flagged.is_accepted()

    assert [await family.log() for family in families] == [["What is CRS?"]] * 12
    assert (names(urgent.delivered), asked) == (["emergency"], []), "who waits in front does not hold it up"

    taken.release()
    assert [await each.replies() for each in waiting] == [["notice_messenger", "what_is_crs"]] * 12
    assert (await flagged.replies())[0] == "emergency"
    assert not taken.locked(), "the lane is free again"


async def test_a_familys_messages_are_answered_in_their_order(family: Family, taken: asyncio.Semaphore) -> None:
    texts = ["What is CRS?", "", "How long does it last?"]
    waiting = [Waiting(family, text, taken, **ADDRESS) for text in texts]
    for each in waiting:
        await each.is_accepted()

    taken.release()

    replies = [await each.replies() for each in waiting]
    assert replies == [["notice_messenger", "what_is_crs"], ["empty"], ["crs_duration"]]
    assert names(family.delivered) == [name for each in replies for name in each]


async def test_a_repeat_does_not_wait(family: Family, taken: asyncio.Semaphore) -> None:
    first = await family.send("What is CRS?", message_id=family.conversation, **ADDRESS)

    again = Waiting(family, "What is CRS?", taken, message_id=family.conversation, **ADDRESS)

    assert await again.replies() == names(first.replies)
    assert again.known is not None
    assert (again.known.answered, again.known.replies) == (True, first.replies)


async def test_a_turn_that_fails_gives_its_lane_back(
    family: Family, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    lane = asyncio.Semaphore(1)

    async def full(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(type(family.service.journal), "record", full)
        with pytest.raises(OSError, match="disk is full"):
            await family.send("What is CRS?", lane=lane, **ADDRESS)

    assert not lane.locked()
    assert (await family.hears("What is CRS?", lane=lane, **ADDRESS))[-1] == "what_is_crs"


# what is stored of what is on its way


async def test_the_fixed_reply_is_under_way_and_the_rest_waits_for_a_moment(family: Family) -> None:
    before = now()
    await family.send(RED_FLAG, **ADDRESS)

    statement = (
        "SELECT coalesce(message.topic, text_id), delivery.state, next_attempt_at FROM delivery JOIN message "
        "ON message.id = message_id JOIN conversation ON conversation.id = conversation_id WHERE conversation.key = ? "
        "ORDER BY position"
    )
    rows = query(family.service, statement, family.conversation)
    assert [row[:2] for row in rows] == [
        ("emergency", "sending"),
        ("notice_messenger", "pending"),
        ("crs_duration", "pending"),
    ]
    moment = before.replace(tzinfo=None).isoformat(sep=" ")
    assert all(own_until > moment for _, _, own_until in rows), "nobody else sends them meanwhile"
    assert rows[0][2] > rows[1][2] == rows[2][2]


async def test_what_the_website_fetches_waits_for_the_page(family: Family) -> None:
    await family.send(RED_FLAG)

    statement = (
        "SELECT DISTINCT delivery.state, next_attempt_at FROM delivery JOIN message ON message.id = message_id "
        "JOIN conversation ON conversation.id = conversation_id WHERE conversation.key = ?"
    )
    assert query(family.service, statement, family.conversation) == [("pending", None)]


# what was erased


async def test_an_erased_message_that_comes_again_is_not_answered(family: Family, asked: list[str]) -> None:
    await family.send("What is CRS?", message_id=family.conversation, **ADDRESS)
    await family.service.turn.erase(family.conversation)
    family.delivered.clear()
    asked.clear()
    again = Family(family.service)

    with pytest.raises(MessageErased):
        await again.send("What is CRS?", message_id=family.conversation, **ADDRESS)

    assert (again.delivered, await again.log(), await family.log()) == ([], [], [])


async def test_nor_does_it_disturb_the_familys_next_conversation(family: Family) -> None:
    await family.send("What are the grades of CRS?", message_id=family.conversation, **ADDRESS)
    await family.service.turn.erase(family.conversation)
    later = Family(family.service)
    assert await later.hears("What is CRS?", **ADDRESS) == ["notice_messenger", "what_is_crs"]

    with pytest.raises(MessageErased):
        await later.send("What are the grades of CRS?", message_id=family.conversation, **ADDRESS)

    assert await later.hears("How long does it last?", **ADDRESS) == ["crs_duration"]
    assert await later.log() == [
        *("What is CRS?", "notice_messenger", "what_is_crs"),
        *("How long does it last?", "crs_duration"),
    ]


async def test_waiting_for_a_lane_brings_nothing_back(family: Family, taken: asyncio.Semaphore) -> None:
    """The conversation is erased while its message waits."""
    waiting = Waiting(family, "What is CRS?", taken, **ADDRESS)
    await waiting.is_accepted()

    await family.service.turn.erase(family.conversation)
    taken.release()
    (found,) = await asyncio.gather(waiting.turn, return_exceptions=True)

    assert type(found).__name__ == "ConversationErased"
    assert (family.delivered, await family.log()) == ([], [])


def test_a_message_of_a_messenger_travels_as_plain_values() -> None:
    inbound = Inbound("slack", "sl-0", "m1", "née 🆘", form=NOT_TEXT, **ADDRESS)

    assert Inbound.from_dict(inbound.as_dict()) == inbound
    older = {name: value for name, value in inbound.as_dict().items() if name not in ("form", "address")}
    assert (Inbound.from_dict(older).form, Inbound.from_dict(older).address) == ("text", "")
