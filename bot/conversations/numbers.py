"""What the log says in numbers: how much is written, about what, how well it is answered, how soon it is looked after.

Everything here blocks. Tiers are those that navigators have corrected them to.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Integer, bindparam, func, select
from sqlalchemy.orm import Session

from bot.conversations.acknowledging import Acknowledging, acknowledging
from bot.conversations.models import (
    INBOUND,
    OUTBOUND,
    UNANSWERED,
    UNDELIVERED,
    Conversation,
    Delivery,
    Feedback,
    Message,
)
from bot.conversations.period import Period
from bot.conversations.review_models import TIER, Correction
from bot.replies import ANSWER, APOLOGY, CLARIFY, FALLBACK
from bot.storage.base import UtcDateTime

TIERS = ("T1", "T2")


@dataclass(frozen=True)
class Day:
    """What happened on one day."""

    day: date
    messages: int  # of families
    conversations: int  # that began
    tiers: dict[str, int]  # messages and comments with a red flag
    undelivered: int  # replies


@dataclass(frozen=True)
class Topic:
    """What was said of one topic."""

    name: str
    answers: int
    helpful: int
    unhelpful: int


@dataclass(frozen=True)
class Channel:
    """What came over one channel."""

    name: str
    messages: int
    conversations: int
    undelivered: int  # replies


@dataclass(frozen=True)
class Numbers:
    """All of it, for one period.

    Attributes:
        days: each day of the period.
        answered: questions that got an answer; a message may hold several questions.
        unsure: questions after which the family was asked what it means.
        unanswered: questions that got no answer, and messages that got no reply at all.
        topics: those answered most often first.
        channels: those with the most messages first.
        acknowledging: how soon alerts were acknowledged.
    """

    days: list[Day]
    answered: int
    unsure: int
    unanswered: int
    topics: list[Topic]
    channels: list[Channel]
    acknowledging: list[Acknowledging]

    @property
    def messages(self) -> int:
        """Of families, in all."""
        return sum(day.messages for day in self.days)

    @property
    def conversations(self) -> int:
        """That began, in all."""
        return sum(day.conversations for day in self.days)

    def of_tier(self, tier: str) -> int:
        """Messages and comments with a red flag of a tier, in all."""
        return sum(day.tiers[tier] for day in self.days)


def channels_of(session: Session) -> list[str]:
    """The channels over which anybody ever wrote."""
    return list(session.scalars(select(Conversation.channel).distinct().order_by(Conversation.channel)))


def numbers(session: Session, period: Period, channel: str | None = None) -> Numbers:
    """Count.

    Args:
        session: of the database.
        period: which days.
        channel: count only what came over this one.
    """
    corrected = _corrections(session, period)
    inbound = _messages(session, period, channel)
    began = _by_day(session, period, (Conversation.channel,), Conversation.created_at, channel)
    replies = _replies(session, period, channel)
    tiers: Counter[Any] = Counter()
    for row in inbound:
        tiers[row.day, row.tier] += row.number
    _add_comments(session, period, channel, tiers)
    _move_corrected(period, channel, corrected, tiers)
    undelivered = _undelivered(session, period, channel)
    kinds = _total(replies, "kind")
    left = sum(row.number for row in inbound if row.state == UNANSWERED)
    return Numbers(
        days=_days(period, inbound, began, tiers, undelivered),
        answered=kinds[ANSWER],
        unsure=kinds[CLARIFY],
        unanswered=kinds[FALLBACK] + kinds[APOLOGY] + left,
        topics=_topics(replies, _feedback(session, period, channel)),
        channels=_channels(inbound, began, undelivered),
        acknowledging=acknowledging(session, period, channel, {key: row.value for key, row in corrected.items()}),
    )


def _messages(session: Session, period: Period, channel: str | None) -> list[Any]:
    """How many messages families wrote on each day, by channel, tier and state."""
    columns = (Message.channel, Message.tier, Message.state)
    return _by_day(session, period, columns, Message.received_at, channel, Message.direction == INBOUND)


def _by_day(
    session: Session, period: Period, columns: tuple[Any, ...], moment: Any, channel: str | None, *where: Any
) -> list[Any]:
    """Count rows by the number of their day in the period, and by columns; the first column is the channel.

    Each day is asked for by itself: no two databases cut moments into the days of a time zone alike, and where the days
    are a table of their own, PostgreSQL may read all messages for each of them.
    """
    query = select(bindparam("day", type_=Integer).label("day"), *columns, func.count().label("number"))
    query = query.where(*where, moment >= bindparam("begins", type_=UtcDateTime))
    query = query.where(moment < bindparam("ends", type_=UtcDateTime)).group_by(*columns)
    if channel is not None:
        query = query.where(columns[0] == channel)
    rows: list[Any] = []
    for number, (_, begins, ends) in enumerate(period.bounds()):
        rows += session.execute(query, {"day": number, "begins": begins, "ends": ends})
    return rows


def _replies(session: Session, period: Period, channel: str | None) -> list[Any]:
    """How many replies of each kind and topic were sent."""
    query = select(Message.kind, Message.topic, func.count().label("number")).where(
        Message.direction == OUTBOUND, *_within(Message.received_at, period)
    )
    if channel is not None:
        query = query.where(Message.channel == channel)
    return list(session.execute(query.group_by(Message.kind, Message.topic)))


def _undelivered(session: Session, period: Period, channel: str | None) -> list[Any]:
    """The replies that will not arrive; they are few."""
    query = select(Message.channel, Message.received_at).join(Delivery, Delivery.message_id == Message.id)
    query = query.where(Delivery.state == UNDELIVERED, *_within(Message.received_at, period))
    return _of_channel(session.execute(query), channel)


def _feedback(session: Session, period: Period, channel: str | None) -> list[Any]:
    """How many replies on each topic helped, and how many did not."""
    columns = (Message.topic, Message.channel, Feedback.helpful)
    query = select(*columns, func.count().label("number")).join(Feedback.message)
    query = query.where(*_within(Feedback.given_at, period), Message.topic.is_not(None)).group_by(*columns)
    return _of_channel(session.execute(query), channel)


def _add_comments(session: Session, period: Period, channel: str | None, tiers: "Counter[Any]") -> None:
    """Count the red flags in comments."""
    query = select(Feedback.given_at, Feedback.tier, Message.channel).join(Feedback.message)
    query = query.where(*_within(Feedback.given_at, period), Feedback.tier.is_not(None))
    for row in _of_channel(session.execute(query), channel):
        tiers[_number(period, row.given_at), row.tier] += 1


def _of_channel(rows: Iterable[Any], channel: str | None) -> list[Any]:
    """Sorted out here: asked for a channel, SQLite reads all of its messages instead of those with feedback."""
    return [row for row in rows if channel in (None, row.channel)]


def _corrections(session: Session, period: Period) -> dict[int, Any]:
    """The newest correction of a tier for each message that has one; nothing is corrected before it was written."""
    query = select(Correction.message_id, Correction.value, Message.direction, Message.channel, Message.received_at)
    query = query.add_columns(Message.tier, Feedback.tier.label("of_comment"), Feedback.given_at)
    query = query.join(Correction.message).outerjoin(Feedback, Feedback.message_id == Message.id)
    query = query.where(Correction.kind == TIER, Correction.at >= period.begins).order_by(Correction.id)
    return {row.message_id: row for row in session.execute(query)}


def _move_corrected(period: Period, channel: str | None, corrected: dict[int, Any], tiers: "Counter[Any]") -> None:
    """Count what was corrected as it was corrected, not as it was read."""
    for row in corrected.values():
        of_family = row.direction == INBOUND
        moment: datetime | None = row.received_at if of_family else row.given_at
        if moment is None or period.day_of(moment) is None or channel not in (None, row.channel):
            continue
        day = _number(period, moment)
        tiers[day, row.tier if of_family else row.of_comment] -= 1
        tiers[day, row.value] += 1


def _topics(replies: Iterable[Any], feedback: Iterable[Any]) -> list[Topic]:
    answers: Counter[str] = Counter()
    for row in replies:
        if row.kind == ANSWER and row.topic is not None:
            answers[row.topic] += row.number
    opinions: Counter[tuple[str, bool]] = Counter()
    for row in feedback:
        opinions[row.topic, row.helpful] += row.number
    names = set(answers) | {name for name, _ in opinions}
    topics = [Topic(name, answers[name], opinions[name, True], opinions[name, False]) for name in names]
    return sorted(topics, key=lambda topic: (-topic.answers, topic.name))


def _days(
    period: Period, inbound: Iterable[Any], began: Iterable[Any], tiers: "Counter[Any]", undelivered: Iterable[Any]
) -> list[Day]:
    messages, conversations = _total(inbound, "day"), _total(began, "day")
    lost = Counter(_number(period, row.received_at) for row in undelivered)
    return [
        Day(
            day=day,
            messages=messages[number],
            conversations=conversations[number],
            tiers={tier: tiers[number, tier] for tier in TIERS},
            undelivered=lost[number],
        )
        for number, day in enumerate(period.days)
    ]


def _channels(inbound: Iterable[Any], began: Iterable[Any], undelivered: Iterable[Any]) -> list[Channel]:
    messages, conversations = _total(inbound, "channel"), _total(began, "channel")
    lost = Counter(row.channel for row in undelivered)
    channels = [
        Channel(name, messages[name], conversations[name], lost[name]) for name in messages | conversations | lost
    ]
    return sorted(channels, key=lambda channel: (-channel.messages, channel.name))


def _total(rows: Iterable[Any], column: str) -> "Counter[Any]":
    total: Counter[Any] = Counter()
    for row in rows:
        total[getattr(row, column)] += row.number
    return total


def _within(moment: Any, period: Period) -> tuple[Any, Any]:
    return moment >= period.begins, moment < period.ends


def _number(period: Period, moment: datetime) -> int:
    return (moment.astimezone(period.zone).date() - period.first).days
