"""Checks of the database, and of what is in it: answers, staff, calls that did not come through."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import false, func, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from bot.alerts.queue import AlertQueue
from bot.alerts.rules import load_rules as load_alert_rules
from bot.answers.overview import Summary, summaries
from bot.channels.messaging.identities import Identities, UnknownKey
from bot.conversations.models import Conversation
from bot.doctor.findings import FAULT, OK, WARNING, Finding, guarded
from bot.settings import Settings
from bot.staff.models import User
from bot.storage.base import now
from bot.storage.database import (
    NEWEST_SCHEMA,
    NO_SCHEMA,
    OLD_SCHEMA,
    database_errors,
    missing_file,
    open_database,
    schema_state,
    session_factory,
)
from bot.storage.transactions import is_busy

NAMED = 3  # answers in one line; the console has them all
ADDRESSES = 100  # of families, the newest, that are tried to be read


def database(settings: Settings) -> Iterator[Finding]:
    """Whether the database can be reached and written, and has the newest schema; nothing in it is changed.

    What is in it is looked at only where all of that holds.
    """
    missing = missing_file(settings.database_url)
    if missing is not None:
        yield Finding(WARNING, "database", f"{missing} is not there yet", "The first start makes it: `bot run`")
        return
    with _opened(settings) as engine:
        with database_errors(), engine.connect() as connection:
            found = _usable(connection)
        yield found
        if found.level != OK:
            return
        sessions = session_factory(engine)
        for what, check in _INSIDE:
            yield from guarded(what, check, settings, sessions)


@contextmanager
def _opened(settings: Settings) -> Iterator[Engine]:
    engine = open_database(settings.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def _usable(connection: Connection) -> Finding:
    state = schema_state(connection)
    if state == NO_SCHEMA:
        return Finding(WARNING, "database", "has no tables yet", "The first start makes them: `bot run`")
    if state == OLD_SCHEMA:
        remedy = "The next start brings it there: start the service anew"
        return Finding(WARNING, "database", "was last used by an older version of this program", remedy)
    if state != NEWEST_SCHEMA:
        remedy = "Use that version, or the database of this one"
        return Finding(FAULT, "database", "was written by another version of this program", remedy)
    try:
        # Takes the lock of a write, and asks for the right to it; it changes no row, and is rolled back.
        connection.execute(update(Conversation).where(false()).values(noticed=False))
    except DBAPIError as error:
        if not is_busy(error):
            raise
        return Finding(WARNING, "database", "another process is writing to it at length", "Ask again in a minute")
    finally:
        connection.rollback()
    return Finding(OK, "database", f"{connection.dialect.name}, can be written, and has the newest schema")


def _answers(_settings: Settings, sessions: "sessionmaker[Session]") -> Iterator[Finding]:
    with sessions() as session:
        every = summaries(session, now().date())
    published = [answer for answer in every if answer.published is not None]
    overdue = [answer for answer in published if answer.is_overdue]
    if not published:
        yield Finding(WARNING, "answers", "none is published", "Load data/answers.yml: `bot answers load`")
        return
    yield Finding(OK, "answers", f"{len(published)} published")
    if overdue:
        remedy = "Have a clinician read them again: docs/content.md"
        yield Finding(WARNING, "answers", f"{len(overdue)} past the day of their review: {_names(overdue)}", remedy)


def _people(_settings: Settings, sessions: "sessionmaker[Session]") -> Iterator[Finding]:
    with sessions() as session:
        query = select(func.count(User.id)).where(User.disabled_at.is_(None), User.password_hash.is_not(None))
        people = session.execute(query).scalar_one()
    if people:
        yield Finding(OK, "console", f"{people} may sign in")
    else:
        remedy = "Add somebody: `bot users add NAME --role admin`"
        yield Finding(WARNING, "console", "nobody can sign in, so nobody sees a red flag", remedy)


def _calls(settings: Settings, sessions: "sessionmaker[Session]") -> Iterator[Finding]:
    waiting = AlertQueue(sessions, load_alert_rules(), settings.console_address).not_through()
    if waiting is not None:
        since = f"{waiting.since:%Y-%m-%d %H:%M} UTC"
        remedy = "Acknowledge them in the console, then try the way: docs/alerts.md"
        yield Finding(WARNING, "alerts", f"{waiting.alerts} could not be sent since {since}", remedy)


def _addresses(settings: Settings, sessions: "sessionmaker[Session]") -> Iterator[Finding]:
    """Without its key, no reply reaches a family that wrote by a messenger."""
    if not settings.identity_keys:
        return
    identities = Identities(settings.identity_keys)
    query = select(Conversation.address).where(Conversation.address.is_not(None)).order_by(Conversation.id.desc())
    with sessions() as session:
        addresses = list(session.scalars(query.limit(ADDRESSES)))
    unreadable = sum(not _is_readable(address, identities) for address in addresses)
    if unreadable:
        finding = f"{unreadable} of the newest {len(addresses)} ids of families cannot be decrypted"
        remedy = "Put the key that encrypted them back into BOT_IDENTITY_KEY, behind the others"
        yield Finding(FAULT, "families", finding, remedy)
    elif addresses:
        yield Finding(OK, "families", f"the newest {len(addresses)} ids of families can be decrypted")


def _is_readable(address: str, identities: Identities) -> bool:
    try:
        identities.decrypted(address)
    except UnknownKey:
        return False
    return True


def _names(answers: list[Summary]) -> str:
    names = ", ".join(answer.name for answer in answers[:NAMED])
    return f"{names} and others" if len(answers) > NAMED else names


_INSIDE = (("answers", _answers), ("console", _people), ("alerts", _calls), ("families", _addresses))
