"""The outbox: how far each reply has come on its way through a messenger. Everything here blocks.

A reply is claimed before it is sent, and its end is written down after: of two processes only one sends it, and what a
killed one had under way is sent again, marked as possibly repeated.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session, aliased, sessionmaker

from bot.conversations.history import reply_of
from bot.conversations.models import (
    DELIVERED,
    PENDING,
    READ,
    SENDING,
    SENT,
    UNDELIVERED,
    Conversation,
    Delivery,
    Message,
)
from bot.conversations.review_models import UNDELIVERED_EMERGENCY, Alert
from bot.conversations.triage import alert_for_undelivered
from bot.replies import CRISIS, EMERGENCY, Reply

# What a vendor may still report after each state; a report that comes late changes nothing.
_BEFORE = {DELIVERED: (SENDING, SENT), READ: (SENDING, SENT, DELIVERED), UNDELIVERED: (SENDING, SENT)}


@dataclass(frozen=True)
class Waiting:
    """A reply that is to be sent, as the log has it.

    Attributes:
        address: of the family, encrypted.
        wrote_at: when the family wrote last.
        possibly_repeated: whether it may have been sent already.
    """

    reply: Reply
    channel: str
    conversation: str
    address: str
    wrote_at: datetime
    attempts: int
    parts_sent: int
    possibly_repeated: bool


@dataclass(frozen=True)
class Claim:
    """A reply that this process is about to send, or goes on sending."""

    key: str
    until: datetime  # when another process may take it
    parts_sent: int = 0


@dataclass(frozen=True)
class Ended:
    """What became of an attempt.

    Attributes:
        key: of the reply.
        state: sent, undelivered, or pending where it is tried again.
        at: when it ended.
        again_at: when it is tried again.
        sent_id: a name of what the vendor calls its last part.
        error: one short line without a word of the message.
    """

    key: str
    state: str
    at: datetime
    attempts: int
    parts_sent: int = 0
    again_at: datetime | None = None
    sent_id: str = ""
    error: str = ""
    possibly_repeated: bool = False


@dataclass(frozen=True)
class Reported:
    """What a vendor says of a message that it took."""

    sent_id: str
    state: str
    at: datetime
    error: str = ""


class Outbox:
    """The deliveries of messengers in the database."""

    def __init__(self, sessions: "sessionmaker[Session]") -> None:
        self._sessions = sessions

    def carry(
        self, ended: Sequence[Ended], claims: Sequence[Claim], moment: datetime
    ) -> tuple[set[str], dict[str, bool]]:
        """Write down what became of replies, then take others to send, in one transaction.

        A reply that goes on being sent is claimed again, with the parts that are sent.

        Returns:
            the keys of the ended replies that the log has: the others are not in it yet, or were erased; and of each
            claimed reply that it has, whether this process may send it: otherwise it is sent, or being sent elsewhere.

        Raises:
            SQLAlchemyError: the database does not take it now; nothing is written.
        """
        with self._sessions() as session:
            known = {each.key for each in ended if _end(session, each)}
            taken = {}
            for claim in claims:
                if _claim(session, claim, moment):
                    taken[claim.key] = True
                elif _has(session, claim.key):
                    taken[claim.key] = False
            session.commit()
            return known, taken

    def due(self, channels: Collection[str], moment: datetime, *, at_most: int) -> list[Waiting]:
        """Replies that should have been sent by now, in the order in which they were written.

        Those that wait for their next attempt, and those of a process that was killed.

        Raises:
            SQLAlchemyError: the database cannot be asked.
        """
        query = (
            select(Message, Delivery, Conversation)
            .join(Delivery, Delivery.message_id == Message.id)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(Delivery.state.in_((PENDING, SENDING)), Delivery.next_attempt_at <= moment)
            .where(Message.channel.in_(channels), Conversation.address.is_not(None))
            .order_by(Message.id)
            .limit(at_most)
        )
        with self._sessions() as session:
            return [_waiting(row) for row in session.execute(query)]

    def report(self, reports: Sequence[Reported]) -> list[Reported]:
        """Write down what vendors say.

        Returns:
            the reports on messages that the log does not know, or not yet.

        Raises:
            SQLAlchemyError: the database does not take it now; nothing is written.
        """
        with self._sessions() as session:
            unknown = [each for each in reports if not _report(session, each)]
            session.commit()
            return unknown


def _claim(session: Session, claim: Claim, moment: datetime) -> bool:
    free = or_(
        Delivery.state == PENDING,
        and_(Delivery.state == SENDING, Delivery.next_attempt_at <= moment),
        and_(Delivery.state == SENDING, Delivery.parts_sent < claim.parts_sent),  # our own, one part further
    )
    values = {
        "state": SENDING,
        "next_attempt_at": claim.until,
        "parts_sent": claim.parts_sent,
        "possibly_repeated": or_(
            Delivery.possibly_repeated,
            and_(Delivery.state == SENDING, Delivery.parts_sent >= claim.parts_sent),
        ),
    }
    return _update(session, claim.key, values, free)


def _has(session: Session, key: str) -> bool:
    return session.scalars(select(Message.id).where(Message.key == key)).first() is not None


def _end(session: Session, ended: Ended) -> bool:
    values: dict[str, Any] = {
        "state": ended.state,
        "attempts": ended.attempts,
        "parts_sent": ended.parts_sent,
        "next_attempt_at": ended.again_at,
        "error": ended.error or None,
        "possibly_repeated": or_(Delivery.possibly_repeated, ended.possibly_repeated),
    }
    if ended.state == SENT:
        values |= {"delivered_at": ended.at, "sent_id": ended.sent_id or None}
    found = _update(session, ended.key, values, Delivery.state.in_((PENDING, SENDING)))
    if found and ended.state == UNDELIVERED:
        _show_to_navigators(session, Message.key == ended.key)
    return found or _has(session, ended.key)


def _report(session: Session, reported: Reported) -> bool:
    query = select(Message.key, Delivery.state).join(Delivery, Delivery.message_id == Message.id)
    row = session.execute(query.where(Delivery.sent_id == reported.sent_id)).first()
    if row is None:
        return False
    values: dict[str, Any] = {"state": reported.state}
    values |= {"error": reported.error} if reported.error else {"delivered_at": reported.at}
    found = _update(session, row.key, values, Delivery.state.in_(_BEFORE[reported.state]))
    if found and reported.state == UNDELIVERED:
        _show_to_navigators(session, Message.key == row.key)
    return True


def _update(session: Session, key: str, values: dict[str, Any], *conditions: Any) -> bool:
    message = select(Message.id).where(Message.key == key).scalar_subquery()
    statement = update(Delivery).where(Delivery.message_id == message, *conditions).values(**values)
    return bool(session.execute(statement.execution_options(synchronize_session=False)).rowcount)


def _show_to_navigators(session: Session, of_reply: Any) -> None:
    """Mark the conversation, and call navigators where it was the fixed reply to a red flag."""
    asked = aliased(Message)
    query = select(Message, asked).outerjoin(asked, asked.id == Message.reply_to_id).where(of_reply)
    for reply, message in session.execute(query):
        reply.conversation.undelivered = True
        if reply.kind not in (EMERGENCY, CRISIS):
            continue
        called = select(Alert.id).where(Alert.message_id == reply.id, Alert.kind == UNDELIVERED_EMERGENCY)
        if session.scalars(called).first() is None:
            session.add(alert_for_undelivered(reply, message.tier if message is not None else None))


def _waiting(row: Any) -> Waiting:
    delivery, conversation = row.Delivery, row.Conversation
    return Waiting(
        reply=reply_of(row.Message),
        channel=row.Message.channel,
        conversation=conversation.key,
        address=conversation.address,
        wrote_at=conversation.last_message_at,
        attempts=delivery.attempts,
        parts_sent=delivery.parts_sent,
        possibly_repeated=delivery.possibly_repeated or delivery.state == SENDING,
    )
