"""The conversation log as it is exported: conversation by conversation, so that its size needs no memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, sessionmaker
from sqlalchemy.sql import Select

from bot.conversations.masking import Masking
from bot.conversations.models import INBOUND, Conversation, Feedback, Message
from bot.conversations.naming import named
from bot.conversations.review_models import ConversationTag, Correction, Note, Tag
from bot.staff.models import User

READ_AT_ONCE = 50  # conversations


@dataclass(frozen=True)
class Choice:
    """What is exported.

    Attributes:
        since, until: messages from the one moment on, and before the other.
        tag: only conversations with it.
        conversation: the code or key of one conversation.
        masked: contact data and personal numbers are taken out of what people wrote.
    """

    since: datetime | None = None
    until: datetime | None = None
    tag: str | None = None
    conversation: str | None = None
    masked: bool = True

    @property
    def detail(self) -> dict[str, Any]:
        """What else the audit says of it."""
        moments = {"since": self.since, "until": self.until}
        told = {name: moment.isoformat() for name, moment in moments.items() if moment}
        return {**told, **({"tag": self.tag} if self.tag else {}), "masked": self.masked}


def exported(sessions: "sessionmaker[Session]", choice: Choice) -> Iterator[dict[str, Any]]:
    """Every conversation that is chosen, with its messages and what navigators added.

    Args:
        sessions: of the database; each batch is read in a transaction of its own.
        choice: what is chosen.
    """
    masking, last = Masking() if choice.masked else None, 0
    while True:
        with sessions() as session:
            query = chosen(select(Conversation), choice).where(Conversation.id > last)
            conversations = session.scalars(query.order_by(Conversation.id).limit(READ_AT_ONCE)).all()
            if not conversations:
                return
            batch = _Batch(session, conversations, choice, masking)
            found = [batch.of(conversation) for conversation in conversations]
        yield from (conversation for conversation in found if conversation["messages"])
        last = conversations[-1].id


def chosen(query: Select, choice: Choice, *, of_messages: bool = False) -> Select:
    """Narrow a query of conversations, or of messages joined with them, to what is chosen."""
    if choice.since:
        query = query.where(Conversation.last_message_at >= choice.since)
    if choice.until:
        query = query.where(Conversation.created_at < choice.until)
    if choice.tag:
        of_tag = select(ConversationTag.conversation_id).join(ConversationTag.tag).where(Tag.name == choice.tag)
        query = query.where(Conversation.id.in_(of_tag))
    if choice.conversation:
        query = query.where(named(choice.conversation))
    return in_time(query, choice) if of_messages else query


def in_time(query: Select, choice: Choice) -> Select:
    """Narrow a query of messages to the time that is chosen."""
    if choice.since:
        query = query.where(Message.received_at >= choice.since)
    if choice.until:
        query = query.where(Message.received_at < choice.until)
    return query


class _Batch:
    """Some conversations, with all that belongs to them read in a few questions."""

    def __init__(
        self, session: Session, conversations: list[Conversation], choice: Choice, masking: Masking | None
    ) -> None:
        self._masking = masking
        ids = [conversation.id for conversation in conversations]
        messages = select(Message).where(Message.conversation_id.in_(ids)).order_by(Message.id)
        messages = in_time(messages, choice).options(joinedload(Message.delivery), joinedload(Message.red_flags))
        of_messages = select(Message.id).where(Message.conversation_id.in_(ids))
        self._messages = _grouped(session.scalars(messages).unique(), "conversation_id")
        feedback = select(Feedback).where(Feedback.message_id.in_(of_messages))
        self._feedback = {row.message_id: row for row in session.scalars(feedback)}
        corrections = select(Correction).where(Correction.message_id.in_(of_messages)).order_by(Correction.id)
        corrections = corrections.options(joinedload(Correction.by))
        self._corrections = _grouped(session.scalars(corrections), "message_id")
        notes = select(Note).where(Note.conversation_id.in_(ids)).order_by(Note.id).options(joinedload(Note.author))
        self._notes = _grouped(session.scalars(notes), "conversation_id")
        tags = select(ConversationTag).where(ConversationTag.conversation_id.in_(ids))
        self._tags = _grouped(session.scalars(tags.options(joinedload(ConversationTag.tag))), "conversation_id")
        assignees = select(User.id, User.name).where(User.id.in_({row.assignee_id for row in conversations} - {None}))
        self._assignees = {row.id: row.name for row in session.execute(assignees)}

    def of(self, conversation: Conversation) -> dict[str, Any]:
        """A conversation as plain values."""
        names = ("code", "channel", "tier", "unanswered", "unsure", "unhelpful", "wants_person", "review")
        return {
            **{name: getattr(conversation, name) for name in names},
            "assignee": self._assignees.get(conversation.assignee_id),
            "tags": sorted(row.tag.name for row in self._tags.get(conversation.id, [])),
            "notes": [
                {"author": note.author.name, "at": note.written_at.isoformat(), "text": self._text(note.text)}
                for note in self._notes.get(conversation.id, [])
            ],
            "messages": [self._message(message) for message in self._messages.get(conversation.id, [])],
        }

    def _message(self, message: Message) -> dict[str, Any]:
        names = (
            *("direction", "state", "intent", "confidence", "tier", "ruleset", "milliseconds"),
            *("kind", "topic", "variant", "revision", "text_id"),
        )
        feedback, delivery = self._feedback.get(message.id), message.delivery
        # Replies are the service's own texts: the phone numbers in them are the hospital's.
        text = self._text(message.text) if message.direction == INBOUND else message.text
        places = text == message.text  # after masking, words stand elsewhere
        return {
            "id": message.key,
            "at": message.received_at.isoformat(),
            "text": text,
            **{name: getattr(message, name) for name in names},
            "delivery": delivery.state if delivery else None,
            "red_flags": [
                {
                    **{"symptom": flag.symptom, "detector": flag.detector},
                    **({"start": flag.start, "end": flag.end} if places else {}),
                }
                for flag in message.red_flags
            ],
            "corrections": [
                {"kind": row.kind, "was": row.was, "value": row.value, "by": row.by.name, "at": row.at.isoformat()}
                for row in self._corrections.get(message.id, [])
            ],
            "helpful": feedback.helpful if feedback else None,
            "comment": self._text(feedback.comment) if feedback else None,
        }

    def _text(self, text: str) -> str:
        return self._masking.mask(text) if self._masking else text


def _grouped(rows: Any, name: str) -> dict[int, list[Any]]:
    grouped: dict[int, list[Any]] = {}
    for row in rows:
        grouped.setdefault(getattr(row, name), []).append(row)
    return grouped
