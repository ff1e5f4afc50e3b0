"""A log with conversations that call, written as the service writes it."""

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.conversations.records import Inbound, Outcome
from bot.conversations.review_models import Alert
from bot.conversations.store import ConversationStore
from bot.replies import EMERGENCY, HANDOVER, Reply

WORDS = "grandfather shivers xylophone"  # of the family: they must never be in a call
PHONE = "+44 20 7946 0000"


def red_flag(tier: str = "T1") -> Outcome:
    return Outcome((Reply(EMERGENCY, f"{WORDS}.", 1),), "red_flag", 0.9, None, tier, "abc", 9.0)


def person_wanted() -> Outcome:
    return Outcome((Reply(HANDOVER, f"{WORDS}.", 1),), "talk_to_human", 0.9, None, None, "abc", 9.0)


def both() -> Outcome:
    replies = (*red_flag().replies, *person_wanted().replies)
    return Outcome(replies, "talk_to_human", 0.9, None, "T1", "abc", 9.0)


def inbound(family: str = "family", channel: str = "widget") -> Inbound:
    return Inbound(channel, family, uuid.uuid4().hex, f"{WORDS} {PHONE}")


def write(
    sessions: "sessionmaker[Session]",
    outcome: Outcome,
    *,
    at: datetime,
    family: str = "family",
    channel: str = "widget",
) -> None:
    """A message of a family; the alerts that it raises are raised at a moment of the test's."""
    with sessions() as session:
        known = set(session.scalars(select(Alert.id)))
    ConversationStore(sessions).record(inbound(family, channel), outcome)
    with sessions() as session:
        for alert in session.scalars(select(Alert)):
            if alert.id not in known:
                alert.raised_at = at
                alert.next_attempt_at = at if alert.goes_out else None
        session.commit()


def acknowledge(sessions: "sessionmaker[Session]", at: datetime) -> None:
    """As a navigator would, all of them."""
    with sessions() as session:
        for alert in session.scalars(select(Alert)):
            alert.acknowledged_at = at
        session.commit()


def alerts_in(sessions: "sessionmaker[Session]") -> list[Alert]:
    with sessions() as session:
        return list(session.scalars(select(Alert).order_by(Alert.id)))
