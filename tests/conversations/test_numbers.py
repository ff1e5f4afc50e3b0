"""bot.conversations.numbers on both databases: a small log in which every figure is known, and which days count."""

from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.acknowledging import Acknowledging
from bot.conversations.erasure import Erasure
from bot.conversations.feedback import FeedbackStore, Opinion
from bot.conversations.models import UNDELIVERED, Delivery, Feedback, Message
from bot.conversations.numbers import Channel, Numbers, Topic, channels_of, numbers
from bot.conversations.period import DAYS_MAXIMUM, Period, WrongPeriod
from bot.conversations.records import Inbound, Outcome
from bot.conversations.review_models import TIER, Alert, Correction
from bot.conversations.store import ConversationStore
from bot.replies import ANSWER, APOLOGY, CLARIFY, EMERGENCY, FALLBACK, HANDOVER, Reply
from bot.settings import Settings
from bot.staff.models import NAVIGATOR, User

UTC = ZoneInfo("UTC")
FIRST = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
THREE_DAYS = Period(FIRST, date(2026, 3, 3), UTC)


class Log:
    """A log that grows message by message."""

    def __init__(self, sessions: "sessionmaker[Session]") -> None:
        self.sessions = sessions
        self.store = ConversationStore(sessions)
        self.written = 0

    def say(
        self, at: datetime, *replies: Any, tier: str | None = None, family: str = "a", channel: str = "widget"
    ) -> list[Reply]:
        """A message and replies to it, each a kind, or an answer's topic."""
        self.written += 1
        sent = [Reply(kind, "Text.", 1, topic=topic, at=at) for kind, topic in map(_kind_and_topic, replies)]
        inbound = Inbound(channel, family, f"m{self.written}", "how long?", received_at=at)
        self.store.record(inbound, Outcome(tuple(sent), "x", 0.9, None, tier, "abc", 9.0))
        with self.sessions() as session:
            message = session.scalars(select(Message.id).where(Message.key == inbound.key)).one()
            for alert in session.scalars(select(Alert).where(Alert.message_id == message)):
                alert.raised_at = at
            session.commit()
        return sent

    def opinion(self, reply: Reply, at: datetime, *, helpful: bool, tier: str | None = None, family: str = "a") -> None:
        FeedbackStore(self.sessions).give(family, reply.id, Opinion(helpful, "so", tier))
        with self.sessions() as session:
            message = session.scalars(select(Message.id).where(Message.key == reply.id)).one()
            session.scalars(select(Feedback).where(Feedback.message_id == message)).one().given_at = at
            for alert in session.scalars(select(Alert).where(Alert.message_id == message)):
                alert.raised_at = at
            session.commit()

    def lose(self, *replies: Reply) -> None:
        """These do not arrive."""
        with self.sessions() as session:
            keys = [reply.id for reply in replies]
            for delivery in session.scalars(select(Delivery).join(Delivery.message).where(Message.key.in_(keys))):
                delivery.state = UNDELIVERED
            session.commit()

    def acknowledge(self, **after: float) -> None:
        """All alerts that are open."""
        with self.sessions() as session:
            for alert in session.scalars(select(Alert).where(Alert.acknowledged_at.is_(None))):
                alert.acknowledged_at = alert.raised_at + timedelta(**after)
            session.commit()

    def correct(self, key: str, *tiers: str | None) -> None:
        """The tier of a reply's comment, or of the message that a reply answers."""
        with self.sessions() as session:
            message = session.scalars(select(Message).where(Message.key == key)).one()
            by = session.scalars(select(User)).first() or User(name="anna", display_name="Anna", role=NAVIGATOR)
            for tier in tiers:
                correction = Correction(
                    message_id=message.id, kind=TIER, value=tier, by=by, at=NOON + timedelta(days=9)
                )
                session.add(correction)
                session.flush()
            session.commit()

    def asked(self, reply: Reply) -> str:
        """The key of the message that a reply answers."""
        with self.sessions() as session:
            answer = session.scalars(select(Message).where(Message.key == reply.id)).one()
            return str(session.get(Message, answer.reply_to_id).key)

    def numbers(self, period: Period = THREE_DAYS, channel: str | None = None) -> Numbers:
        with self.sessions() as session:
            return numbers(session, period, channel)


def _kind_and_topic(what: str) -> tuple[str, str | None]:
    known = (APOLOGY, CLARIFY, EMERGENCY, FALLBACK, HANDOVER)
    return (what, None) if what in known else (ANSWER, what)


def hours(number: float) -> datetime:
    """After the first noon."""
    return NOON + timedelta(hours=number)


@pytest.fixture
def log(database_settings: Settings) -> Log:
    return Log(prepare_storage(database_settings))


def test_every_figure_of_a_small_log(log: Log) -> None:
    first, _ = log.say(hours(0), "crs_duration", "fever")
    log.say(hours(1), CLARIFY)
    log.say(hours(24), EMERGENCY, "fever", tier="T1", family="b")
    log.say(hours(25), EMERGENCY, tier="T2", family="b")
    log.say(hours(48), FALLBACK, family="c", channel="sms")
    log.say(hours(49), APOLOGY, family="c", channel="sms")
    log.say(hours(50), HANDOVER, family="c", channel="sms")
    log.store.accept(Inbound("widget", "d", "left", "anyone?", received_at=hours(51)))
    log.store.unanswered(younger_than=hours(52))
    log.say(hours(-13), "fever", family="before")
    log.say(hours(60), "fever", family="behind")
    log.opinion(first, hours(2), helpful=False)

    found = log.numbers()

    assert [(day.messages, day.conversations) for day in found.days] == [(2, 1), (2, 1), (4, 2)]
    assert [day.tiers for day in found.days] == [{"T1": 0, "T2": 0}, {"T1": 1, "T2": 1}, {"T1": 0, "T2": 0}]
    assert (found.messages, found.conversations, found.of_tier("T1"), found.of_tier("T2")) == (8, 4, 1, 1)
    assert (found.answered, found.unsure, found.unanswered) == (3, 1, 3)
    assert found.topics == [Topic("fever", 2, 0, 0), Topic("crs_duration", 1, 0, 1)]
    assert found.channels == [Channel("widget", 5, 3, 0), Channel("sms", 3, 1, 0)]


def test_one_channel(log: Log) -> None:
    log.say(hours(0), EMERGENCY, "fever", tier="T1")
    (answer,) = log.say(hours(0), "fever", family="c", channel="sms")
    log.opinion(answer, hours(1), helpful=True, tier="T2", family="c")

    found = log.numbers(channel="sms")

    assert (found.messages, found.conversations, found.of_tier("T1"), found.of_tier("T2")) == (1, 1, 0, 1)
    assert found.topics == [Topic("fever", 1, 1, 0)]
    assert found.channels == [Channel("sms", 1, 1, 0)]
    assert [each.sort for each in found.acknowledging] == ["T2"]
    with log.sessions() as session:
        assert channels_of(session) == ["sms", "widget"]


def test_replies_that_were_not_delivered(log: Log) -> None:
    for family, channel in (("a", "whatsapp"), ("b", "whatsapp"), ("c", "sms")):
        log.lose(*log.say(hours(1), EMERGENCY, "fever", family=family, channel=channel))
    log.lose(*log.say(hours(26), "fever", family="a", channel="whatsapp"))
    log.lose(*log.say(hours(-24), "fever", family="a", channel="whatsapp"))
    log.say(hours(26), "fever", family="a", channel="whatsapp")

    found = log.numbers()

    assert [day.undelivered for day in found.days] == [6, 1, 0]
    assert [(each.name, each.undelivered) for each in found.channels] == [("whatsapp", 5), ("sms", 2)]
    assert [day.undelivered for day in log.numbers(channel="sms").days] == [2, 0, 0]


def test_nothing_was_written(log: Log) -> None:
    found = log.numbers()

    assert [day.day for day in found.days] == [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)]
    assert (found.messages, found.answered, found.topics, found.channels, found.acknowledging) == (0, 0, [], [], [])


@pytest.mark.parametrize(
    ("where", "read", "corrections", "expected"),
    [
        ("message", "T1", ["T2"], (0, 1)),
        ("message", "T1", [None], (0, 0)),
        ("message", None, ["T1"], (1, 0)),
        ("message", "T1", ["T2", None, "T1"], (1, 0)),
        ("comment", "T1", [], (1, 0)),
        ("comment", "T2", [None, "T1"], (1, 0)),
        ("comment", None, ["T2"], (0, 1)),
    ],
)
def test_tiers_are_those_that_navigators_corrected_them_to(
    log: Log, where: str, read: str | None, corrections: list[str | None], expected: tuple[int, int]
) -> None:
    if where == "message":
        (reply,) = log.say(hours(24), "fever", tier=read)
        log.correct(log.asked(reply), *corrections)
    else:
        (reply,) = log.say(hours(0), "fever")
        log.opinion(reply, hours(24), helpful=False, tier=read)
        log.correct(reply.id, *corrections)

    found = log.numbers()

    assert [day.tiers for day in found.days][1] == dict(zip(("T1", "T2"), expected, strict=True))
    assert (found.of_tier("T1"), found.of_tier("T2")) == expected


def test_corrections_of_other_days_and_channels_change_nothing(log: Log) -> None:
    (reply,) = log.say(hours(-24), EMERGENCY, tier="T1")
    log.correct(log.asked(reply), "T2")
    (reply,) = log.say(hours(1), EMERGENCY, tier="T1", family="c", channel="sms")
    log.correct(log.asked(reply), "T2")

    assert log.numbers().of_tier("T2") == 1
    assert log.numbers(channel="widget").of_tier("T2") == 0


def test_how_soon_alerts_are_acknowledged(log: Log) -> None:
    for number in range(1, 12):
        log.say(hours(0), EMERGENCY, tier="T1")
        log.acknowledge(minutes=number)
    log.say(hours(1), EMERGENCY, tier="T1")
    log.say(hours(2), HANDOVER)
    log.say(hours(-24), EMERGENCY, tier="T2")

    assert log.numbers().acknowledging == [
        Acknowledging("T1", 12, 11, timedelta(minutes=6), timedelta(minutes=10)),
        Acknowledging("person", 1, 0, None, None),
    ]


@pytest.mark.parametrize(("corrected", "sorts"), [("T2", ["T2"]), (None, [])])
def test_alerts_have_the_tier_of_their_correction(log: Log, corrected: str | None, sorts: list[str]) -> None:
    (reply,) = log.say(hours(0), EMERGENCY, tier="T1")
    log.correct(log.asked(reply), corrected)

    assert [each.sort for each in log.numbers().acknowledging] == sorts


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("UTC", "2026-03-01T23:59:59.999999+00:00", 0),
        ("UTC", "2026-03-02T00:00:00+00:00", 1),
        ("Asia/Shanghai", "2026-03-01T15:59:59+00:00", 0),
        ("Asia/Shanghai", "2026-03-01T16:00:00+00:00", 1),
        ("America/New_York", "2026-03-02T04:59:59+00:00", 0),
        ("Asia/Shanghai", "2026-02-28T15:59:59+00:00", None),
    ],
)
def test_days_are_those_of_the_time_zone(log: Log, zone: str, moment: str, day: int | None) -> None:
    (reply,) = log.say(datetime.fromisoformat(moment), EMERGENCY, tier="T1")
    log.correct(log.asked(reply), "T2")

    found = log.numbers(Period(FIRST, date(2026, 3, 3), ZoneInfo(zone)))

    expected = [int(number == day) for number in range(3)]
    assert [one.messages for one in found.days] == [one.conversations for one in found.days] == expected
    assert [one.tiers["T2"] for one in found.days] == expected
    assert found.of_tier("T1") == 0


def test_a_day_on_which_clocks_change_has_its_own_length() -> None:
    london = Period(date(2026, 3, 28), date(2026, 3, 30), ZoneInfo("Europe/London"))

    assert [(ends - begins) / timedelta(hours=1) for _, begins, ends in london.bounds()] == [24, 23, 24]
    assert london.ends - london.begins == timedelta(hours=71)


def test_the_longest_period_is_counted(log: Log) -> None:
    log.say(hours(0), "fever")
    year = Period.until(NOON, UTC, days=DAYS_MAXIMUM)

    found = log.numbers(year)

    assert (len(found.days), found.days[-1].messages, found.messages) == (366, 1, 1)


@pytest.mark.parametrize(
    ("first", "last", "fault"),
    [
        (date(2026, 3, 2), date(2026, 3, 1), "before the first"),
        (date(2025, 3, 1), date(2026, 3, 2), "366 days at most"),
        (date(1, 1, 1), date(1, 1, 2), "of this century"),
        (date(9999, 12, 30), date(9999, 12, 31), "of this century"),
    ],
)
def test_what_is_no_period(first: date, last: date, fault: str) -> None:
    with pytest.raises(WrongPeriod, match=fault):
        Period(first, last, UTC)


def test_an_erased_conversation_counts_no_more(log: Log) -> None:
    log.say(hours(0), "fever", tier="T1")
    Erasure(log.sessions).erase("a")

    assert (log.numbers().messages, log.numbers().acknowledging) == (0, [])
