"""Erasing a conversation and letting it expire: nothing of it is left, and nothing that still runs brings it back."""

import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from databases import locked, other_tool
from postgres import PostgresServer
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.erased import ConversationErased
from bot.conversations.erasure import Erasure
from bot.conversations.feedback import Opinion
from bot.conversations.journal import Journal
from bot.conversations.records import Inbound, Outcome
from bot.conversations.retention import BATCH, Retention
from bot.conversations.store import ConversationStore
from bot.replies import ANSWER, Reply
from bot.settings import Settings
from bot.storage.base import now
from bot.storage.compacting import compact
from bot.storage.database import open_database, session_factory

TABLES = ("conversation", "message", "delivery", "feedback")
SECRET_WORDS = "xylophonist in Lisbon"


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    return prepare_storage(database_settings)


@pytest.fixture
def spool_folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest_asyncio.fixture
async def journal(
    sessions: "sessionmaker[Session]", spool_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Journal]:
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 60)  # a slow disk is forgiven
    journal = Journal(sessions, spool_folder)
    yield journal
    await journal.close()


def message(conversation: str, number: int = 1, *, days_ago: float = 0) -> Inbound:
    at = now() - timedelta(days=days_ago)
    return Inbound("widget", conversation, f"{conversation}:{number}", SECRET_WORDS, received_at=at)


def outcome() -> Outcome:
    return Outcome((Reply(ANSWER, "A week.", 1, "crs_duration"),), "crs_duration", 0.7, "crs_duration", None, "abc", 9)


async def converse(journal: Journal, conversation: str, *, days_ago: float = 0) -> None:
    """A message, its reply, and feedback on it."""
    inbound, result = message(conversation, days_ago=days_ago), outcome()
    await journal.accept(inbound)
    await journal.record(inbound, result)
    await journal.give_feedback(conversation, result.replies[0].id, Opinion(True, SECRET_WORDS))


def counts(database_url: str) -> list[int]:
    with other_tool(database_url) as database:
        return [database.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() for table in TABLES]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


async def test_everything_of_one_conversation_is_erased_and_nothing_of_another(
    journal: Journal, database_url: str
) -> None:
    await converse(journal, "mine")
    await converse(journal, "other")
    assert counts(database_url) == [2, 4, 2, 2]

    await journal.erase("mine")

    assert counts(database_url) == [1, 2, 1, 1]
    assert await journal.history("mine") == []
    assert len(await journal.history("other")) == 2
    assert [journal.is_erased(key) for key in ("mine", "other")] == [True, False]


async def test_no_word_of_it_is_left_in_any_file(
    journal: Journal, sessions: "sessionmaker[Session]", database_url: str, tmp_path: Path
) -> None:
    await converse(journal, "mine")
    with locked(database_url):
        await journal.accept(message("mine", 2))

    await journal.erase("mine")

    if database_url.startswith("sqlite"):
        with sessions() as session:
            session.connection().exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        assert "bot.sqlite3" in contents(tmp_path)
    assert [name for name, content in contents(tmp_path).items() if SECRET_WORDS.encode() in content] == []


def test_nor_a_single_one_after_the_file_was_compacted(settings: Settings, tmp_path: Path) -> None:
    """Many conversations, so that their words fill pages that are split and joined, which leaves copies behind."""
    sessions = prepare_storage(settings)
    store, erasure = ConversationStore(sessions), Erasure(sessions)
    for number in range(300):
        words = " ".join(f"w{position}secret{number:03}" for position in range(40))
        store.accept(Inbound("widget", f"c{number * 7919}", f"m{number}", words))
    for number in range(0, 300, 2):
        erasure.erase(f"c{number * 7919}")

    compact(sessions)

    content = b"".join(contents(tmp_path).values())
    assert [number for number in range(300) if f"secret{number:03}".encode() in content] == list(range(1, 300, 2))


async def test_a_turn_that_still_runs_does_not_bring_it_back(journal: Journal, database_url: str) -> None:
    inbound = message("mine")
    await journal.accept(inbound)

    await journal.erase("mine")

    with pytest.raises(ConversationErased):
        await journal.record(inbound, outcome())
    with pytest.raises(ConversationErased):
        await journal.accept(message("mine", 2))
    assert counts(database_url) == [0, 0, 0, 0]


async def test_nor_does_the_spool(journal: Journal, database_url: str, spool_folder: Path) -> None:
    inbound = message("mine")
    with locked(database_url):
        await journal.accept(inbound)
        await journal.accept(message("other"))
    await journal.erase("mine")
    assert await journal.read_back() == 1

    with locked(database_url), pytest.raises(ConversationErased):
        await journal.record(inbound, outcome())

    assert counts(database_url) == [1, 1, 0, 0]
    assert contents(spool_folder) == {}


async def test_lines_put_aside_are_erased_and_others_are_kept(journal: Journal, spool_folder: Path) -> None:
    for conversation in ("mine", "other"):
        journal._spool.append(message(conversation))
        journal._spool._put_aside(f'{{"inbound": {{"conversation": "{conversation}", "')
    other = (spool_folder / "spool.unreadable.txt").read_text().splitlines()[1]

    await journal.erase("mine")

    assert (spool_folder / "spool.unreadable.txt").read_text().splitlines() == [other]
    assert await journal.read_back() == 1
    assert len(await journal.history("other")) == 1


async def test_after_a_restart_it_is_still_known(
    journal: Journal, sessions: "sessionmaker[Session]", spool_folder: Path
) -> None:
    await journal.erase("never wrote")
    await journal.close()

    restarted = Journal(sessions, spool_folder)

    assert restarted.is_erased("never wrote")
    await restarted.close()


async def test_a_spool_line_that_a_crash_kept_is_dropped(
    journal: Journal, sessions: "sessionmaker[Session]", database_url: str, spool_folder: Path
) -> None:
    with locked(database_url):
        await journal.accept(message("mine"))
    kept = (spool_folder / "spool.jsonl").read_bytes()
    await journal.erase("mine")
    (spool_folder / "spool.jsonl").write_bytes(kept)  # as if the process had died before it was rewritten

    await journal.read_back()

    assert counts(database_url) == [0, 0, 0, 0]
    assert contents(spool_folder) == {}


async def test_erasing_twice_is_erasing_once(journal: Journal, database_url: str) -> None:
    await converse(journal, "mine")

    for _ in range(2):
        await journal.erase("mine")

    assert counts(database_url) == [0, 0, 0, 0]


async def test_while_the_database_is_locked_nothing_is_erased(journal: Journal, database_url: str) -> None:
    await converse(journal, "mine")

    with locked(database_url), pytest.raises(OperationalError):
        await journal.erase("mine")

    assert not journal.is_erased("mine")
    assert counts(database_url) == [1, 2, 1, 1]


async def test_a_spool_that_cannot_be_rewritten_keeps_nothing_from_being_erased(
    journal: Journal, database_url: str, spool_folder: Path
) -> None:
    (spool_folder / "spool.jsonl").mkdir(parents=True)
    await converse(journal, "mine")

    await journal.erase("mine")

    assert counts(database_url) == [0, 0, 0, 0]


@pytest.mark.parametrize(("days_ago", "kept"), [(0, True), (29.9, True), (30.1, False), (400, False)])
async def test_a_conversation_expires(journal: Journal, database_url: str, days_ago: float, kept: bool) -> None:
    await converse(journal, "mine", days_ago=days_ago)

    deleted = await Retention(journal, days=30, erased_kept=timedelta(days=31)).delete_due()

    assert (deleted, counts(database_url)) == ((0, [1, 2, 1, 1]) if kept else (1, [0, 0, 0, 0]))
    assert not journal.is_erased("mine"), "whoever comes back may go on"


async def test_the_last_message_counts(journal: Journal, tmp_path: Path) -> None:
    await converse(journal, "mine", days_ago=100)
    await journal.accept(message("mine", 2))

    assert await Retention(journal, days=30, erased_kept=timedelta(days=31)).delete_due() == 0


async def test_many_expire_in_small_batches(
    journal: Journal, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2 * BATCH + 1):
        await journal.accept(message(f"old {number}", days_ago=100))
    batches = []
    expire = journal.expire

    async def counted(*arguments: object, at_most: int) -> int:
        batches.append(await expire(*arguments, at_most=at_most))  # type: ignore[arg-type]
        return batches[-1]

    monkeypatch.setattr(journal, "expire", counted)

    assert await Retention(journal, days=30, erased_kept=timedelta(days=31)).delete_due() == 2 * BATCH + 1
    assert batches == [BATCH, BATCH, 1]
    assert counts(database_url) == [0, 0, 0, 0]


def test_a_conversation_that_another_process_writes_to_does_not_expire(postgres: PostgresServer) -> None:
    """On SQLite one writes at a time."""
    url = postgres.emptied()
    sessions = session_factory(open_database(url))
    event.listen(sessions.kw["bind"], "connect", _wait_long_for_a_lock)
    ConversationStore(sessions).accept(message("mine", days_ago=100))

    with other_tool(url) as other, ThreadPoolExecutor(1) as pool:
        other.execute(text("UPDATE conversation SET last_message_at = now()"))
        expiring = pool.submit(Erasure(sessions).expire, now() - timedelta(days=30), at_most=1)
        while not other.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar():
            assert not expiring.done()
        other.commit()

        assert expiring.result() == 0
    assert counts(url)[:2] == [1, 1]


def _wait_long_for_a_lock(connection: Any, _record: object) -> None:
    connection.cursor().execute("SET lock_timeout = 30000")
    connection.commit()


async def test_what_was_put_aside_expires(journal: Journal, spool_folder: Path) -> None:
    journal._spool.append(message("mine"))  # makes the folder
    for days_ago in (100, 1):
        journal._spool._put_aside(json.dumps({"inbound": message("mine", days_ago=days_ago).as_dict()}))

    await Retention(journal, days=30, erased_kept=timedelta(days=31)).delete_due()

    assert len((spool_folder / "spool.unreadable.txt").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("key", "days", "known"),
    [
        pytest.param("web-mine", 1, True, id="a token may open it yet"),
        pytest.param("web-mine", 0, False, id="no token opens it any more"),
        pytest.param("te-mine", 0, True, id="a messenger's"),  # the family's next one must not be named like it
        pytest.param("we-mine", 0, True, id="a messenger's with a name like it"),
    ],
)
async def test_erased_keys_are_forgotten_when_no_token_opens_them(
    journal: Journal, sessions: "sessionmaker[Session]", spool_folder: Path, key: str, days: int, known: bool
) -> None:
    await journal.erase(key)

    await Retention(journal, days=30, erased_kept=timedelta(days=days)).delete_due()

    again = Journal(sessions, spool_folder)
    assert [journal.is_erased(key), again.is_erased(key)] == [known] * 2
    await again.close()


async def test_a_locked_database_is_no_end_of_expiry(journal: Journal, database_url: str) -> None:
    await converse(journal, "mine", days_ago=100)
    retention = Retention(journal, days=30, erased_kept=timedelta(days=31))

    with locked(database_url):
        assert await retention.delete_due() == 0

    assert await retention.delete_due() == 1
