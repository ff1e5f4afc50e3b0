"""The calls for a navigator that nobody has acknowledged yet, by conversation. Everything here blocks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from bot.conversations.models import Conversation
from bot.conversations.review_models import PERSON, RED_FLAG, UNDELIVERED_EMERGENCY, Alert

SHOWN = 20  # conversations

_OPEN = Alert.acknowledged_at.is_(None)
# An emergency reply that did not arrive is as urgent as a mention that is about now.
_IS_URGENT = case((Alert.tier == "T1", 0), (Alert.kind == UNDELIVERED_EMERGENCY, 0), else_=1)


@dataclass(frozen=True)
class OpenAlerts:
    """What calls for a navigator in one conversation.

    Attributes:
        tier: the most urgent of its red flags.
        waiting_since: when the first of them came.
        newest_at: when the newest of them came.
        newest: the row id of the one that was written last.
        unsent: how many could not be sent where navigators are called.
    """

    key: str
    code: str
    tier: str | None
    wants_person: bool
    undelivered: bool
    waiting_since: datetime
    newest_at: datetime
    newest: int
    calls: int
    unsent: int

    @property
    def is_urgent(self) -> bool:
        """Whether one of them is about now, or unclear, or an emergency reply that did not arrive."""
        return self.tier == "T1" or self.undelivered


def open_alerts(session: Session, *, at_most: int = SHOWN) -> list[OpenAlerts]:
    """What waits, by conversation: the most urgent first, of them the newest."""

    def has(kind: str) -> Any:
        return func.max(case((Alert.kind == kind, 1), else_=0))

    # Grouped by themselves: only the conversations that are shown are then looked up.
    newest_at = func.max(Alert.raised_at)
    calls = (
        select(
            Alert.conversation_id,
            func.min(_IS_URGENT).label("urgency"),
            func.min(case((Alert.kind == RED_FLAG, Alert.tier))).label("tier"),
            has(PERSON).label("wants_person"),
            has(UNDELIVERED_EMERGENCY).label("undelivered"),
            func.min(Alert.raised_at).label("waiting_since"),
            newest_at.label("newest_at"),
            func.max(Alert.id).label("newest"),
            func.count().label("calls"),
            func.count(Alert.error).label("unsent"),
        )
        .where(_OPEN)
        .group_by(Alert.conversation_id)
        .order_by(func.min(_IS_URGENT), newest_at.desc(), Alert.conversation_id.desc())
        .limit(at_most)
        .subquery()
    )
    shown = [column for column in calls.c if column.name not in ("conversation_id", "urgency")]
    query = (
        select(Conversation.key, Conversation.code, *shown)
        .join(calls, calls.c.conversation_id == Conversation.id)
        .order_by(calls.c.urgency, calls.c.newest_at.desc(), Conversation.id.desc())
    )
    found = []
    for row in session.execute(query):
        values = row._asdict()
        flags = {name: bool(values[name]) for name in ("wants_person", "undelivered")}
        found.append(OpenAlerts(**{**values, **flags}))
    return found


def count_open(session: Session) -> int:
    """In how many conversations somebody waits for a navigator."""
    query = select(func.count(Alert.conversation_id.distinct())).where(_OPEN)
    return session.execute(query).scalar_one()  # type: ignore[no-any-return]


def acknowledge(
    session: Session, conversation: Conversation, *, by: int, at: datetime, newest: int, newest_at: datetime
) -> int:
    """Take the calls of a conversation that somebody has seen off the list; what came later stays on it.

    Args:
        session: whose transaction it is.
        conversation: whose alerts.
        by: the row id of the account.
        at: the present moment.
        newest: the row id of the alert that was written last of those that were seen.
        newest_at: when the newest of those that were seen came.

    Returns:
        how many were acknowledged.
    """
    done = session.execute(
        update(Alert)
        .where(Alert.conversation_id == conversation.id, _OPEN, Alert.id <= newest, Alert.raised_at <= newest_at)
        .values(acknowledged_at=at, acknowledged_by_id=by)
        .execution_options(synchronize_session=False)
    )
    return done.rowcount  # type: ignore[no-any-return]
