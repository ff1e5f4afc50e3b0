"""bot.conversations.journal: a message is on disk before it is acknowledged, whatever the database does."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from databases import Down, locked, other_tool, read_only
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.journal import Journal
from bot.conversations.records import Inbound, Known, Outcome
from bot.conversations.store import ConversationStore
from bot.replies import ANSWER, Reply
from bot.settings import Settings
from bot.storage.base import now
from bot.storage.database import open_database, session_factory


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    return prepare_storage(database_settings)


@pytest.fixture
def spool_folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest_asyncio.fixture
async def hurried(sessions: "sessionmaker[Session]", spool_folder: Path) -> AsyncIterator[Journal]:
    """The journal as the service has it."""
    journal = Journal(sessions, spool_folder)
    yield journal
    await journal.close()


@pytest_asyncio.fixture
async def journal(hurried: Journal, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """One that a slow disk is forgiven; the lock of another program still costs 300 ms at most."""
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 60)
    return hurried


def message(number: int = 1, **values: Any) -> Inbound:
    return Inbound(
        **{"channel": "widget", "conversation": "family", "message_id": f"m{number}", "text": "How long?", **values}
    )


def outcome(text: str = "About a week.") -> Outcome:
    reply = Reply(kind=ANSWER, text=text, revision=1, topic="crs_duration")
    return Outcome((reply,), "crs_duration", 0.75, "crs_duration", None, "abc", 12.5)


def spooled(folder: Path) -> list[str]:
    file = folder / "spool.jsonl"
    return [line for line in file.read_text("utf-8").splitlines() if line] if file.exists() else []


def no_folder(path: Path) -> None:
    path.write_text("a file where the folder should be")


async def texts(journal: Journal) -> list[str]:
    return [entry["text"] for entry in await journal.history("family")]


async def test_a_message_and_its_replies_go_to_the_database(journal: Journal, spool_folder: Path) -> None:
    inbound, result = message(), outcome()

    assert await journal.accept(inbound) == Known()
    await journal.record(inbound, result)

    assert await journal.accept(inbound) == Known(answered=True, replies=result.replies, topic="crs_duration")
    assert await texts(journal) == ["How long?", "About a week."]
    assert [entry["text"] for entry in await journal.history("family", after=inbound.key)] == ["About a week."]
    assert spooled(spool_folder) == []


async def test_a_locked_database_costs_less_than_a_second(
    hurried: Journal, database_url: str, spool_folder: Path
) -> None:
    with locked(database_url):
        started = time.perf_counter()
        known = await asyncio.gather(*(hurried.accept(message(number)) for number in range(5)))
        seconds = time.perf_counter() - started

    assert known == [None] * 5
    assert len(spooled(spool_folder)) == 5
    assert seconds < 1


async def test_a_locked_database_costs_no_message(journal: Journal, database_url: str, spool_folder: Path) -> None:
    inbound, result = message(), outcome()

    with locked(database_url):
        assert await journal.accept(inbound) is None
        assert len(spooled(spool_folder)) == 1
        await journal.record(inbound, result)
        assert len(spooled(spool_folder)) == 2
        assert await journal.read_back() == 0
        assert await texts(journal) == []

    assert await journal.read_back() == 2
    assert await texts(journal) == ["How long?", "About a week."]
    assert await journal.accept(inbound) == Known(answered=True, replies=result.replies, topic="crs_duration")
    assert await journal.read_back() == 0
    assert await texts(journal) == ["How long?", "About a week."]


async def test_a_message_spooled_and_answered_in_the_database_is_there_once(
    journal: Journal, database_url: str
) -> None:
    inbound = message()
    with locked(database_url):
        assert await journal.accept(inbound) is None
    await journal.record(inbound, outcome())

    assert await journal.read_back() == 1
    assert await texts(journal) == ["How long?", "About a week."]


async def test_a_late_write_and_its_copy_in_the_spool_are_one_message(
    hurried: Journal, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 0.01)
    with locked(database_url):
        assert await hurried.accept(message()) is None  # the writer still waits for the lock

    assert await hurried.read_back() == 1
    assert await texts(hurried) == ["How long?"]


async def test_messages_keep_their_order_through_the_spool(journal: Journal, database_url: str) -> None:
    with locked(database_url):
        for number in (1, 2, 3):
            assert await journal.accept(message(number, text=f"Question {number}?")) is None

    assert await journal.read_back() == 3
    assert await texts(journal) == ["Question 1?", "Question 2?", "Question 3?"]


async def test_the_event_loop_runs_on_while_the_database_is_locked(journal: Journal, database_url: str) -> None:
    with locked(database_url):
        accepting = asyncio.create_task(journal.accept(message()))
        rounds = 0
        while not accepting.done():
            await asyncio.sleep(0)
            rounds += 1

    assert await accepting is None
    assert rounds > 100


async def test_the_history_is_read_while_the_database_is_locked(journal: Journal, database_url: str) -> None:
    await journal.accept(message())

    with locked(database_url):
        assert await texts(journal) == ["How long?"]


async def test_a_database_that_is_gone_costs_no_message(
    journal: Journal,
    sessions: "sessionmaker[Session]",
    spool_folder: Path,
    database_down: Down,
) -> None:
    with database_down(sessions.kw["bind"]):
        assert await journal.accept(message()) is None
        await journal.record(message(), outcome())
        assert await journal.read_back() == 0
        assert len(spooled(spool_folder)) == 0  # handed to the database, which did not take them
        await journal.delivered(["any"])  # no fault: the page asks for it again

    assert await journal.read_back() == 2
    assert await texts(journal) == ["How long?", "About a week."]


async def test_a_database_that_cannot_be_written_costs_no_message(
    sessions: "sessionmaker[Session]", database_url: str, spool_folder: Path
) -> None:
    sessions.kw["bind"].dispose()
    journal = Journal(session_factory(open_database(read_only(database_url))), spool_folder)

    assert await journal.accept(message()) is None
    await journal.close()

    assert len(spooled(spool_folder)) == 1


async def test_where_neither_database_nor_disk_can_be_written_nothing_is_acknowledged(
    journal: Journal, database_url: str, spool_folder: Path
) -> None:
    no_folder(spool_folder)

    with locked(database_url):
        with pytest.raises(OSError, match="spool"):
            await journal.accept(message())
        with pytest.raises(OSError, match="spool"):
            await journal.record(message(), outcome())


async def test_what_the_database_never_takes_is_put_aside_and_holds_nothing_up(
    journal: Journal, database_url: str, spool_folder: Path
) -> None:
    foreign = message(1, conversation="other family")
    await journal.accept(message(1))

    assert await journal.accept(foreign) is None  # its id belongs to another conversation
    assert await journal.accept(message(2, text="lone \ud800 surrogate")) is None
    with locked(database_url):
        assert await journal.accept(message(3, text="And then?")) is None

    assert await journal.read_back() == 1
    assert await texts(journal) == ["How long?", "And then?"]
    aside = (spool_folder / "spool.unreadable.txt").read_text("utf-8").splitlines()
    assert [foreign.key in aside[0], "surrogate" in aside[1], len(aside)] == [True, True, 2]


async def test_a_spool_that_cannot_be_read_is_no_end_of_the_reading(journal: Journal, spool_folder: Path) -> None:
    (spool_folder / "spool.reading.jsonl").mkdir(parents=True)

    assert await journal.read_back() == 0


async def test_the_spool_is_read_back_without_being_asked(journal: Journal, database_url: str) -> None:
    with locked(database_url):
        assert await journal.accept(message()) is None

    async def arrived() -> None:
        while not await texts(journal):
            assert not reading.done()

    reading = asyncio.create_task(journal.keep_reading_back())
    await asyncio.wait_for(arrived(), 60)
    reading.cancel()


async def test_what_a_crash_left_is_given_back_while_it_is_young(journal: Journal) -> None:
    inbound = message()
    await journal.accept(inbound)

    assert await journal.unanswered(within_s=3600) == [inbound]
    assert await journal.unanswered(within_s=-1) == []
    assert await journal.unanswered(within_s=3600) == []  # given up for good


async def test_a_crash_while_the_database_is_locked_is_told(journal: Journal, database_url: str) -> None:
    with locked(database_url), pytest.raises(OperationalError, match="lock"):
        await journal.unanswered(within_s=60)


async def test_replies_handed_over_are_marked(journal: Journal, database_url: str) -> None:
    result = outcome()
    await journal.record(message(), result)

    await journal.delivered([result.replies[0].id])

    with other_tool(database_url) as database:
        assert database.exec_driver_sql("SELECT state, attempts FROM delivery").all() == [("delivered", 1)]


async def test_closing_waits_for_what_is_being_written(journal: Journal, sessions: "sessionmaker[Session]") -> None:
    """Both for what the writer has, and for what came meanwhile and waits for the next transaction."""
    first = asyncio.create_task(journal.accept(message(0)))
    for _ in range(2):  # until the writer has the first one
        await asyncio.sleep(0)
    accepting = [first, *(asyncio.create_task(journal.accept(message(number))) for number in range(1, 6))]
    await asyncio.sleep(0)  # each has handed its message over

    await journal.close()

    assert [known is not None for known in await asyncio.gather(*accepting)] == [True] * 6
    assert len(ConversationStore(sessions).unanswered(younger_than=now().replace(year=2000))) == 6
