"""bot.conversations.improvement: which messages the service can learn from, and the queue of those chosen."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations import improvement
from bot.conversations.erasure import Erasure
from bot.conversations.improvement import Candidate, Choice, ImprovementError
from bot.conversations.models import Conversation, Message
from bot.conversations.records import Inbound, Outcome
from bot.conversations.review_models import (
    DROPPED,
    EXPORTED,
    QUEUED,
    REGRESSION,
    TOPIC,
    TRAINING,
    Correction,
    QueuedExample,
)
from bot.conversations.store import ConversationStore
from bot.replies import ANSWER, APOLOGY, CLARIFY, FALLBACK, NOTICE, Button, Reply
from bot.settings import Settings
from bot.staff.models import NAVIGATOR, User
from bot.storage.base import now

Sessions = sessionmaker
LABELS = ("what_is_crs", "crs_duration", "out_of_scope")
OFFERS = (Button("How long?", "crs_duration/grade_2"), Button("What is it?", "what_is_crs"), Button("None", "else"))


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    sessions = prepare_storage(database_settings)
    with sessions() as session:
        session.add(User(id=1, name="nina", display_name="Nina", role=NAVIGATOR))
        session.commit()
    return sessions


def say(
    sessions: Sessions,
    text: str,
    *replies: Reply,
    conversation: str = "family",
    intent: str = "nlu_fallback",
    at: datetime | None = None,
    button: str = "",
) -> int:
    """A message and the replies to it; gives back the id of its row."""
    inbound = Inbound("widget", conversation, f"id of {text}", text, button, at or now())
    ConversationStore(sessions).record(inbound, Outcome(replies, intent, 0.4, None, None, "abc", 9.0))
    with sessions() as session:
        return session.scalars(select(Message.id).where(Message.key == inbound.key)).one()


def reply(kind: str, *buttons: Button) -> Reply:
    return Reply(kind, "Text.", 1, buttons=buttons)


def correct(sessions: Sessions, message_id: int, topic: str | None) -> None:
    with sessions() as session:
        session.add(Correction(message_id=message_id, kind=TOPIC, was=None, value=topic, by_id=1))
        session.commit()


def found(sessions: Sessions, **values: Any) -> list[Candidate]:
    with sessions() as session:
        query = {"since": now() - timedelta(days=90), "at_most": 500, "labels": LABELS, **values}
        return improvement.candidates(session, **query)


@pytest.mark.parametrize("at_most", [1, 2, 3, 4, 5])
def test_the_newest_are_found_however_far_back_they_lie(sessions: Sessions, at_most: int) -> None:
    ages = (89, 40, 9, 2)  # days: one for each part of the period that is looked through, and one at its very end
    for days in ages:
        say(sessions, f"after {days} days", reply(FALLBACK), at=now() - timedelta(days=days))
    newest_first = [f"after {days} days" for days in reversed(ages)]
    assert [each.text for each in found(sessions, at_most=at_most)] == newest_first[:at_most]


def texts(sessions: Sessions, **values: Any) -> list[str]:
    return [candidate.text for candidate in found(sessions, **values)]


def queued(sessions: Sessions, state: str = QUEUED) -> list[tuple[str, str, str]]:
    with sessions() as session:
        return [(each.purpose, each.topic, each.text) for each in improvement.queue(session, state=state)]


def decide(sessions: Sessions, *choices: Choice, purpose: str = TRAINING) -> int:
    with sessions() as session:
        done = improvement.decide(session, choices, purpose=purpose, by_id=1, labels=LABELS)
        session.commit()
        return len(done)


@pytest.mark.parametrize(
    ("replies", "intent", "reason", "topic"),
    [
        ([reply(NOTICE), reply(CLARIFY, *OFFERS)], "nlu_fallback", "unsure", "crs_duration"),
        ([reply(CLARIFY)], "nlu_fallback", "unsure", None),
        ([reply(FALLBACK, *OFFERS)], "out_of_scope", "unanswered", "out_of_scope"),
        ([reply(FALLBACK)], "nlu_fallback", "unanswered", None),
        ([reply(APOLOGY)], None, "unanswered", None),
        ([reply(ANSWER, *OFFERS), reply(CLARIFY)], "what_is_crs", "unsure", "what_is_crs"),
    ],
)
def test_why_a_message_is_a_candidate_and_what_it_may_be_about(
    sessions: Sessions, replies: list[Reply], intent: str, reason: str, topic: str | None
) -> None:
    message_id = say(sessions, "how long", *replies, intent=intent)

    (candidate,) = found(sessions)

    assert (candidate.message_id, candidate.conversation, candidate.text) == (message_id, "family", "how long")
    assert (candidate.reason, candidate.topic) == (reason, topic)


def test_a_message_that_a_crash_left_for_good_is_a_candidate(sessions: Sessions) -> None:
    store = ConversationStore(sessions)
    store.accept(Inbound("widget", "family", "m1", "how long"))
    assert found(sessions) == []

    store.unanswered(younger_than=now() + timedelta(seconds=1))

    assert [candidate.reason for candidate in found(sessions)] == ["unanswered"]


def test_the_newest_correction_says_what_it_is_about(sessions: Sessions) -> None:
    answered = say(sessions, "how long", reply(ANSWER), intent="what_is_crs")
    unsure = say(sessions, "what", reply(CLARIFY, *OFFERS))
    assert texts(sessions) == ["what"]

    for topic in ("what_is_crs", "crs_duration"):
        correct(sessions, answered, topic)
    correct(sessions, unsure, None)

    assert [(each.text, each.reason, each.topic) for each in found(sessions)] == [
        ("what", "corrected", None),
        ("how long", "corrected", "crs_duration"),
    ]


def test_what_was_answered_is_old_or_pressed_is_none(sessions: Sessions) -> None:
    say(sessions, "answered", reply(ANSWER), intent="what_is_crs")
    say(sessions, "pressed", reply(CLARIFY), button="else")
    say(sessions, "old", reply(CLARIFY), conversation="other", at=now() - timedelta(days=91))
    for number in range(3):
        say(sessions, f"new {number}", reply(CLARIFY))

    assert texts(sessions) == ["new 2", "new 1", "new 0"]
    assert texts(sessions, at_most=2) == ["new 2", "new 1"]
    assert "old" in texts(sessions, since=now() - timedelta(days=92))


@pytest.mark.parametrize("purpose", [TRAINING, REGRESSION, None])
def test_what_is_decided_about_is_not_shown_again(sessions: Sessions, purpose: str | None) -> None:
    choice = Choice(say(sessions, "how long, Anna?", reply(CLARIFY)), " how long,\n[name]?\x00 ", "crs_duration")
    say(sessions, "stays", reply(CLARIFY))

    if purpose is None:
        with sessions() as session:
            assert len(improvement.drop(session, [choice], by_id=1)) == 1
            session.commit()
    else:
        assert decide(sessions, choice, purpose=purpose) == 1

    assert texts(sessions) == ["stays"]
    expected = [(purpose or TRAINING, "crs_duration", "how long, [name]?")]
    assert queued(sessions, QUEUED if purpose else DROPPED) == expected


def test_what_somebody_else_decided_meanwhile_stays(sessions: Sessions) -> None:
    first, second = (say(sessions, text, reply(CLARIFY)) for text in ("one", "two"))
    assert decide(sessions, Choice(first, "one", "what_is_crs"), purpose=REGRESSION) == 1

    both = (Choice(first, "one", "crs_duration"), Choice(second, "two", "crs_duration"), Choice(9999, "x", LABELS[0]))
    assert decide(sessions, *both) == 1

    assert queued(sessions) == [(TRAINING, "crs_duration", "two"), (REGRESSION, "what_is_crs", "one")]


@pytest.mark.parametrize(
    ("text", "topic", "fault"),
    [
        (" \n", "crs_duration", "the text is empty"),
        ("x" * 501, "crs_duration", "the text has 501 characters; 500 at most: keep what matters"),
        ("how long", "crs_length", "choose a topic"),
        ("how long", "", "choose a topic"),
    ],
)
def test_a_wrong_choice_is_refused_whole(sessions: Sessions, text: str, topic: str, fault: str) -> None:
    right = Choice(say(sessions, "one", reply(CLARIFY)), "one", "crs_duration")
    wrong = Choice(say(sessions, "two", reply(CLARIFY)), text, topic)

    with pytest.raises(ImprovementError) as refused:
        decide(sessions, right, wrong)

    assert str(refused.value) == fault
    assert queued(sessions) == []


def test_the_queue_from_changed_to_exported_and_back(sessions: Sessions) -> None:
    for text in ("one", "two"):
        decide(sessions, Choice(say(sessions, text, reply(CLARIFY)), text, "crs_duration"))
    with sessions() as session:
        one, two = (each.id for each in improvement.queue(session))
        improvement.change(session, one, text="1", topic="what_is_crs", labels=LABELS)
        assert improvement.take_back(session, two) == "crs_duration"
        session.commit()
    assert (queued(sessions), texts(sessions)) == ([(TRAINING, "what_is_crs", "1")], ["two"])

    with sessions() as session:
        assert improvement.mark_exported(session, [one, two]) == 1
        session.commit()
        assert improvement.counts(session) == {QUEUED: 0, EXPORTED: 1, DROPPED: 0}
        for act in (
            lambda: improvement.take_back(session, one),
            lambda: improvement.change(session, one, text="x", topic="what_is_crs", labels=LABELS),
        ):
            with pytest.raises(ImprovementError, match=r"^that is not in the queue any more$"):
                act()
        assert improvement.put_back(session, [one]) == 1
        session.commit()
    assert queued(sessions) == [(TRAINING, "what_is_crs", "1")]


def test_what_is_queued_goes_with_its_conversation(sessions: Sessions) -> None:
    decide(sessions, Choice(say(sessions, "one", reply(CLARIFY)), "one", "crs_duration"))

    Erasure(sessions).erase("family")

    with sessions() as session:
        assert session.scalars(select(Conversation)).all() == session.scalars(select(QueuedExample)).all() == []
