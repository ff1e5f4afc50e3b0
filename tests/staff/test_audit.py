"""bot.staff.audit: a chain that only grows, and shows every break; on each kind of database."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.orm import Session, sessionmaker

from bot.staff import audit
from bot.staff.audit import Actor, Verification
from bot.staff.models import AuditEvent
from bot.storage.transactions import in_transaction

ANNA = Actor("anna", "admin")
Sessions: TypeAlias = "sessionmaker[Session]"


def record(database: Sessions, count: int = 1) -> None:
    for number in range(count):
        in_transaction(database, lambda session, n=number: audit.record(session, ANNA, "thing.done", f"thing {n}"))


def verified(database: Sessions) -> Verification:
    with database() as session:
        return audit.verify(session)


def kind(database: Sessions) -> str:
    name: str = database.kw["bind"].dialect.name
    return name


@contextmanager
def as_superuser(database: Sessions) -> Iterator[Session]:
    """A session in which no trigger stands in the way; as whoever owns the database could have."""
    with database() as session:
        if kind(database) == "sqlite":
            triggers = session.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
            for name, _ in triggers:
                session.execute(text(f"DROP TRIGGER {name}"))
        else:
            session.execute(text("SET LOCAL session_replication_role = replica"))
        yield session


def test_an_event_says_who_did_what_to_what(database: Sessions) -> None:
    with database() as session:
        audit.record(session, ANNA, "user.role", "user nina", {"before": "navigator", "role": "approver", "ü": "“x”"})
        session.commit()

    with database() as session:
        event = session.scalars(select(AuditEvent)).one()
    assert (event.actor, event.role, event.action, event.subject) == ("anna", "admin", "user.role", "user nina")
    assert event.detail == {"before": "navigator", "role": "approver", "ü": "“x”"}
    assert event.previous == audit.BEGINNING
    assert verified(database) == Verification(1)


def test_what_is_rolled_back_leaves_no_gap(database: Sessions) -> None:
    record(database, 2)
    with database() as session:
        audit.record(session, ANNA, "thing.failed")
        session.rollback()
    record(database)

    assert verified(database) == Verification(3)


def test_the_chain_of_an_empty_audit_is_whole(database: Sessions) -> None:
    assert verified(database) == Verification(0)


def test_events_at_the_same_moment_make_one_chain(database: Sessions) -> None:
    def add() -> None:
        record(database, 5)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert verified(database) == Verification(20)


CHANGES = (
    "UPDATE audit_event SET actor = 'nina'",
    "UPDATE audit_event SET detail = '{}' WHERE id = 2",
    "DELETE FROM audit_event",
    "DELETE FROM audit_event WHERE id = 3",
    "DELETE FROM audit_head",
    "UPDATE audit_head SET count = 1",
    "UPDATE audit_head SET id = 2",
)
CHANGES_OF_KIND = {
    "sqlite": (
        *CHANGES,
        "REPLACE INTO audit_event SELECT id, at, 'nina', role, action, subject, detail, previous, digest "
        "FROM audit_event WHERE id = 1",
    ),
    "postgresql": (*CHANGES, "TRUNCATE audit_event", "TRUNCATE audit_head"),
}


def test_the_database_refuses_to_change_the_past(database: Sessions) -> None:
    record(database, 3)

    for statement in CHANGES_OF_KIND[kind(database)]:
        with database() as session, pytest.raises(DBAPIError, match="the audit is only ever added to"):
            session.execute(text(statement))

    assert verified(database) == Verification(3)


MISSING = "an event is missing, or was put in, before"
# What somebody does to four events; how many hold together then, and the fault. {day} is that of the events.
BREAKS = {
    "UPDATE audit_event SET actor = 'nina' WHERE id = 2": (1, "event 2 of {day} was changed"),
    "UPDATE audit_event SET role = 'none' WHERE id = 3": (2, "event 3 of {day} was changed"),
    "UPDATE audit_event SET action = 'x' WHERE id = 1": (0, "event 1 of {day} was changed"),
    "UPDATE audit_event SET subject = '' WHERE id = 1": (0, "event 1 of {day} was changed"),
    "UPDATE audit_event SET detail = '[1]' WHERE id = 2": (1, "event 2 of {day} was changed"),
    "UPDATE audit_event SET at = (SELECT at FROM audit_event WHERE id = 2) WHERE id = 3": (
        2,
        "event 3 of {day} was changed",
    ),
    "DELETE FROM audit_event WHERE id = 2": (1, f"{MISSING} event 3 of {{day}}"),
    "DELETE FROM audit_event WHERE id = 1": (0, f"{MISSING} event 2 of {{day}}"),
    "DELETE FROM audit_event WHERE id > 2": (2, "4 events were written and 2 are there"),
    "DELETE FROM audit_event": (0, "4 events were written and 0 are there"),
    "DELETE FROM audit_head": (0, "the head of the audit is missing"),
    "UPDATE audit_head SET count = 3": (4, "3 events were written and 4 are there"),
    "UPDATE audit_head SET digest = ''": (4, "the newest event is not the one that was written last"),
}


def test_every_break_is_found_and_told(database: Sessions) -> None:
    record(database, 4)
    with database() as session:
        day = f"{session.execute(select(func.max(AuditEvent.at))).scalar_one():%Y-%m-%d}"

    found = {}
    for statement in BREAKS:
        with as_superuser(database) as session:
            session.execute(text(statement))
            found[statement] = audit.verify(session)

    assert found == {
        statement: Verification(events, fault.format(day=day)) for statement, (events, fault) in BREAKS.items()
    }
    assert verified(database) == Verification(4), "each was rolled back"


def test_without_its_head_nothing_is_recorded(database: Sessions) -> None:
    with as_superuser(database) as session:
        session.execute(text("DELETE FROM audit_head"))
        with pytest.raises(NoResultFound):
            audit.record(session, ANNA, "thing.done")


def test_a_long_chain_is_read_little_by_little(database: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "READ_AT_ONCE", 3)
    record(database, 10)

    with database() as session:
        assert audit.verify(session) == Verification(10)
        assert len(session.identity_map) == 0
