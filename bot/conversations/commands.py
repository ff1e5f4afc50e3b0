"""What `bot logs …` does; each function gives back what is printed."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.conversations.erasure import Erasure, erase_conversation
from bot.conversations.export import Choice
from bot.conversations.export_formats import export
from bot.conversations.models import Conversation
from bot.conversations.naming import find_conversation
from bot.conversations.retention import BATCH
from bot.settings import Settings
from bot.staff import audit
from bot.staff.audit import COMMAND_LINE
from bot.storage.base import now
from bot.storage.compacting import compact
from bot.storage.database import database_errors, migrate, open_database, session_factory
from bot.storage.transactions import in_transaction


def _sessions(settings: Settings) -> "sessionmaker[Session]":
    engine = open_database(settings.database_url)
    with database_errors():
        migrate(engine)
    return session_factory(engine)


def export_log(settings: Settings, form: str, choice: Choice) -> Iterator[str]:
    """The log, piece by piece, as `bot.conversations.export_formats.export` gives it.

    Raises:
        UnknownConversation: the one that is chosen is not there.
        DatabaseError: the database cannot be used.
    """
    sessions = _sessions(settings)
    with database_errors():
        yield from export(sessions, COMMAND_LINE, form, choice)


def describe(settings: Settings, code_or_key: str) -> str:
    """Which conversation a code or key names, for the question whether to erase it.

    Raises:
        UnknownConversation: there is none, or there are several.
    """
    sessions = _sessions(settings)
    with database_errors(), sessions() as session:
        conversation = find_conversation(session, code_or_key)
        last = f"{conversation.last_message_at:%Y-%m-%d %H:%M} UTC"
        return f"{conversation.code} on {conversation.channel}, last message {last}"


def erase(settings: Settings, code_or_key: str) -> str:
    """Erase a conversation; a running service does not write it anew.

    Raises:
        UnknownConversation: there is none, or there are several.
        DatabaseError: the database cannot be written; everything is as before.
    """
    sessions = _sessions(settings)
    with database_errors():
        code = in_transaction(sessions, lambda session: erase_conversation(session, COMMAND_LINE, code_or_key))
    return f"conversation {code} erased"


def purge(settings: Settings, *, older_than: int | None, dry_run: bool) -> str:
    """Delete conversations some days after their last message, and leave nothing of what was deleted in the file.

    Args:
        settings: name the database, and the days where none are given.
        older_than: days.
        dry_run: only say how many there are.

    Raises:
        DatabaseError: the database cannot be written; what was deleted before stays deleted.
    """
    days = settings.retention_days if older_than is None else older_than
    before = now() - timedelta(days=days)
    sessions = _sessions(settings)
    with database_errors():
        if dry_run:
            with sessions() as session:
                query = select(func.count()).select_from(Conversation).where(Conversation.last_message_at < before)
                count = session.execute(query).scalar_one()
            return f"{count} conversations without a message for {days} days would be deleted"
        detail = {"older_than_days": days}
        in_transaction(sessions, lambda session: audit.record(session, COMMAND_LINE, "log.purged", "log", detail))
        deleted = _purge(sessions, before)
        compact(sessions)
    return f"{deleted} conversations without a message for {days} days deleted"


def _purge(sessions: "sessionmaker[Session]", before: datetime) -> int:
    """In small batches: what families write waits for each of them."""
    erasure, deleted, batch = Erasure(sessions), 0, BATCH
    while batch == BATCH:
        batch = erasure.expire(before, at_most=BATCH)
        deleted += batch
    return deleted
