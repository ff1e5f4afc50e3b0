"""bot.dialogue.turn with a lane: understanding and answering wait for it, red flags and the log do not."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from families import ADDRESS, RED_FLAG, SOON_S, Family, names

from bot.conversations.records import Known
from bot.redflags.detector import Detection, RedFlag
from bot.replies import Reply
from bot.service import Service

pytestmark = pytest.mark.usefixtures("forgiven_disk")


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


async def test_waiting_for_a_lane_brings_nothing_back(family: Family, taken: asyncio.Semaphore) -> None:
    """The conversation is erased while its message waits."""
    waiting = Waiting(family, "What is CRS?", taken, **ADDRESS)
    await waiting.is_accepted()

    await family.service.turn.erase(family.conversation)
    taken.release()
    (found,) = await asyncio.gather(waiting.turn, return_exceptions=True)

    assert type(found).__name__ == "ConversationErased"
    assert (family.delivered, await family.log()) == ([], [])
