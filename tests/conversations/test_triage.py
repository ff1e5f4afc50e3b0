"""bot.conversations.triage: where messages put their conversation, and whom they call."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.code import conversation_code
from bot.conversations.feedback import FeedbackStore, Opinion
from bot.conversations.models import LATER, REVIEWED, TO_REVIEW, Conversation, Message, MessageRedFlag
from bot.conversations.records import Inbound, Mention, Outcome
from bot.conversations.review_models import PERSON, RED_FLAG, TIER, Alert, Correction
from bot.conversations.store import ConversationStore
from bot.conversations.triage import more_urgent, tier_of
from bot.replies import ANSWER, APOLOGY, CLARIFY, EMERGENCY, FALLBACK, HANDOVER, NOTICE, Reply
from bot.settings import Settings
from bot.staff.models import NAVIGATOR, User
from bot.storage.base import now

Sessions = sessionmaker

NOWHERE = {"tier": None, "unanswered": False, "unsure": False, "unhelpful": False, "wants_person": False}


@pytest.fixture
def sessions(settings: Settings) -> "sessionmaker[Session]":
    return prepare_storage(settings)


def say(sessions: Sessions, *kinds: str, tier: str | None = None, number: int = 1, mentions: Any = ()) -> list[Reply]:
    """A message of the family, and replies of these kinds to it."""
    replies = [Reply(kind, "Text.", 1) for kind in kinds]
    inbound = Inbound("widget", "family", f"m{number}", "he is shivering")
    outcome = Outcome(tuple(replies), "crs_duration", 0.9, None, tier, "abc", 9, mentions)
    ConversationStore(sessions).record(inbound, outcome)
    return replies


def found(sessions: Sessions) -> Conversation:
    with sessions() as session:
        return session.scalars(select(Conversation)).one()


def alerts(sessions: Sessions) -> list[tuple[str, str | None, bool]]:
    with sessions() as session:
        assert all((alert.next_attempt_at is not None) == alert.goes_out for alert in session.scalars(select(Alert)))
        return [(row.kind, row.tier, row.goes_out) for row in session.scalars(select(Alert).order_by(Alert.id))]


@pytest.mark.parametrize(
    ("kinds", "tier", "expected", "called"),
    [
        ([NOTICE, ANSWER], None, {}, []),
        ([EMERGENCY], "T1", {"tier": "T1"}, [(RED_FLAG, "T1", True)]),
        ([EMERGENCY, ANSWER], "T2", {"tier": "T2"}, [(RED_FLAG, "T2", False)]),
        ([HANDOVER], None, {"wants_person": True}, [(PERSON, None, True)]),
        (
            [EMERGENCY, HANDOVER],
            "T1",
            {"tier": "T1", "wants_person": True},
            [(RED_FLAG, "T1", True), (PERSON, None, True)],
        ),
        ([FALLBACK], None, {"unanswered": True}, []),
        ([APOLOGY], None, {"unanswered": True}, []),
        ([CLARIFY], None, {"unsure": True}, []),
    ],
)
def test_a_message_is_sorted_in_and_calls_whom_it_must(
    sessions: Sessions, kinds: list[str], tier: str | None, expected: dict[str, Any], called: list[Any]
) -> None:
    say(sessions, *kinds, tier=tier)

    conversation = found(sessions)
    assert {name: getattr(conversation, name) for name in NOWHERE} == {**NOWHERE, **expected}
    assert conversation.code == conversation_code("family")
    assert alerts(sessions) == called


def test_what_was_found_stays_and_the_most_urgent_tier_counts(sessions: Sessions) -> None:
    say(sessions, EMERGENCY, tier="T1", number=1)
    say(sessions, EMERGENCY, tier="T2", number=2)
    say(sessions, CLARIFY, number=3)
    say(sessions, ANSWER, number=4)

    conversation = found(sessions)
    assert (conversation.tier, conversation.unsure) == ("T1", True)


def test_a_message_that_is_written_again_calls_nobody_again(sessions: Sessions) -> None:
    say(sessions, EMERGENCY, tier="T1")
    say(sessions, EMERGENCY, tier="T1")

    assert len(alerts(sessions)) == 1


def test_the_words_of_a_red_flag_are_kept_with_their_place(sessions: Sessions) -> None:
    mentions = (Mention("shivering", "lexicon", 6, 15), Mention("worsening", "semantic"))
    say(sessions, EMERGENCY, tier="T1", mentions=mentions)

    with sessions() as session:
        rows = session.scalars(select(MessageRedFlag).order_by(MessageRedFlag.id))
        assert [Mention(row.symptom, row.detector, row.start, row.end) for row in rows] == list(mentions)


@pytest.mark.parametrize("review", [REVIEWED, LATER])
def test_something_new_brings_a_conversation_back(sessions: Sessions, review: str) -> None:
    for give in (lambda: say(sessions, ANSWER, number=2), lambda: comment(sessions, Opinion(True))):
        say(sessions, ANSWER)
        with sessions() as session:
            session.scalars(select(Conversation)).one().review = review
            session.commit()

        give()

        assert found(sessions).review == TO_REVIEW


def comment(sessions: Sessions, opinion: Opinion) -> None:
    """On the newest reply."""
    with sessions() as session:
        reply = session.scalars(
            select(Message.key).where(Message.direction == "out").order_by(Message.id.desc())
        ).first()
    FeedbackStore(sessions).give("family", reply, opinion)


def test_a_comment_is_sorted_in_and_calls_again(sessions: Sessions) -> None:
    say(sessions, ANSWER)
    comment(sessions, Opinion(False, "he is shivering", "T1", "abc", "emergency", 1))
    assert (found(sessions).tier, found(sessions).unhelpful) == ("T1", True)
    assert alerts(sessions) == [(RED_FLAG, "T1", True)]

    with sessions() as session:
        session.scalars(select(Alert)).one().acknowledged_at = now()
        session.commit()
    comment(sessions, Opinion(True, "is fever always CRS?", "T2", "abc", "emergency", 1))

    assert (found(sessions).tier, found(sessions).unhelpful) == ("T2", False)
    assert alerts(sessions) == [(RED_FLAG, "T2", False)]
    with sessions() as session:
        assert session.scalars(select(Alert)).one().acknowledged_at is None


def test_a_later_comment_makes_an_open_alert_no_less_urgent(sessions: Sessions) -> None:
    say(sessions, ANSWER)
    comment(sessions, Opinion(False, "he is shivering", "T1", "abc", "emergency", 1))

    comment(sessions, Opinion(False, "is fever always CRS?", "T2", "abc", "emergency", 1))

    assert alerts(sessions) == [(RED_FLAG, "T1", True)]
    with sessions() as session:
        assert session.scalars(select(Alert)).one().next_attempt_at is not None


def test_a_correction_is_of_the_comment_that_was_read(sessions: Sessions) -> None:
    say(sessions, ANSWER)
    comment(sessions, Opinion(False, "is fever always CRS?", "T2", "abc", "emergency", 1))
    with sessions() as session:
        user = User(name="anna", display_name="Anna", role=NAVIGATOR)
        reply = session.scalars(select(Message).where(Message.direction == "out")).one()
        session.add(Correction(message_id=reply.id, kind=TIER, was="T2", value=None, by=user))
        session.commit()

    comment(sessions, Opinion(False, "he is shivering", "T1", "abc", "emergency", 1))

    assert found(sessions).tier == "T1"


def test_a_message_given_up_shows_as_unanswered(sessions: Sessions) -> None:
    store = ConversationStore(sessions)
    store.accept(Inbound("widget", "family", "m1", "how long?"))

    assert store.unanswered(younger_than=now()) == []

    assert found(sessions).unanswered


@pytest.mark.parametrize(
    ("corrections", "expected"),
    [([], "T1"), (["T2"], "T2"), (["T2", "T1"], "T1"), ([None], "T2"), (["T1", None], "T2")],
)
def test_corrections_count(sessions: Sessions, corrections: list[str | None], expected: str | None) -> None:
    say(sessions, EMERGENCY, tier="T1", number=1)
    say(sessions, EMERGENCY, tier="T2", number=2)
    with sessions() as session:
        user = User(name="anna", display_name="Anna", role=NAVIGATOR)
        first = session.scalars(select(Message).order_by(Message.id)).first()
        for value in corrections:
            session.add(Correction(message_id=first.id, kind=TIER, was="T1", value=value, by=user))
            session.flush()

        assert tier_of(session, first.conversation) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(None, None, None), ("T2", None, "T2"), (None, "T1", "T1"), ("T2", "T1", "T1"), ("T1", "T1", "T1")],
)
def test_the_more_urgent_tier(one: str | None, other: str | None, expected: str | None) -> None:
    assert more_urgent(one, other) == expected
