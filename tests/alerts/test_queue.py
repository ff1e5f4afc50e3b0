"""bot.alerts.queue on both databases: who is called, when, once, and again."""

from datetime import datetime, timedelta, timezone

import pytest
from databases import locked
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from alerts.log import acknowledge, alerts_in, both, person_wanted, red_flag, write
from bot.alerts.queue import UNDER_WAY, AlertQueue, ClaimedCall
from bot.alerts.rules import load_rules
from bot.answers.setup import prepare_storage
from bot.conversations.erasure import Erasure
from bot.conversations.models import Message
from bot.conversations.review_models import UNDELIVERED_EMERGENCY, Alert
from bot.settings import Settings

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
CONSOLE = "https://chat.example/console"


def after(**time: float) -> datetime:
    return NOON + timedelta(**time)


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    return prepare_storage(database_settings)


@pytest.fixture
def queue(sessions: "sessionmaker[Session]") -> AlertQueue:
    return AlertQueue(sessions, load_rules(), CONSOLE)


def claim(queue: AlertQueue, moment: datetime) -> list[ClaimedCall]:
    return queue.claim(moment, at_most=10)


def call(queue: AlertQueue, moment: datetime) -> list[str]:
    """Make the calls that are due, and say of which kind they were."""
    claimed = claim(queue, moment)
    for each in claimed:
        queue.came_through(each, moment, None)
    return [each.call.kind for each in claimed]


def calls_until(queue: AlertQueue, end: datetime) -> list[float]:
    """The minutes of the calls, with the clock moved on minute by minute."""
    minutes = []
    moment = NOON
    while moment <= end:
        minutes += [(moment - NOON) / timedelta(minutes=1)] * len(call(queue, moment))
        moment += timedelta(minutes=1)
    return minutes


def test_a_call_says_what_it_is_about_and_where(queue: AlertQueue, sessions: "sessionmaker[Session]") -> None:
    write(sessions, red_flag(), at=NOON)

    (claimed,) = claim(queue, NOON)

    code = claimed.call.code
    assert claimed.call.title == f"Red flag T1: conversation {code}"
    assert claimed.call.link == f"{CONSOLE}/conversations/family"
    assert claimed.call.text(after(minutes=3)).startswith(f"{claimed.call.title}, 3 min ago\n{claimed.call.link}\n")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (red_flag("T1"), [0, 2, 5, 10, 25, 40, 55]),
        (red_flag("T2"), []),
        (person_wanted(), [0, 30, 60]),
        (both(), [0, 2, 5, 10, 25, 40, 55]),
    ],
)
def test_calls_repeat_as_the_file_says(
    queue: AlertQueue, sessions: "sessionmaker[Session]", outcome: object, expected: list[float]
) -> None:
    write(sessions, outcome, at=NOON)

    assert calls_until(queue, after(minutes=60)) == expected


def test_nobody_is_called_any_more_once_it_is_acknowledged(
    queue: AlertQueue, sessions: "sessionmaker[Session]"
) -> None:
    write(sessions, red_flag(), at=NOON)
    assert call(queue, NOON) == ["red_flag"]

    acknowledge(sessions, after(minutes=1))

    assert calls_until(queue, after(minutes=30)) == []
    write(sessions, red_flag(), at=after(minutes=31))
    assert call(queue, after(minutes=31)) == ["red_flag"]


def test_five_red_flags_are_one_call(queue: AlertQueue, sessions: "sessionmaker[Session]") -> None:
    for _ in range(3):
        write(sessions, red_flag(), at=NOON)
    assert call(queue, NOON) == ["red_flag"]
    for second in (30, 60):
        write(sessions, red_flag(), at=after(seconds=second))
        assert call(queue, after(seconds=second)) == []

    assert calls_until(queue, after(minutes=12)) == [2, 5, 10]
    assert {alert.last_sent_at for alert in alerts_in(sessions)} == {after(minutes=10)}


def test_conversations_are_called_to_one_by_one_and_the_urgent_first(
    queue: AlertQueue, sessions: "sessionmaker[Session]"
) -> None:
    write(sessions, person_wanted(), at=NOON, family="first")
    write(sessions, red_flag(), at=after(seconds=1), family="second")
    write(sessions, red_flag(), at=NOON, family="third")

    assert [each.call.link.rsplit("/")[-1] for each in claim(queue, after(seconds=2))] == ["third", "second", "first"]


def test_what_is_more_urgent_does_not_wait(queue: AlertQueue, sessions: "sessionmaker[Session]") -> None:
    write(sessions, person_wanted(), at=NOON)
    assert call(queue, NOON) == ["person"]

    write(sessions, red_flag(), at=after(minutes=1))
    assert call(queue, after(minutes=1)) == ["red_flag"]
    write(sessions, person_wanted(), at=after(minutes=2))
    assert call(queue, after(minutes=2)) == []
    not_arrived(sessions, at=after(minutes=2))
    assert call(queue, after(minutes=2)) == ["undelivered"]


def not_arrived(sessions: "sessionmaker[Session]", at: datetime) -> None:
    with sessions() as session:
        reply = session.scalars(select(Message).where(Message.kind == "emergency")).first()
        values = {"kind": UNDELIVERED_EMERGENCY, "goes_out": True, "raised_at": at, "next_attempt_at": at}
        session.add(Alert(conversation_id=reply.conversation_id, message_id=reply.id, **values))
        session.commit()


def test_a_call_belongs_to_one_process(queue: AlertQueue, sessions: "sessionmaker[Session]") -> None:
    write(sessions, red_flag(), at=NOON)
    other = AlertQueue(sessions, load_rules(), CONSOLE)

    assert len(claim(queue, NOON)) == 1
    assert claim(other, after(seconds=1)) == []
    write(sessions, red_flag(), at=after(seconds=2))  # comes while the call is under way
    assert claim(other, after(seconds=2)) == []


def test_a_call_that_another_process_takes_at_the_same_moment_is_not_made(
    queue: AlertQueue, sessions: "sessionmaker[Session]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken between reading and claiming."""
    write(sessions, red_flag(), at=NOON)
    other = AlertQueue(sessions, load_rules(), CONSOLE)
    taken: list[ClaimedCall] = []

    def take_first(self: AlertQueue, session: Session, running: list[object], moment: datetime) -> list[object]:
        monkeypatch.undo()
        taken.extend(claim(other, moment))
        return running

    monkeypatch.setattr(AlertQueue, "_without_old", take_first)

    assert claim(queue, NOON) == []
    assert len(taken) == 1


def test_a_call_of_a_process_that_was_killed_is_made_again(
    queue: AlertQueue, sessions: "sessionmaker[Session]"
) -> None:
    write(sessions, red_flag(), at=NOON)
    assert len(claim(queue, NOON)) == 1

    assert claim(queue, NOON + UNDER_WAY - timedelta(seconds=1)) == []
    assert call(queue, NOON + UNDER_WAY) == ["red_flag"]


def test_what_fails_is_tried_again_and_told(queue: AlertQueue, sessions: "sessionmaker[Session]") -> None:
    write(sessions, red_flag(), at=NOON)
    seconds, moment = [], NOON
    while moment < after(minutes=10):
        for claimed in claim(queue, moment):
            seconds.append((moment - NOON).total_seconds())
            queue.failed(claimed, moment, "webhook: HTTP 500")
        moment += timedelta(seconds=5)

    assert seconds == [0, 5, 15, 35, 75, 155, 275, 395, 515]
    waiting = queue.not_through()
    assert waiting is not None
    assert (waiting.alerts, waiting.since) == (1, NOON)

    assert call(queue, moment + timedelta(minutes=2)) == ["red_flag"]
    assert queue.not_through() is None
    (alert,) = alerts_in(sessions)
    assert (alert.attempts, alert.error) == (0, None)


def test_a_fault_of_one_way_is_told_and_calls_nobody_twice(
    queue: AlertQueue, sessions: "sessionmaker[Session]"
) -> None:
    write(sessions, red_flag(), at=NOON)
    (claimed,) = claim(queue, NOON)
    queue.came_through(claimed, NOON, "e-mail: TimeoutError")

    assert queue.not_through() is not None
    assert call(queue, after(minutes=1)) == []
    acknowledge(sessions, after(minutes=2))
    assert queue.not_through() is None


def test_what_is_too_old_calls_nobody(queue: AlertQueue, sessions: "sessionmaker[Session]") -> None:
    """As after the first start with an address to call."""
    write(sessions, red_flag(), at=NOON - timedelta(days=30))

    assert call(queue, NOON) == []
    assert alerts_in(sessions)[0].next_attempt_at is None


@pytest.mark.parametrize("is_called_meanwhile", [True, False])
def test_an_old_alert_takes_no_newer_one_with_it(
    queue: AlertQueue, sessions: "sessionmaker[Session]", is_called_meanwhile: bool
) -> None:
    """Nobody has acknowledged the first; also where the service was down while the second was raised."""
    write(sessions, red_flag(), at=NOON)
    if is_called_meanwhile:
        calls_until(queue, after(hours=47, minutes=50))
    write(sessions, red_flag(), at=after(hours=47, minutes=51))
    if is_called_meanwhile:
        assert call(queue, after(hours=47, minutes=55)) == ["red_flag"]

    assert call(queue, after(hours=49)) == ["red_flag"]
    assert [alert.next_attempt_at is None for alert in alerts_in(sessions)] == [True, False]
    assert call(queue, after(hours=96)) == []


def test_trying_things_out_calls_nobody(queue: AlertQueue, sessions: "sessionmaker[Session]") -> None:
    write(sessions, red_flag(), at=NOON, channel="ask")

    assert call(queue, NOON) == []
    assert alerts_in(sessions)[0].next_attempt_at is None


def test_a_conversation_that_is_erased_meanwhile(queue: AlertQueue, sessions: "sessionmaker[Session]") -> None:
    write(sessions, red_flag(), at=NOON)
    (claimed,) = claim(queue, NOON)
    Erasure(sessions).erase("family")

    queue.came_through(claimed, NOON, None)

    assert alerts_in(sessions) == []


def test_a_call_that_is_acknowledged_meanwhile(queue: AlertQueue, sessions: "sessionmaker[Session]") -> None:
    write(sessions, red_flag(), at=NOON)
    (claimed,) = claim(queue, NOON)
    acknowledge(sessions, NOON)
    queue.failed(claimed, NOON, "webhook: HTTP 500")

    assert call(queue, after(minutes=5)) == []
    assert queue.not_through() is None


def test_a_locked_database_loses_no_call(
    queue: AlertQueue, sessions: "sessionmaker[Session]", database_url: str
) -> None:
    write(sessions, red_flag(), at=NOON)
    with locked(database_url), pytest.raises(SQLAlchemyError):
        claim(queue, NOON)

    assert call(queue, after(seconds=1)) == ["red_flag"]


def test_no_more_than_asked_for(queue: AlertQueue, sessions: "sessionmaker[Session]") -> None:
    for number in range(5):
        write(sessions, red_flag(), at=NOON, family=f"family {number}")

    assert len(queue.claim(NOON, at_most=2)) == 2
    assert len(queue.claim(NOON, at_most=10)) == 3
