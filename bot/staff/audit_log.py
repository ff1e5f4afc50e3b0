"""Reading the audit: filtered, newest first, in pages that stay where they are while events are added."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from bot.staff.audit import READ_AT_ONCE
from bot.staff.models import AuditEvent


@dataclass(frozen=True)
class AuditFilter:
    """Which events; an empty value leaves all.

    Args:
        actor: whose.
        action: of which kind; one that ends with a dot, such as `user.`, stands for all that begin so.
        since: the first day, in UTC.
        until: the last day, in UTC.
    """

    actor: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None


def events(session: Session, *, wanted: AuditFilter, before: int | None, at_most: int) -> Sequence[AuditEvent]:
    """The newest events that fit.

    Args:
        session: of the database.
        wanted: which.
        before: only events older than the one of this id.
        at_most: how many.
    """
    query = _filtered(wanted)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    return session.scalars(query.order_by(AuditEvent.id.desc()).limit(at_most)).all()  # type: ignore[no-any-return]


def oldest_first(session: Session) -> Iterator[AuditEvent]:
    """Every event, read little by little."""
    query = select(AuditEvent).order_by(AuditEvent.id).execution_options(yield_per=READ_AT_ONCE)
    for event in session.scalars(query):
        session.expunge(event)
        yield event


def actions(session: Session) -> Sequence[str]:
    """Every action that was ever recorded."""
    query = select(AuditEvent.action).distinct().order_by(AuditEvent.action)
    return session.scalars(query).all()  # type: ignore[no-any-return]


def _filtered(wanted: AuditFilter) -> Select:
    query = select(AuditEvent)
    if wanted.actor:
        query = query.where(AuditEvent.actor == wanted.actor)
    if wanted.action.endswith("."):
        query = query.where(AuditEvent.action.startswith(wanted.action, autoescape=True))
    elif wanted.action:
        query = query.where(AuditEvent.action == wanted.action)
    if wanted.since is not None:
        query = query.where(AuditEvent.at >= _midnight(wanted.since))
    if wanted.until is not None and wanted.until < date.max:
        query = query.where(AuditEvent.at < _midnight(wanted.until + timedelta(days=1)))
    return query


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.utc)
