"""bot.conversations.feedback: what a family says about a reply, in a real database."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.feedback import FeedbackStore, Opinion, UnknownReply
from bot.conversations.history import History
from bot.conversations.models import Feedback
from bot.conversations.records import Inbound, Outcome
from bot.conversations.store import ConversationStore
from bot.replies import ANSWER, Reply
from bot.settings import Settings
from bot.storage.base import now

INBOUND = Inbound("widget", "mine", "mine:1", "How long?")
REPLY = Reply(ANSWER, "A week.", 1, "crs_duration")
FLAGGED = Opinion(False, "he is shivering", "T1", "abc", "emergency", 1)


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    sessions = prepare_storage(database_settings)
    ConversationStore(sessions).record(INBOUND, Outcome((REPLY,), None, None, None, None, "abc", 9))
    return sessions


@pytest.fixture
def store(sessions: "sessionmaker[Session]") -> FeedbackStore:
    return FeedbackStore(sessions)


def stored(sessions: "sessionmaker[Session]") -> list[Opinion]:
    with sessions() as session:
        return [
            Opinion(row.helpful, row.comment, row.tier, row.ruleset, row.text_id, row.revision)
            for row in session.scalars(select(Feedback))
        ]


@pytest.mark.parametrize("opinion", [Opinion(True), Opinion(False, "Too long. 🙏"), FLAGGED])
def test_an_opinion_is_written_down(store: FeedbackStore, sessions: "sessionmaker[Session]", opinion: Opinion) -> None:
    store.give("mine", REPLY.id, opinion)

    assert stored(sessions) == [opinion]


def test_a_later_one_replaces_it(store: FeedbackStore, sessions: "sessionmaker[Session]") -> None:
    store.give("mine", REPLY.id, FLAGGED)
    store.give("mine", REPLY.id, Opinion(True))

    assert stored(sessions) == [Opinion(True)]
    with sessions() as session:
        assert now() - session.scalars(select(Feedback.given_at)).one() < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("conversation", "reply"),
    [
        pytest.param("mine", "unknown", id="no such reply"),
        pytest.param("other", REPLY.id, id="another conversation's"),
        pytest.param("mine", INBOUND.key, id="the family's own message"),
    ],
)
def test_only_a_reply_of_the_conversation_takes_one(
    store: FeedbackStore, sessions: "sessionmaker[Session]", conversation: str, reply: str
) -> None:
    with pytest.raises(UnknownReply):
        store.give(conversation, reply, Opinion(True))

    assert stored(sessions) == []


@pytest.mark.parametrize("helpful", [True, False])
def test_the_history_has_it(store: FeedbackStore, sessions: "sessionmaker[Session]", helpful: bool) -> None:
    store.give("mine", REPLY.id, Opinion(helpful))

    assert [entry["helpful"] for entry in History(sessions).history("mine")] == [None, helpful]
