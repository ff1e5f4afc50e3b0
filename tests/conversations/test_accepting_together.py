"""Messages that come at once are written down together: none is lost, none goes with another, their order is kept."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from databases import locked, other_tool
from exchanges import NOON, Sessions, answer, counted, message, notice, outcome, rows
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.accept_queue import TOGETHER
from bot.conversations.erased import ConversationErased, MessageErased
from bot.conversations.erasure import Erasure
from bot.conversations.journal import Journal
from bot.conversations.models import Conversation, Message
from bot.conversations.records import Inbound, Known
from bot.conversations.store import ConversationStore
from bot.settings import Settings

FOREIGN = message(1, conversation="other family")  # its id belongs to another conversation: the database refuses it
Batches = list[list[str]]


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    return prepare_storage(database_settings)


@pytest.fixture
def store(sessions: Sessions) -> ConversationStore:
    return ConversationStore(sessions)


@pytest_asyncio.fixture
async def journal(sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Journal]:
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 60)  # a slow disk is forgiven
    journal = Journal(sessions, tmp_path / "spool")
    yield journal
    await journal.close()


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Batches:
    """The ids of the messages that are written down in one transaction."""
    found: Batches = []
    accept_all = ConversationStore.accept_all

    def noted(self: ConversationStore, batch: Sequence[Inbound]) -> Any:
        found.append([inbound.message_id for inbound in batch])
        return accept_all(self, batch)

    monkeypatch.setattr(ConversationStore, "accept_all", noted)
    return found


def spooled(folder: Path) -> list[str]:
    file = folder / "spool" / "spool.jsonl"
    return [line for line in file.read_text("utf-8").splitlines() if line] if file.exists() else []


def ids(sessions: Sessions) -> list[str]:
    """The families' messages in the order in which the log has them."""
    return [row.channel_message_id for row in rows(sessions, Message) if row.direction == "in"]


# the store


def test_what_accept_says_of_each(store: ConversationStore) -> None:
    store.record(message(1, received_at=NOON), outcome(notice(), reply := answer()))

    found = store.accept_all(
        [
            message(1, received_at=NOON + timedelta(hours=9)),
            message(2, received_at=NOON + timedelta(hours=1)),
            message(3, received_at=NOON + timedelta(hours=3)),
            message(4, conversation="new family"),
        ]
    )

    noticed = {"noticed": True, "topic": "crs_duration"}
    first, *others = found
    assert isinstance(first, Known)
    assert (first.answered, first.replies[1], first.silent_for) == (True, reply, None)
    assert others == [
        Known(**noticed, silent_for=timedelta(hours=1)),
        Known(**noticed, silent_for=timedelta(hours=2)),
        Known(),
    ]


def test_two_messages_of_one_new_conversation(store: ConversationStore, sessions: Sessions) -> None:
    batch = [message(number, received_at=NOON + timedelta(seconds=number)) for number in (1, 2)]

    assert store.accept_all(batch) == [Known(), Known(silent_for=timedelta(seconds=1))]
    assert ids(sessions) == ["m1", "m2"]
    assert counted(sessions, Conversation) == 1


def test_the_same_message_twice(store: ConversationStore, sessions: Sessions) -> None:
    assert store.accept_all([message(1), message(1), message(2)])[:2] == [Known(), Known()]
    assert ids(sessions) == ["m1", "m2"]


def test_one_that_is_refused_takes_all_back(store: ConversationStore, sessions: Sessions) -> None:
    with pytest.raises(IntegrityError):
        store.accept_all([message(1), message(2), FOREIGN, message(3)])

    assert (counted(sessions, Message), counted(sessions, Conversation)) == (0, 0)


def test_an_erased_conversation_among_others(store: ConversationStore, sessions: Sessions) -> None:
    Erasure(sessions).erase("gone")

    before, erased, after = store.accept_all([message(1), message(2, conversation="gone"), message(3)])

    assert isinstance(erased, ConversationErased)
    assert isinstance(before, Known)
    assert isinstance(after, Known)
    assert ids(sessions) == ["m1", "m3"]
    assert [row.key for row in rows(sessions, Conversation)] == ["family"]


def test_a_message_of_an_erased_conversation_among_others(store: ConversationStore, sessions: Sessions) -> None:
    store.accept(message(1, conversation="gone"))
    Erasure(sessions).erase("gone")

    again, other = store.accept_all([message(1), message(2)])

    assert isinstance(again, MessageErased)
    assert other == Known()
    assert ids(sessions) == ["m2"]


def test_an_empty_batch(store: ConversationStore) -> None:
    assert store.accept_all([]) == []


# the journal


async def test_what_comes_at_once_is_written_in_few_transactions_and_in_order(
    journal: Journal, sessions: Sessions, batches: Batches
) -> None:
    count = 2 * TOGETHER + 5
    known = await asyncio.gather(*(journal.accept(message(number)) for number in range(count)))

    assert [each is not None for each in known] == [True] * count
    assert ids(sessions) == [f"m{number}" for number in range(count)]
    assert [identifier for batch in batches for identifier in batch] == ids(sessions)
    assert max(len(batch) for batch in batches) == TOGETHER
    assert len(batches) <= 4


async def test_each_is_told_its_own(journal: Journal) -> None:
    results = {}
    for number in range(3):
        inbound = message(number, conversation=f"family {number}")
        await journal.record(inbound, results.setdefault(number, outcome(answer(str(number)))))

    known = await asyncio.gather(
        *(journal.accept(message(number, conversation=f"family {number}")) for number in (2, 0, 1, 7))
    )

    assert [[reply.text for reply in each.replies] for each in known if each] == [["2"], ["0"], ["1"], []]


async def test_one_message_many_times_at_once(journal: Journal, sessions: Sessions) -> None:
    assert await asyncio.gather(*(journal.accept(message(1)) for _ in range(10))) == [Known()] * 10
    assert ids(sessions) == ["m1"]


async def test_one_refused_among_many_costs_no_other(journal: Journal, sessions: Sessions, tmp_path: Path) -> None:
    await journal.accept(message(1))
    batch = [message(2), message(3), FOREIGN, message(4), message(5, text="\ud800"), message(6)]

    known = await asyncio.gather(*(journal.accept(inbound) for inbound in batch))

    assert [each is not None for each in known] == [True, True, False, True, False, True]
    assert ids(sessions) == ["m1", "m2", "m3", "m4", "m6"]
    assert [FOREIGN.key in spooled(tmp_path)[0], batch[4].key in spooled(tmp_path)[1]] == [True, True]


async def test_a_database_that_goes_away_after_a_refusal_is_waited_for_once(
    sessions: Sessions, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.accept(message(1))
    asked: list[str] = []
    accept = ConversationStore.accept

    def away(self: ConversationStore, inbound: Inbound) -> Known:
        asked.append(inbound.message_id)
        raise OperationalError("insert", {}, Exception("gone"))

    monkeypatch.setattr(ConversationStore, "accept", away)
    batch = [message(2), FOREIGN, *(message(number) for number in range(3, 9))]

    known = await asyncio.gather(*(journal.accept(inbound) for inbound in batch))

    assert asked == ["m2"]
    assert known == [None] * len(batch)
    monkeypatch.setattr(ConversationStore, "accept", accept)
    await journal.read_back()
    assert ids(sessions) == [f"m{number}" for number in range(1, 9)]


async def test_erased_ones_among_others_are_told_so(journal: Journal, sessions: Sessions, tmp_path: Path) -> None:
    await journal.accept(message(1, conversation="gone"))
    await journal.erase("gone")
    batch = [message(2), message(3, conversation="gone"), message(1), message(4)]

    found = await asyncio.gather(*(journal.accept(inbound) for inbound in batch), return_exceptions=True)

    assert [type(each) for each in found] == [Known, ConversationErased, MessageErased, Known]
    assert ids(sessions) == ["m2", "m4"]
    assert spooled(tmp_path) == []


async def test_erased_and_refused_ones_together(journal: Journal, sessions: Sessions) -> None:
    """Where one is refused, each is tried alone."""
    await journal.accept(message(9, conversation="gone"))
    await journal.erase("gone")
    await journal.accept(message(1))
    batch = [FOREIGN, message(9), message(2, conversation="gone"), message(3)]

    found = await asyncio.gather(*(journal.accept(inbound) for inbound in batch), return_exceptions=True)

    assert [type(each) for each in found] == [type(None), MessageErased, ConversationErased, Known]
    assert ids(sessions) == ["m1", "m3"]


async def test_while_the_database_is_locked_all_of_them_are_spooled_in_order(
    journal: Journal, sessions: Sessions, database_url: str, tmp_path: Path
) -> None:
    count = TOGETHER + 3
    with locked(database_url):
        known = await asyncio.gather(*(journal.accept(message(number)) for number in range(count)))
        assert known == [None] * count
        assert len(spooled(tmp_path)) == count

    assert await journal.read_back() == count
    assert ids(sessions) == [f"m{number}" for number in range(count)]


async def test_a_slow_write_and_its_copies_in_the_spool_are_each_one_message(
    journal: Journal, sessions: Sessions, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 0.01)
    with locked(database_url):
        known = await asyncio.gather(*(journal.accept(message(number)) for number in range(5)))

    assert known == [None] * 5
    await journal.read_back()
    assert sorted(ids(sessions)) == [f"m{number}" for number in range(5)]


async def test_where_neither_can_be_written_each_is_told(journal: Journal, database_url: str, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")

    with locked(database_url):
        found = await asyncio.gather(*(journal.accept(message(number)) for number in range(3)), return_exceptions=True)

    assert [isinstance(each, OSError) for each in found] == [True] * 3


async def test_one_who_waits_no_more_keeps_nobody_waiting(journal: Journal, sessions: Sessions) -> None:
    accepting = [asyncio.create_task(journal.accept(message(number))) for number in range(3)]
    await asyncio.sleep(0)  # each has handed its message over
    accepting[1].cancel()

    found = await asyncio.gather(*accepting, return_exceptions=True)

    assert [type(each) for each in found] == [Known, asyncio.CancelledError, Known]
    assert ids(sessions) == ["m0", "m1", "m2"], "what was handed over is written all the same"


async def test_a_fault_of_the_program_is_told_to_each_and_is_no_end(
    journal: Journal, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: ConversationStore, batch: Sequence[Inbound]) -> Any:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(ConversationStore, "accept_all", fails)
        found = await asyncio.gather(*(journal.accept(message(number)) for number in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [RuntimeError] * 3

    assert await journal.accept(message(4)) == Known()
    assert ids(sessions) == ["m4"]


async def test_what_is_acknowledged_is_there_for_everyone(journal: Journal, database_url: str) -> None:
    await asyncio.gather(*(journal.accept(message(number)) for number in range(3)))

    with other_tool(database_url) as database:
        assert database.exec_driver_sql("SELECT count(*) FROM message WHERE state = 'open'").scalar() == 3
