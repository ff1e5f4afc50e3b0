"""The audit: what staff did and looked at, in a chain of digests that shows when an event was changed or taken out."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, true, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import Update

from bot.staff.models import AuditEvent, AuditHead
from bot.storage.base import now

BEGINNING = "0" * 64  # what the first event names as the one before it
READ_AT_ONCE = 500  # events


@dataclass(frozen=True)
class Actor:
    """Who does something, as the audit names them."""

    name: str
    role: str


COMMAND_LINE = Actor("command line", "operator")


@dataclass(frozen=True)
class Verification:
    """What became of a check of the chain.

    Args:
        events: how many events hold together, from the first on.
        fault: where the chain breaks; None where it is whole.
    """

    events: int
    fault: str | None = None


def hold(session: Session) -> None:
    """Let nobody else add an event until the caller's transaction ends: what is read from now on stays true in it."""
    session.execute(_head().values(count=AuditHead.count))


def record(
    session: Session, actor: Actor, action: str, subject: str = "", detail: dict[str, Any] | None = None
) -> None:
    """Add an event to the caller's transaction; from here to its end nobody else can add one.

    Args:
        session: whose transaction it is.
        actor: who did it.
        action: what was done, such as `user.disabled`.
        subject: to what, such as `user anna`.
        detail: values that say more, such as a role before and after; never the text of a message.

    Raises:
        SQLAlchemyError: the event cannot be written: what it is about must not happen then.
    """
    # First: it takes the lock under which the newest digest is read.
    session.execute(_head().values(count=AuditHead.count + 1))
    previous = session.execute(select(AuditHead.digest).where(AuditHead.id == 1)).scalar_one()
    event = AuditEvent(
        at=now(),
        actor=actor.name,
        role=actor.role,
        action=action,
        subject=subject,
        detail=detail or {},
        previous=previous,
    )
    event.digest = _digest(event)
    session.add(event)
    session.flush()
    session.execute(_head().values(digest=event.digest))


def verify(session: Session) -> Verification:
    """Walk the whole chain and look for what was changed, put in, or taken out."""
    # One statement sees one moment, so that an event that is added meanwhile is no fault.
    query = (
        select(AuditEvent, AuditHead.count.label("events"), AuditHead.digest.label("newest"))
        .select_from(AuditHead)
        .join(AuditEvent, true(), isouter=True)
        .order_by(AuditEvent.id)
        .execution_options(yield_per=READ_AT_ONCE)
    )
    events, previous, head = 0, BEGINNING, None
    for row in session.execute(query):
        head, event = row, row.AuditEvent
        if event is None:
            break
        if event.previous != previous:
            return Verification(events, f"an event is missing, or was put in, before event {event.id} of {_day(event)}")
        if event.digest != _digest(event):
            return Verification(events, f"event {event.id} of {_day(event)} was changed")
        events, previous = events + 1, event.digest
        session.expunge(event)
    if head is None:
        return Verification(events, "the head of the audit is missing")
    if events != head.events:
        return Verification(events, f"{head.events} events were written and {events} are there")
    if previous != head.newest:
        return Verification(events, "the newest event is not the one that was written last")
    return Verification(events)


def _head() -> Update:
    return update(AuditHead).where(AuditHead.id == 1).execution_options(synchronize_session=False)


def _day(event: AuditEvent) -> str:
    return f"{event.at:%Y-%m-%d}"


def _digest(event: AuditEvent) -> str:
    moment: datetime = event.at
    values = {
        "at": moment.isoformat(timespec="microseconds"),
        "actor": event.actor,
        "role": event.role,
        "action": event.action,
        "subject": event.subject,
        "detail": event.detail,
    }
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256((str(event.previous) + canonical).encode()).hexdigest()
