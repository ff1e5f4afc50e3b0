"""A conversation as navigators read it, with everything that is known of each message. Everything here blocks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from bot.conversations.models import INBOUND, Conversation, Feedback, Message
from bot.conversations.review_models import (
    TIER,
    TOPIC,
    Alert,
    ConversationTag,
    Correction,
    Note,
    QueuedExample,
    Review,
    Tag,
)
from bot.conversations.triage import more_urgent
from bot.staff.models import User

PAGE = 200  # messages


@dataclass(frozen=True)
class Entry:
    """One message, and what is known of it.

    Attributes:
        message: its red flags and its delivery are read already.
        feedback: of the family, on a reply.
        corrections: of navigators, the oldest first.
        queued: as an example or a test.
    """

    message: Message
    feedback: Feedback | None
    corrections: tuple[Correction, ...]
    queued: tuple[QueuedExample, ...]

    @property
    def is_of_family(self) -> bool:
        """Whether the family wrote it."""
        return bool(self.message.direction == INBOUND)

    @property
    def topic(self) -> str | None:
        """What a family's message is about: as corrected, or else as it was understood."""
        correction = self.newest(TOPIC)
        return correction.value if correction is not None else self.message.intent  # type: ignore[no-any-return]

    @property
    def tier(self) -> str | None:
        """How urgent it is: as corrected, or else as the detectors read it and the comment on it."""
        correction = self.newest(TIER)
        if correction is not None:
            return correction.value  # type: ignore[no-any-return]
        return more_urgent(self.message.tier, self.feedback.tier if self.feedback else None)

    def newest(self, kind: str) -> Correction | None:
        """The correction of a kind that counts."""
        return next((each for each in reversed(self.corrections) if each.kind == kind), None)


@dataclass(frozen=True)
class Page:
    """Some messages of a conversation, in the order in which they came.

    Attributes:
        earlier: the row id that the page of earlier messages ends before; None where there are none.
        later: the row id that the page of later messages begins behind; None where there are none.
    """

    entries: tuple[Entry, ...]
    earlier: int | None
    later: int | None


@dataclass(frozen=True)
class Surroundings:
    """What belongs to a conversation beside its messages, each in order."""

    assignee: User | None
    notes: Sequence[Note]
    tags: Sequence[Tag]
    reviews: Sequence[Review]
    alerts: Sequence[Alert]
    messages: int


def read_page(
    session: Session,
    conversation: Conversation,
    *,
    before: int | None = None,
    after: int | None = None,
    size: int = PAGE,
) -> Page:
    """One page of a conversation; the newest messages without a place.

    Args:
        session: of the database.
        conversation: whose messages.
        before: a row id: only messages that were written to the log earlier.
        after: a row id: only messages that were written to the log later.
        size: messages at most.
    """
    mine = Message.conversation_id == conversation.id
    query = select(Message.id).where(mine)
    if after is not None:
        query = query.where(Message.id > after).order_by(Message.id)
    else:
        query = query.order_by(Message.id.desc())
        query = query.where(Message.id < before) if before is not None else query
    ids = sorted(session.scalars(query.limit(size)).all())
    if not ids:
        return Page((), None, None)

    def exists(condition: Any) -> bool:
        return session.scalars(select(Message.id).where(mine, condition).limit(1)).first() is not None

    return Page(
        tuple(_entries(session, _in_order(session, ids))),
        ids[0] if exists(Message.id < ids[0]) else None,
        ids[-1] if exists(Message.id > ids[-1]) else None,
    )


def read_entry(session: Session, message: Message) -> Entry:
    """One message alone."""
    (entry,) = _entries(session, _in_order(session, [message.id]))
    return entry


def read_surroundings(session: Session, conversation: Conversation) -> Surroundings:
    """What belongs to a conversation beside its messages."""
    tags = select(Tag).join(ConversationTag, ConversationTag.tag_id == Tag.id)
    tags = tags.where(ConversationTag.conversation_id == conversation.id).order_by(Tag.name)

    def all_of(model: Any, order: Any, *options: Any) -> Any:
        query = select(model).where(model.conversation_id == conversation.id).options(*options)
        return session.scalars(query.order_by(order, model.id)).all()

    total = select(func.count()).select_from(Message).where(Message.conversation_id == conversation.id)
    return Surroundings(
        assignee=session.get(User, conversation.assignee_id) if conversation.assignee_id else None,
        notes=all_of(Note, Note.written_at, joinedload(Note.author)),
        tags=session.scalars(tags).all(),
        reviews=all_of(Review, Review.at, joinedload(Review.by)),
        alerts=all_of(Alert, Alert.raised_at, joinedload(Alert.acknowledged_by)),
        messages=session.execute(total).scalar_one(),
    )


def _in_order(session: Session, ids: list[int]) -> list[Message]:
    """Messages by the time they came, each with its replies behind it: what was spooled stands late in the log."""
    asked = aliased(Message)
    came_at = func.coalesce(asked.received_at, Message.received_at).label("came_at")
    query = (
        select(Message, came_at)
        .outerjoin(asked, asked.id == Message.reply_to_id)
        .where(Message.id.in_(ids))
        .options(selectinload(Message.red_flags), joinedload(Message.delivery))
    )
    return [row.Message for row in sorted(session.execute(query), key=_place)]


def _place(row: Any) -> tuple[datetime, int, int]:
    message = row.Message
    return row.came_at, message.reply_to_id or message.id, -1 if message.position is None else message.position


def _entries(session: Session, messages: list[Message]) -> Iterable[Entry]:
    ids = [message.id for message in messages]
    feedback = {each.message_id: each for each in _of(session, Feedback, ids)}
    corrections, queued = _grouped(_of(session, Correction, ids)), _grouped(_of(session, QueuedExample, ids))
    for message in messages:
        yield Entry(message, feedback.get(message.id), tuple(corrections[message.id]), tuple(queued[message.id]))


def _of(session: Session, model: Any, ids: list[int]) -> Any:
    options = [joinedload(model.by)] if hasattr(model, "by") else []
    return session.scalars(select(model).where(model.message_id.in_(ids)).options(*options).order_by(model.id))


def _grouped(rows: Iterable[Any]) -> "defaultdict[int, list[Any]]":
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.message_id].append(row)
    return found
