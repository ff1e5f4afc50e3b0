"""The outbox: how far each reply has come on its way through a messenger. Everything here blocks.

A reply is claimed before it is sent, and its end is written down after: of two processes only one sends it, and what a
killed one had under way is sent again, marked as possibly repeated.
"""

from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Integer, bindparam, exists, or_, select, update
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
from bot.conversations.triage import alert_for_undelivered, come_back
from bot.replies import CRISIS, EMERGENCY, Reply
from bot.storage.base import UtcDateTime

_URGENT = (EMERGENCY, CRISIS)
ASKED_TOGETHER = 500  # names in one question; SQLite takes 999
# What a vendor may still report after each state; a report that comes late changes nothing.
_BEFORE = {DELIVERED: (SENDING, SENT), READ: (SENDING, SENT, DELIVERED), UNDELIVERED: (SENDING, SENT)}


@dataclass(frozen=True)
class Waiting:
    """A reply that is to be sent, as the log has it.

    Attributes:
        number: grows with each message that the log writes down.
        address: of the family, encrypted.
        wrote_at: when the family wrote last.
        possibly_repeated: whether it may have been sent already.
    """

    number: int
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
        self, ended: Sequence[Ended], claims: Sequence[Claim], moment: datetime, *, in_hand: Container[str] = ()
    ) -> tuple[set[str], dict[str, bool]]:
        """Write down what became of replies, then take others to send, in one transaction.

        A reply that goes on being sent is claimed again, with the parts that are sent.

        Args:
            ended: what became of replies.
            claims: what this process is about to send.
            moment: the present one.
            in_hand: the keys of all replies that this process sends or has sent: it keeps their order itself.

        Returns:
            the keys of the ended replies that the log has: the others are not in it yet, or were erased; and of each
            claimed reply that it has, whether this process may send it: otherwise it is sent, or being sent elsewhere,
            or another process still has a reply of the conversation that goes first.

        Raises:
            SQLAlchemyError: the database does not take it now; nothing is written.
        """
        with self._sessions() as session:
            rows = _locked(session, {*(each.key for each in ended), *(claim.key for claim in claims)})
            changes = {each.key: _ending(rows[each.key], each) for each in ended if each.key in rows}
            _write(session, [change for change in changes.values() if change])
            for key, change in changes.items():
                if change and change["state"] == UNDELIVERED:
                    _show_to_navigators(session, Message.key == key)
            conversations = {rows[claim.key].conversation_id for claim in claims if claim.key in rows}
            outstanding = _outstanding(session, conversations, in_hand)
            taken = {
                claim.key: _claiming(rows[claim.key], claim, moment, outstanding)
                for claim in claims
                if claim.key in rows
            }
            _write(session, [change for change in taken.values() if change])
            session.commit()
            return set(changes), {key: change is not None for key, change in taken.items()}

    def due(self, channels: Collection[str], moment: datetime, *, above: int, at_most: int) -> list[Waiting]:
        """Replies that should have been sent by now, in the order in which they were written, from behind a number on.

        Those that wait for their next attempt, and those of a process that was killed; but none that would overtake
        another of its conversation, which waits longer or is being sent.

        Raises:
            SQLAlchemyError: the database cannot be asked.
        """
        parameters = {"channels": list(channels), "moment": moment, "above": above, "at_most": at_most}
        with self._sessions() as session:
            return [_waiting(row) for row in session.execute(_due(), parameters)]

    def report(self, reports: Sequence[Reported]) -> list[Reported]:
        """Write down what vendors say.

        Returns:
            the reports on messages that the log does not know, or not yet.

        Raises:
            SQLAlchemyError: the database does not take it now; nothing is written.
        """
        with self._sessions() as session:
            named = _named(session, sorted({each.sent_id for each in reports}))
            for each in reports:
                if each.sent_id in named:
                    _report(session, each, *named[each.sent_id])
            session.commit()
            return [each for each in reports if each.sent_id not in named]


@lru_cache
def _due() -> Any:
    """The question for replies that should have been sent by now."""
    moment = bindparam("moment", type_=UtcDateTime)
    other, delivery = aliased(Message), aliased(Delivery)
    goes_first = exists().where(
        other.conversation_id == Message.conversation_id,
        delivery.message_id == other.id,
        delivery.state.in_((PENDING, SENDING)),
        delivery.next_attempt_at > moment,
        or_(other.id < Message.id, other.kind.in_(_URGENT)),
    )
    return (
        select(Message, Delivery, Conversation)
        .join(Delivery, Delivery.message_id == Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Delivery.state.in_((PENDING, SENDING)), Delivery.next_attempt_at <= moment)
        .where(Message.channel.in_(bindparam("channels", expanding=True)), Conversation.address.is_not(None))
        .where(or_(Message.kind.in_(_URGENT), ~goes_first), Message.id > bindparam("above"))
        .order_by(Message.id)
        .limit(bindparam("at_most", type_=Integer))
    )


@dataclass
class _Row:
    """A delivery as it is in this transaction."""

    id: int
    message_id: int
    conversation_id: int
    kind: str
    state: str
    next_attempt_at: datetime | None
    parts_sent: int
    possibly_repeated: bool


def _locked(session: Session, keys: Collection[str]) -> dict[str, _Row]:
    """The deliveries of replies, so that no other process changes them before the commit."""
    session.execute(_lock_on_sqlite(), execution_options={"synchronize_session": False})
    return {key: _Row(*values) for key, *values in session.execute(_deliveries_of(), {"keys": list(keys)})}


# Statements are made once, because making them takes longer than asking the database.
@lru_cache
def _lock_on_sqlite() -> Any:
    """SQLite locks no row for a select; but from a change on, were it of no row at all, nobody else can change any."""
    return update(Delivery).where(Delivery.id == 0).values(state=Delivery.state)


@lru_cache
def _deliveries_of() -> Any:
    of_message = (Message.id, Message.conversation_id, Message.kind)
    columns = (Delivery.state, Delivery.next_attempt_at, Delivery.parts_sent, Delivery.possibly_repeated)
    query = select(Message.key, Delivery.id, *of_message, *columns).join(Delivery, Delivery.message_id == Message.id)
    # In one order, so that two processes never wait for each other.
    query = query.where(Message.key.in_(bindparam("keys", expanding=True))).order_by(Delivery.id)
    return query.with_for_update(of=Delivery)


def _outstanding(
    session: Session, conversations: Collection[int], in_hand: Container[str]
) -> dict[int, list[tuple[int, str]]]:
    """The replies of conversations that others have yet to bring to the vendor: the row id and kind of each."""
    found: dict[int, list[tuple[int, str]]] = {conversation: [] for conversation in conversations}
    if found:
        for row in session.execute(_outstanding_of(), {"conversations": list(conversations)}):
            if row.key not in in_hand:
                found[row.conversation_id].append((row.id, row.kind))
    return found


@lru_cache
def _outstanding_of() -> Any:
    query = select(Message.conversation_id, Message.id, Message.key, Message.kind)
    query = query.join(Delivery, Delivery.message_id == Message.id)
    query = query.where(Message.conversation_id.in_(bindparam("conversations", expanding=True)))
    return query.where(Delivery.state.in_((PENDING, SENDING)))


def _goes_first(other: tuple[int, str], row: _Row) -> bool:
    """Whether another reply of the conversation is to be sent before one: an earlier one, and the fixed reply first."""
    number, kind = other
    if kind in _URGENT and row.kind not in _URGENT:
        return True
    return number < row.message_id and (kind in _URGENT) == (row.kind in _URGENT)


def _claiming(
    row: _Row, claim: Claim, moment: datetime, outstanding: dict[int, list[tuple[int, str]]]
) -> dict[str, Any] | None:
    """What a claim changes; None where the reply is not this process's to send, or not yet."""
    goes_on = row.state == SENDING and row.parts_sent < claim.parts_sent
    left = row.state == SENDING and row.next_attempt_at is not None and row.next_attempt_at <= moment
    if not (row.state == PENDING or goes_on or left):
        return None
    if not goes_on and any(_goes_first(other, row) for other in outstanding[row.conversation_id]):
        return None
    row.possibly_repeated = row.possibly_repeated or (left and not goes_on)
    row.state, row.next_attempt_at, row.parts_sent = SENDING, claim.until, claim.parts_sent
    return {
        "row_id": row.id,
        "state": row.state,
        "next_attempt_at": row.next_attempt_at,
        "parts_sent": row.parts_sent,
        "possibly_repeated": row.possibly_repeated,
    }


def _ending(row: _Row, ended: Ended) -> dict[str, Any] | None:
    """What the end of an attempt changes; None where a later state is known already."""
    if row.state not in (PENDING, SENDING):
        return None
    row.state, row.next_attempt_at, row.parts_sent = ended.state, ended.again_at, ended.parts_sent
    row.possibly_repeated = row.possibly_repeated or ended.possibly_repeated
    is_sent = ended.state == SENT
    return {
        "row_id": row.id,
        "state": row.state,
        "attempts": ended.attempts,
        "parts_sent": row.parts_sent,
        "next_attempt_at": row.next_attempt_at,
        "error": ended.error or None,
        "possibly_repeated": row.possibly_repeated,
        "delivered_at": ended.at if is_sent else None,
        "sent_id": (ended.sent_id or None) if is_sent else None,
    }


def _write(session: Session, changes: Sequence[dict[str, Any]]) -> None:
    """Change deliveries by their row ids, all that change alike in one statement."""
    if changes:
        names = tuple(name for name in changes[0] if name != "row_id")
        session.connection().execute(_change_of(names), list(changes))


@lru_cache
def _change_of(names: tuple[str, ...]) -> Any:
    values = {name: bindparam(name) for name in names}
    return update(Delivery).where(Delivery.id == bindparam("row_id")).values(**values)


def _named(session: Session, sent_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """The ids of the deliveries, and the keys, of replies that vendors call so. Unknown names cost next to nothing."""
    query = select(Delivery.sent_id, Delivery.id, Message.key).join(Message, Message.id == Delivery.message_id)
    chunks = (sent_ids[start : start + ASKED_TOGETHER] for start in range(0, len(sent_ids), ASKED_TOGETHER))
    rows = (row for chunk in chunks for row in session.execute(query.where(Delivery.sent_id.in_(chunk))))
    return {row.sent_id: (row.id, row.key) for row in rows}


def _report(session: Session, reported: Reported, delivery_id: int, key: str) -> None:
    values: dict[str, Any] = {"state": reported.state}
    values |= {"error": reported.error} if reported.error else {"delivered_at": reported.at}
    before = Delivery.state.in_(_BEFORE[reported.state])
    statement = update(Delivery).where(Delivery.id == delivery_id, before).values(**values)
    found = session.execute(statement.execution_options(synchronize_session=False)).rowcount
    if found and reported.state == UNDELIVERED:
        _show_to_navigators(session, Message.key == key)


def _show_to_navigators(session: Session, of_reply: Any) -> None:
    """Mark the conversation, and call navigators where it was the fixed reply to a red flag."""
    asked = aliased(Message)
    query = select(Message, asked).outerjoin(asked, asked.id == Message.reply_to_id).where(of_reply)
    for reply, message in session.execute(query):
        reply.conversation.undelivered = True
        come_back(reply.conversation)
        if reply.kind not in _URGENT:
            continue
        called = select(Alert.id).where(Alert.message_id == reply.id, Alert.kind == UNDELIVERED_EMERGENCY)
        if session.scalars(called).first() is None:
            session.add(alert_for_undelivered(reply, message.tier if message is not None else None))


def _waiting(row: Any) -> Waiting:
    delivery, conversation = row.Delivery, row.Conversation
    return Waiting(
        number=row.Message.id,
        reply=reply_of(row.Message),
        channel=row.Message.channel,
        conversation=conversation.key,
        address=conversation.address,
        wrote_at=conversation.last_message_at,
        attempts=delivery.attempts,
        parts_sent=delivery.parts_sent,
        possibly_repeated=delivery.possibly_repeated or delivery.state == SENDING,
    )
