"""Writes and reads of the conversation log. Everything here blocks: it is called from a thread."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased, sessionmaker

from bot.conversations.code import conversation_code
from bot.conversations.erased import ConversationErased
from bot.conversations.late import inbound_of
from bot.conversations.models import (
    ANSWERED,
    DELIVERED,
    INBOUND,
    OPEN,
    OUTBOUND,
    PENDING,
    UNANSWERED,
    Conversation,
    Delivery,
    ErasedConversation,
    Feedback,
    Message,
    MessageRedFlag,
)
from bot.conversations.records import Inbound, Known, Outcome
from bot.conversations.review_models import Alert
from bot.conversations.search import add_words
from bot.conversations.triage import alerts_for, come_back, sort_in
from bot.replies import CRISIS, EMERGENCY, NOTICE, Button, Reply
from bot.storage.base import now

HISTORY_MAXIMUM = 200  # messages in one page of a conversation's history
OVERTAKING = timedelta(seconds=1)  # a fixed reply is sent while an earlier reply is being written: not longer than this


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
            message, conversation = _find(session, inbound)
            if message is None:
                try:
                    _write_down(session, inbound, conversation)
                    session.commit()
                except IntegrityError:  # the same message, or another of a new conversation, came at the same moment
                    session.rollback()
                    message, conversation = _find(session, inbound)
                    if message is None:
                        _write_down(session, inbound, conversation)
                        session.commit()
            if conversation is None:
                return Known()
            answered = message is not None and message.state == ANSWERED
            replies = tuple(_reply(row) for row in _replies_to(session, message)) if answered else ()
            return Known(answered=answered, replies=replies, noticed=conversation.noticed, topic=conversation.topic)

    def record(self, inbound: Inbound, outcome: Outcome) -> None:
        """Write down what became of a message; does nothing where that is written already.

        Raises:
            ConversationErased: its conversation was erased.
            SQLAlchemyError: the database cannot be written.
        """
        with self._sessions() as session:
            message, conversation = _find(session, inbound)
            if message is None:
                message = _write_down(session, inbound, conversation)
            elif message.state == ANSWERED:
                return
            message.state = ANSWERED
            message.intent, message.confidence = outcome.intent, outcome.confidence
            message.tier, message.ruleset = outcome.tier, outcome.ruleset
            message.milliseconds = outcome.milliseconds
            conversation = message.conversation
            conversation.topic = outcome.topic or conversation.topic
            conversation.noticed = conversation.noticed or any(reply.kind == NOTICE for reply in outcome.replies)
            sort_in(conversation, tier=outcome.tier, replies=outcome.replies)
            _add_alerts(session, message, outcome)
            session.add_all(MessageRedFlag(message_id=message.id, **asdict(mention)) for mention in outcome.mentions)
            rows = [_outbound(message, position, reply) for position, reply in enumerate(outcome.replies)]
            if rows:
                session.execute(insert(Message), rows)
                written = select(Message.id, literal(PENDING), literal(0)).where(Message.reply_to_id == message.id)
                session.execute(insert(Delivery).from_select(["message_id", "state", "attempts"], written))
            session.commit()

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

    def history(self, conversation: str, *, after: str | None = None) -> list[dict[str, Any]]:
        """A conversation's messages, each with its replies behind it; `reply` is None for the family's own.

        A page holds what was written to the log last. In it the messages stand in the order in which they came: in the
        log, what the spool held stands behind what came later.

        Args:
            conversation: the conversation's key.
            after: the key of a message; only later ones are given.
        """
        with self._sessions() as session:
            asked = aliased(Message)
            came_at = func.coalesce(asked.received_at, Message.received_at).label("came_at")
            query = (
                select(Message, Feedback.helpful, came_at)
                .join(Message.conversation)
                .outerjoin(asked, asked.id == Message.reply_to_id)
                .outerjoin(Feedback, Feedback.message_id == Message.id)
                .where(Conversation.key == conversation)
                .limit(HISTORY_MAXIMUM)
            )
            start = None
            if after:
                first = select(Message.id).join(Message.conversation)
                first = first.where(Message.key == after, Conversation.key == conversation)
                start = session.scalars(first).one_or_none()
            if start is not None:
                page = session.execute(query.where(Message.id > start).order_by(Message.id)).all()
            else:
                page = session.execute(query.order_by(Message.id.desc())).all()
            return [_history_entry(row.Message, row.helpful) for row in sorted(page, key=_in_order)]

    def later_replies(
        self, conversation: str, seen: str, *, seen_at: datetime | None = None, above: int = 0
    ) -> list[tuple[int, Reply]]:
        """A page of the replies that came after one, in the order they were written; each with its place in the log.

        The fixed reply to a red flag overtakes what an earlier message still waits for, and what the spool held stands
        late in the log. So what was sent later counts as well as what was written later: rather twice than never.

        Args:
            conversation: the conversation's key.
            seen: the reply's key; where it is not in the log, and `seen_at` does not help, the newest page is given.
            seen_at: when the reply was sent, if that is known although it is not in the log yet.
            above: a place in the log; only later ones are given.
        """
        with self._sessions() as session:
            of_conversation = (Conversation.key == conversation, Message.direction == OUTBOUND)
            row = session.scalars(
                select(Message).join(Message.conversation).where(Message.key == seen, *of_conversation)
            ).one_or_none()
            query = select(Message).join(Message.conversation).where(*of_conversation).limit(HISTORY_MAXIMUM)
            if row is not None:
                overtaken = OVERTAKING if row.kind in (EMERGENCY, CRISIS) else timedelta(0)
                later = or_(Message.id > row.id, Message.received_at > row.received_at - overtaken)
                query = query.where(later, Message.id != row.id)
            elif seen_at is not None:
                query = query.where(Message.received_at > seen_at - OVERTAKING)
            elif not above:
                newest = session.scalars(query.order_by(Message.id.desc())).all()
                return [(message.id, _reply(message)) for message in reversed(newest)]
            page = session.scalars(query.where(Message.id > above).order_by(Message.id))
            return [(message.id, _reply(message)) for message in page]

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


def _find(session: Session, inbound: Inbound) -> tuple[Message | None, Conversation | None]:
    """The stored message and its conversation, as far as they are there, in one question."""
    same_message = and_(Message.channel == inbound.channel, Message.channel_message_id == inbound.message_id)
    query = (
        select(Conversation, Message)
        .outerjoin(Message, and_(Message.conversation_id == Conversation.id, same_message))
        .where(Conversation.key == inbound.conversation)
    )
    row = session.execute(query).one_or_none()
    return (None, None) if row is None else (row.Message, row.Conversation)


def _write_down(session: Session, inbound: Inbound, conversation: Conversation | None) -> Message:
    if conversation is None:
        if session.get(ErasedConversation, inbound.conversation) is not None:
            raise ConversationErased
        conversation = Conversation(
            key=inbound.conversation,
            code=conversation_code(inbound.conversation),
            channel=inbound.channel,
            created_at=inbound.received_at,
        )
    conversation.last_message_at = inbound.received_at
    come_back(conversation)
    message = Message(
        key=inbound.key,
        conversation=conversation,
        direction=INBOUND,
        channel=inbound.channel,
        channel_message_id=inbound.message_id,
        text=inbound.text,
        button=inbound.button or None,
        state=OPEN,
        received_at=inbound.received_at,
    )
    session.add(message)
    session.flush()
    add_words(session, message.conversation_id, inbound.text)
    return message


def _add_alerts(session: Session, message: Message, outcome: Outcome) -> None:
    """Call navigators, unless they were called when the message was given up."""
    alerts = alerts_for(message, tier=outcome.tier, replies=outcome.replies)
    if alerts:
        called = session.scalars(select(Alert.kind).where(Alert.message_id == message.id)).all()
        session.add_all(alert for alert in alerts if alert.kind not in called)


def _in_order(row: Any) -> tuple[Any, ...]:
    """Sorts messages by the time they came, each with its replies behind it."""
    message = row.Message
    return row.came_at, message.reply_to_id or message.id, -1 if message.position is None else message.position


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


def _reply(message: Message) -> Reply:
    return Reply(
        kind=message.kind,
        text=message.text,
        revision=message.revision,
        topic=message.topic,
        variant=message.variant or "",
        text_id=message.text_id or "",
        sources=tuple(message.sources),
        buttons=tuple(Button(**button) for button in message.buttons),
        at=message.received_at,
        id=message.key,
    )


def _history_entry(message: Message, helpful: bool | None) -> dict[str, Any]:
    return {
        "id": message.key,
        "at": message.received_at.isoformat(),
        "text": message.text,
        "channel_message_id": message.channel_message_id,
        "reply": _reply(message) if message.direction == OUTBOUND else None,
        "helpful": helpful,
    }
