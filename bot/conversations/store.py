"""Writes and reads of the conversation log. Everything here blocks: it is called from a thread."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, bindparam, case, exists, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from bot.conversations.accepting import Accepted, accept_all, columns_of, new_conversation, touch
from bot.conversations.erased import ConversationErased, MessageErased
from bot.conversations.history import reply_of
from bot.conversations.late import inbound_of
from bot.conversations.models import (
    ANSWERED,
    DELIVERED,
    OPEN,
    OUTBOUND,
    PENDING,
    SENDING,
    UNANSWERED,
    Conversation,
    Delivery,
    ErasedConversation,
    ErasedMessage,
    Message,
    MessageRedFlag,
)
from bot.conversations.records import Inbound, Known, Outcome
from bot.conversations.review_models import Alert
from bot.conversations.search import add_words
from bot.conversations.triage import alerts_for, sort_in
from bot.replies import NOTICE, Reply
from bot.storage.base import UtcDateTime, now

# A channel sends a reply right after it is written down, or is sending it already. What takes longer than this was left
# by a process that was killed, and another one sends it.
AT_ONCE, UNDER_WAY = timedelta(seconds=5), timedelta(seconds=30)


class ConversationStore:
    """The conversation log in the database."""

    def __init__(self, sessions: "sessionmaker[Session]") -> None:
        self._sessions = sessions

    def accept(self, inbound: Inbound) -> Known:
        """Write a message down; a repeat of one is found by (channel, message id).

        Raises:
            ConversationErased: its conversation was erased.
            SQLAlchemyError: the database cannot be written.
        """
        with self._sessions() as session:
            try:
                known = _accept(session, inbound)
                session.commit()
            except IntegrityError:  # the same message, or another of a new conversation, came at the same moment
                session.rollback()
                known = _accept(session, inbound)
                session.commit()
            return known

    def accept_all(self, batch: Sequence[Inbound]) -> list[Accepted]:
        """Write several messages down in one transaction.

        Returns:
            what `accept` returns or raises for each.

        Raises:
            SQLAlchemyError: the database cannot be written, or refuses one of them; none is written.
        """
        with self._sessions() as session:
            found = accept_all(session, batch)
            whole = [
                _accept(session, inbound) if each is None else each for inbound, each in zip(batch, found, strict=True)
            ]
            session.commit()
            return whole

    def record(self, inbound: Inbound, outcome: Outcome) -> bool:
        """Write down what became of a message; does nothing where that is written already.

        Returns:
            whether it was written now: otherwise another process has answered.

        Raises:
            ConversationErased: its conversation was erased.
            SQLAlchemyError: the database cannot be written.
        """
        with self._sessions() as session:
            message, conversation = _find(session, inbound)
            if message is None:
                message = _write_down(session, inbound, conversation)
            if not _mark_answered(session, message, outcome):
                return False
            conversation = message.conversation
            conversation.topic = outcome.topic or conversation.topic
            conversation.noticed = conversation.noticed or any(reply.kind == NOTICE for reply in outcome.replies)
            sort_in(conversation, tier=outcome.tier, replies=outcome.replies)
            _add_alerts(session, message, outcome)
            session.add_all(MessageRedFlag(message_id=message.id, **asdict(mention)) for mention in outcome.mentions)
            rows = [_outbound(message, position, reply) for position, reply in enumerate(outcome.replies)]
            if rows:
                session.execute(insert(Message), rows)
                session.execute(_deliveries(), _first_states(message, outcome))
            session.commit()
            return True

    def unanswered(self, *, younger_than: datetime) -> list[Inbound]:
        """Messages that a crash left without replies; the older ones are marked as unanswered for good."""
        with self._sessions() as session:
            given_up = (Message.state == OPEN, Message.received_at < younger_than)
            for statement in (
                update(Conversation)
                .where(Conversation.id.in_(select(Message.conversation_id).where(*given_up)))
                .values(unanswered=True),
                update(Message).where(*given_up).values(state=UNANSWERED),
            ):
                session.execute(statement.execution_options(synchronize_session=False))
            query = select(Message).where(Message.state == OPEN).order_by(Message.id)
            found = [inbound_of(message) for message in session.scalars(query)]
            session.commit()
            return found

    def delivered(self, keys: Sequence[str]) -> None:
        """Mark replies as handed over to the family."""
        with self._sessions() as session:
            ids = select(Message.id).where(Message.key.in_(keys))
            session.execute(
                update(Delivery)
                .where(Delivery.message_id.in_(ids), Delivery.state == PENDING)
                .values(state=DELIVERED, delivered_at=now(), attempts=Delivery.attempts + 1)
                .execution_options(synchronize_session=False)
            )
            session.commit()


def _accept(session: Session, inbound: Inbound) -> Known:
    message, conversation = _find(session, inbound)
    before = conversation.last_message_at if conversation is not None else None
    if message is None:
        _write_down(session, inbound, conversation)
    if conversation is None:
        return Known()
    answered = message is not None and message.state == ANSWERED
    replies = tuple(reply_of(row) for row in _replies_to(session, message)) if answered else ()
    silent_for = inbound.received_at - before if message is None and before is not None else None
    return Known(answered, replies, conversation.noticed, conversation.topic, silent_for)


def _find(session: Session, inbound: Inbound) -> tuple[Message | None, Conversation | None]:
    """The stored message and its conversation, as far as they are there, in one question.

    Raises:
        MessageErased: the message was erased with an earlier conversation of its family.
    """
    names = {"key": inbound.conversation, "channel": inbound.channel, "message_id": inbound.message_id}
    row = session.execute(_message_and_conversation(), names).one_or_none()
    if row is None:
        return None, None
    if row.was_erased:
        raise MessageErased
    return row.Message, row.Conversation


@lru_cache
def _message_and_conversation() -> Any:
    """Made once, because making it takes longer than asking the database."""
    channel, message_id = bindparam("channel"), bindparam("message_id")
    same_message = and_(Message.channel == channel, Message.channel_message_id == message_id)
    was_erased = exists().where(ErasedMessage.channel == channel, ErasedMessage.channel_message_id == message_id)
    return (
        select(Conversation, Message, was_erased.label("was_erased"))
        .outerjoin(Message, and_(Message.conversation_id == Conversation.id, same_message))
        .where(Conversation.key == bindparam("key"))
    )


def _mark_answered(session: Session, message: Message, outcome: Outcome) -> bool:
    """Whether nobody has answered a message yet; of two that ask at the same moment only one is told so."""
    values = {
        "message_id": message.id,
        "intent": outcome.intent,
        "confidence": outcome.confidence,
        "tier": outcome.tier,
        "ruleset": outcome.ruleset,
        "milliseconds": outcome.milliseconds,
    }
    return bool(session.execute(_answered(), values).rowcount)


@lru_cache
def _answered() -> Any:
    told = {name: bindparam(name) for name in ("intent", "confidence", "tier", "ruleset", "milliseconds")}
    statement = update(Message).where(Message.id == bindparam("message_id"), Message.state != ANSWERED)
    return statement.values(state=ANSWERED, **told).execution_options(synchronize_session=False)


def _was_erased(inbound: Inbound) -> Any:
    return exists().where(
        ErasedMessage.channel == inbound.channel, ErasedMessage.channel_message_id == inbound.message_id
    )


def _write_down(session: Session, inbound: Inbound, conversation: Conversation | None) -> Message:
    if conversation is None:
        if session.get(ErasedConversation, inbound.conversation) is not None:
            raise ConversationErased
        if session.scalar(select(_was_erased(inbound))):
            raise MessageErased
        conversation = new_conversation(inbound)
    touch(conversation, inbound)
    message = Message(conversation=conversation, **columns_of(inbound))
    session.add(message)
    session.flush()
    add_words(session, message.conversation_id, inbound.text)
    return message


@lru_cache
def _deliveries() -> Any:
    """What inserts the deliveries of a message's replies."""
    is_under_way = Message.key.in_(bindparam("under_way", expanding=True))
    until = case(
        (is_under_way, bindparam("under_way_until", type_=UtcDateTime)),
        else_=bindparam("own_until", type_=UtcDateTime),
    )
    written = select(Message.id, case((is_under_way, SENDING), else_=PENDING), literal(0), until)
    columns = ["message_id", "state", "attempts", "next_attempt_at"]
    return insert(Delivery).from_select(columns, written.where(Message.reply_to_id == bindparam("message_id")))


def _first_states(message: Message, outcome: Outcome) -> dict[str, Any]:
    """Replies that a channel sends are its process's own for a moment; then whoever finds them sends them."""
    is_sent, moment = bool(message.conversation.address), now()
    return {
        "message_id": message.id,
        "under_way": list(outcome.under_way) if is_sent else [],
        "under_way_until": moment + UNDER_WAY,
        "own_until": moment + AT_ONCE if is_sent else None,
    }


def _add_alerts(session: Session, message: Message, outcome: Outcome) -> None:
    """Call navigators, unless they were called when the message was given up."""
    alerts = alerts_for(message, tier=outcome.tier, replies=outcome.replies)
    if alerts:
        called = session.scalars(select(Alert.kind).where(Alert.message_id == message.id)).all()
        session.add_all(alert for alert in alerts if alert.kind not in called)


def _outbound(message: Message, position: int, reply: Reply) -> dict[str, Any]:
    return {
        "key": reply.id,
        "conversation_id": message.conversation_id,
        "direction": OUTBOUND,
        "channel": message.channel,
        "received_at": reply.at,
        "reply_to_id": message.id,
        "position": position,
        "text": reply.text,
        "kind": reply.kind,
        "topic": reply.topic,
        "variant": reply.variant or None,
        "revision": reply.revision,
        "text_id": reply.text_id or None,
        "sources": list(reply.sources),
        "buttons": [{"title": button.title, "token": button.token} for button in reply.buttons],
    }


def _replies_to(session: Session, message: Any) -> list[Message]:
    query = select(Message).where(Message.reply_to_id == message.id).order_by(Message.position)
    return list(session.scalars(query))
