"""The navigators' inbox: pages of conversations that fit a filter, and how many wait. Everything here blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from typing import Any

from sqlalchemy import Integer, and_, case, func, literal, or_, select, true, tuple_, union
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement, Select

from bot.conversations import search
from bot.conversations.inbox_filter import (
    ALL,
    ANY,
    ME,
    NOBODY,
    OLDEST,
    STATES,
    URGENT_FIRST,
    InboxFilter,
    Place,
    Position,
)
from bot.conversations.models import LATER, TO_REVIEW, Conversation, Message
from bot.conversations.review_models import TOPIC, ConversationTag, Correction
from bot.staff.models import User
from bot.storage.base import UtcDateTime

PAGE = 50  # rows
RANKS = (0, 1, 2)  # of urgency

# In the order of urgency: a person that a family asks for is as urgent as a mention that is not about now.
_urgency = case((Conversation.tier == "T1", 0), (or_(Conversation.tier == "T2", Conversation.wants_person), 1), else_=2)


@dataclass(frozen=True)
class InboxPage:
    """Some conversations in order, and where the pages around them begin; None where there is none."""

    conversations: tuple[Conversation, ...]
    previous: Position | None
    next: Position | None


@dataclass(frozen=True)
class Neighbours:
    """The keys of the conversations before and behind one in the inbox; None at its ends."""

    previous: str | None
    next: str | None


def matching(chosen: InboxFilter, me: int) -> Select:
    """Conversations that fit a filter, in no order.

    Args:
        chosen: the filter.
        me: the row id of the account that asks.
    """
    query = select(Conversation)
    if chosen.review != ALL:
        query = query.where(Conversation.review == chosen.review)
    if chosen.tier == ANY:
        query = query.where(Conversation.tier.is_not(None))
    elif chosen.tier:
        query = query.where(Conversation.tier == chosen.tier)
    for state in STATES:
        if getattr(chosen, state):
            query = query.where(getattr(Conversation, state))
    if chosen.channel:
        query = query.where(Conversation.channel == chosen.channel)
    if chosen.topic:
        query = query.where(Conversation.id.in_(_on_topic(chosen.topic)))
    if chosen.tag:
        tagged = select(ConversationTag.conversation_id).where(ConversationTag.tag_id == chosen.tag)
        query = query.where(Conversation.id.in_(tagged))
    if chosen.assignee:
        query = query.where(_assigned(chosen.assignee, me))
    if chosen.since:
        query = query.where(Conversation.last_message_at >= _midnight(chosen.since))
    if chosen.until:
        query = query.where(Conversation.last_message_at < _midnight(chosen.until) + timedelta(days=1))
    return query


def page_of(
    session: Session, chosen: InboxFilter, place: Place, me: int, *, words: str = "", size: int = PAGE
) -> InboxPage:
    """One page of the inbox. What comes or goes meanwhile moves no other row to another page.

    Args:
        session: of the database.
        chosen: the filter.
        place: which page.
        me: the row id of the account that asks.
        words: only conversations that have all of them, in a message or a note.
        size: rows at most.
    """
    query = matching(chosen, me)
    if words:
        query = query.where(search.matching(session, words))
    backwards = place.before is not None
    found: list[Conversation] = []
    order = _by_time(chosen.sort, backwards=backwards)
    for part in _parts(chosen.sort, place.before or place.after, backwards=backwards):
        # An index has all that decides: only the rows of the page itself are read.
        ids = query.where(part).with_only_columns(Conversation.id).order_by(*order).limit(size + 1 - len(found))
        found += session.scalars(select(Conversation).where(Conversation.id.in_(ids)).order_by(*order))
        if len(found) > size:
            break
    more, rows = len(found) > size, found[:size]
    if backwards:
        rows.reverse()
    has_previous, has_next = (more, True) if backwards else (place.after is not None, more)
    return InboxPage(
        tuple(rows),
        position_of(rows[0], chosen.sort) if rows and has_previous else None,
        position_of(rows[-1], chosen.sort) if rows and has_next else None,
    )


def neighbours(session: Session, chosen: InboxFilter, conversation: Conversation, me: int) -> Neighbours:
    """What stands around a conversation in the inbox, also when it fits the filter no more."""
    here = position_of(conversation, chosen.sort)
    found = [
        page_of(session, chosen, place, me, size=1).conversations for place in (Place(before=here), Place(after=here))
    ]
    previous, following = (rows[0].key if rows else None for rows in found)
    return Neighbours(previous, following)


def position_of(conversation: Conversation, sort: str) -> Position:
    """Where a conversation stands in an order."""
    rank = 0
    if sort == URGENT_FIRST:
        rank = 0 if conversation.tier == "T1" else 1 if conversation.tier == "T2" or conversation.wants_person else 2
    return Position(rank, conversation.last_message_at, conversation.id)


@dataclass(frozen=True)
class Counts:
    """How many conversations wait for review: all of them, and of each kind; and how many are put off."""

    to_review: int
    later: int
    urgent: int
    not_urgent: int
    unanswered: int
    unsure: int
    unhelpful: int
    wants_person: int
    undelivered: int
    mine: int
    of_nobody: int


def count(session: Session, me: int) -> Counts:
    """Count what waits, in one pass.

    Args:
        session: of the database.
        me: the row id of the account that asks.
    """

    def such(condition: Any) -> Any:
        return func.count(case((condition, 1)))

    waiting = select(
        func.count().label("to_review"),
        such(Conversation.tier == "T1").label("urgent"),
        such(Conversation.tier == "T2").label("not_urgent"),
        *(such(getattr(Conversation, state)).label(state) for state in STATES),
        such(Conversation.assignee_id == me).label("mine"),
        such(Conversation.assignee_id.is_(None)).label("of_nobody"),
    ).where(Conversation.review == TO_REVIEW)
    later = select(func.count()).select_from(Conversation).where(Conversation.review == LATER)
    return Counts(**session.execute(waiting).one()._asdict(), later=session.execute(later).scalar_one())


def _on_topic(topic: str) -> Any:
    """Conversations in which it was answered, or in which a navigator says that a message is about it."""
    answered = select(Message.conversation_id).where(Message.topic == topic)
    corrected = select(Message.conversation_id).join(Correction, Correction.message_id == Message.id)
    corrected = corrected.where(Correction.kind == TOPIC, Correction.value == topic)
    return union(answered, corrected)


def _assigned(assignee: str, me: int) -> Any:
    if assignee == NOBODY:
        return Conversation.assignee_id.is_(None)
    if assignee == ME:
        return Conversation.assignee_id == me
    return Conversation.assignee_id.in_(select(User.id).where(User.name == assignee))


def _midnight(day: Any) -> datetime:
    return datetime.combine(day, time(), timezone.utc)


def _by_time(sort: str, *, backwards: bool) -> Sequence[Any]:
    if (sort == OLDEST) != backwards:
        return Conversation.last_message_at, Conversation.id
    return Conversation.last_message_at.desc(), Conversation.id.desc()


def _parts(sort: str, position: Position | None, *, backwards: bool) -> Iterator[ColumnElement]:
    """What stands behind a position, or before it going backwards: parts one after the other, each in order of time.

    The most urgent part comes first, so that no database sorts all conversations by urgency.
    """
    beyond = true() if position is None else _beyond(sort, position, backwards=backwards)
    if sort != URGENT_FIRST:
        yield beyond
        return
    for rank in reversed(RANKS) if backwards else RANKS:
        if position is None or rank == position.rank:
            yield and_(_urgency == rank, beyond)
        elif (rank < position.rank) == backwards:
            yield _urgency == rank


def _beyond(sort: str, position: Position, *, backwards: bool) -> ColumnElement:
    """What is later or earlier than a position, as the order goes by time."""
    row = tuple_(Conversation.last_message_at, Conversation.id)
    there = tuple_(literal(position.at, UtcDateTime), literal(position.id, Integer))
    return row > there if (sort == OLDEST) != backwards else row < there
