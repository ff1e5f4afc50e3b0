"""bot logs export, erase, purge: as they are typed, and beside a service that runs."""

import asyncio
import csv
import io
import os
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from databases import locked, other_tool
from project import BOT
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.cli import main
from bot.conversations.code import conversation_code
from bot.conversations.erased import ConversationErased
from bot.conversations.journal import Journal
from bot.conversations.models import Conversation, ErasedConversation
from bot.conversations.records import Inbound
from bot.conversations.retention import BATCH
from bot.conversations.store import ConversationStore
from bot.settings import Settings
from bot.staff.audit import verify
from bot.staff.models import AuditEvent
from bot.storage.base import now

TABLES_OF_A_CONVERSATION = ("conversation", "message", "conversation_word")


@pytest.fixture
def sessions(database_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> "sessionmaker[Session]":
    """A database that the commands find."""
    monkeypatch.setenv("BOT_DATABASE_URL", database_settings.database_url)
    monkeypatch.setenv("BOT_LOG_LEVEL", "ERROR")
    return prepare_storage(database_settings)


def message(conversation: str, *, days_ago: float = 0, number: int = 1) -> Inbound:
    at = now() - timedelta(days=days_ago)
    return Inbound("widget", conversation, f"{conversation}:{number}", "xylophonist 发烧", received_at=at)


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["logs", *arguments], input=answer)


def keys(sessions: "sessionmaker[Session]") -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(Conversation.key).order_by(Conversation.id)))


def audited(sessions: "sessionmaker[Session]") -> list[tuple[str, str, str]]:
    with sessions() as session:
        assert verify(session).fault is None
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        return [(event.actor, event.action, event.subject) for event in events]


def test_an_export_is_utf_8_wherever_it_goes(sessions: "sessionmaker[Session]") -> None:
    ConversationStore(sessions).accept(message("mine"))

    done = subprocess.run(
        [BOT, "logs", "export", "--format", "csv"], capture_output=True, check=True, env={**os.environ, "LC_ALL": "C"}
    )

    (row,) = csv.DictReader(io.StringIO(done.stdout.decode("utf-8"), newline=""))
    assert row["text"] == "xylophonist 发烧"
    assert audited(sessions) == [("command line", "log.exported", "log")]


def test_one_conversation_is_erased(sessions: "sessionmaker[Session]") -> None:
    for key in ("mine", "other"):
        ConversationStore(sessions).accept(message(key))

    done = run("erase", conversation_code("mine").lower(), "--yes")

    assert (done.exit_code, done.output) == (0, f"conversation {conversation_code('mine')} erased\n")
    assert keys(sessions) == ["other"]
    assert audited(sessions) == [("command line", "conversation.erased", f"conversation {conversation_code('mine')}")]


@pytest.mark.parametrize(("answer", "left"), [("y\n", []), ("n\n", ["mine"]), ("", ["mine"])])
def test_it_asks_first(sessions: "sessionmaker[Session]", answer: str, left: list[str]) -> None:
    ConversationStore(sessions).accept(message("mine"))

    done = run("erase", "mine", answer=answer)

    assert f"Erase {conversation_code('mine')} on widget, last message " in done.output
    assert keys(sessions) == left
    assert len(audited(sessions)) == (0 if left else 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("erase", "nowhere", "--yes"),
        ("erase", "nowhere"),
        ("export", "--format", "csv", "--conversation", "nowhere"),
    ],
)
def test_a_conversation_that_is_not_there(sessions: "sessionmaker[Session]", arguments: tuple[str, ...]) -> None:
    done = run(*arguments)

    assert (done.exit_code, done.output) == (1, "Error: there is no conversation of this code or key\n")
    assert audited(sessions) == []


def test_two_of_one_code_are_told_apart_by_the_key(sessions: "sessionmaker[Session]") -> None:
    for key in ("mine", "other"):
        ConversationStore(sessions).accept(message(key))
    with sessions() as session:
        for conversation in session.scalars(select(Conversation)):
            conversation.code = "AAAA-BBBB"
        session.commit()

    assert "several conversations have this code" in run("erase", "AAAA-BBBB", "--yes").output
    assert run("erase", "mine", "--yes").exit_code == 0
    assert keys(sessions) == ["other"]


async def test_a_service_that_runs_does_not_write_it_anew(
    sessions: "sessionmaker[Session]", database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 60)
    journal = Journal(sessions, tmp_path / "spool")
    await journal.accept(message("mine"))
    with locked(database_url):
        await journal.accept(message("mine", number=2))

    done = await asyncio.to_thread(run, "erase", "mine", "--yes")

    assert done.exit_code == 0
    with pytest.raises(ConversationErased):
        await journal.accept(message("mine", number=3))
    await journal.learn_erased()
    assert journal.is_erased("mine")
    assert [file.name for file in (tmp_path / "spool").iterdir()] == []
    assert await journal.read_back() == 0
    with other_tool(database_url) as database:
        for table in TABLES_OF_A_CONVERSATION:
            assert database.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0
    await journal.close()


async def test_it_learns_of_it_by_itself(sessions: "sessionmaker[Session]", tmp_path: Path) -> None:
    journal = Journal(sessions, tmp_path / "spool")
    with sessions() as session:
        session.add(ErasedConversation(key="mine"))
        session.commit()

    keeping = asyncio.create_task(journal.keep_reading_back())
    limit = time.monotonic() + 30
    while not journal.is_erased("mine"):
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)

    keeping.cancel()
    await journal.close()


@pytest.mark.parametrize(
    ("arguments", "left", "told"),
    [
        ((), ["new"], f"{BATCH + 2} conversations without a message for 90 days deleted"),
        (
            ("--older-than", "200"),
            ["new", "old"],
            f"{BATCH + 1} conversations without a message for 200 days deleted",
        ),
        (("--older-than", "900"), None, "0 conversations without a message for 900 days deleted"),
        (("--dry-run",), None, f"{BATCH + 2} conversations without a message for 90 days would be deleted"),
    ],
)
def test_the_old_are_purged(
    sessions: "sessionmaker[Session]", arguments: tuple[str, ...], left: list[str] | None, told: str
) -> None:
    store = ConversationStore(sessions)
    store.accept(message("new"))
    store.accept(message("old", days_ago=100))
    for number in range(BATCH + 1):
        store.accept(message(f"older {number}", days_ago=400))
    before = keys(sessions)

    done = run("purge", *arguments)

    assert (done.exit_code, done.output) == (0, f"{told}\n")
    assert keys(sessions) == (before if left is None else left)
    assert audited(sessions) == ([] if "--dry-run" in arguments else [("command line", "log.purged", "log")])


@pytest.mark.parametrize("command", [("purge",), ("erase", "mine", "--yes")])
def test_a_locked_database_is_one_clear_line(
    sessions: "sessionmaker[Session]", database_url: str, command: tuple[str, ...]
) -> None:
    ConversationStore(sessions).accept(message("mine", days_ago=400))

    with locked(database_url):
        done = run(*command)

    assert done.exit_code == 1
    assert done.output.startswith("Error: the database cannot be used")
    assert done.output.count("\n") == 1
    assert keys(sessions) == ["mine"]
