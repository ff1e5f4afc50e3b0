"""bot.conversations.store: the conversation log in a real database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from exchanges import NOON, Sessions, answer, counted, message, notice, outcome, rows
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.models import DELIVERED, OPEN, PENDING, UNANSWERED, Conversation, Delivery, Message
from bot.conversations.records import Inbound, Known, Outcome
from bot.conversations.store import ConversationStore
from bot.replies import ANSWER, EMERGENCY, NOTICE, Reply
from bot.settings import Settings
from bot.storage.base import now


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    return prepare_storage(database_settings)


@pytest.fixture
def store(sessions: Sessions) -> ConversationStore:
    return ConversationStore(sessions)


def test_a_message_is_written_down(store: ConversationStore, sessions: Sessions) -> None:
    inbound = message(button="crs_duration", received_at=NOON)

    assert store.accept(inbound) == Known()

    (stored,) = rows(sessions, Message)
    assert (stored.key, stored.channel, stored.channel_message_id) == (inbound.key, "widget", "m1")
    assert (stored.text, stored.button, stored.direction, stored.state) == ("Question 1?", "crs_duration", "in", OPEN)
    assert stored.received_at == NOON
    (conversation,) = rows(sessions, Conversation)
    assert (conversation.key, conversation.channel, conversation.noticed, conversation.topic) == (
        "family",
        "widget",
        False,
        None,
    )
    assert (conversation.created_at, conversation.last_message_at) == (NOON, NOON)


def test_a_later_message_joins_the_conversation(store: ConversationStore, sessions: Sessions) -> None:
    store.accept(message(1, received_at=NOON))
    store.accept(message(2, received_at=NOON + timedelta(hours=1)))

    (conversation,) = rows(sessions, Conversation)
    assert (conversation.created_at, conversation.last_message_at) == (NOON, NOON + timedelta(hours=1))
    assert [stored.conversation_id for stored in rows(sessions, Message)] == [conversation.id] * 2


def test_a_repeat_before_the_answer_is_not_written_again(store: ConversationStore, sessions: Sessions) -> None:
    store.accept(message())

    assert store.accept(message()) == Known(answered=False)
    assert counted(sessions, Message) == 1


def test_a_repeat_after_the_answer_brings_the_stored_replies(store: ConversationStore, sessions: Sessions) -> None:
    replies = (
        Reply(kind=EMERGENCY, text="Call now.", revision=1, text_id="emergency"),
        notice(),
        answer(),
        answer("Second.", variant="", sources=(), buttons=()),
    )
    store.accept(message())
    store.record(message(), outcome(*replies))

    assert store.accept(message()) == Known(answered=True, replies=replies, noticed=True, topic="crs_duration")
    assert counted(sessions, Message) == 1 + len(replies)


@pytest.mark.parametrize(
    "second",
    [
        message(1, channel="telegram", conversation="other family"),
        message(1, channel="telegram", conversation="family"),
        message(2),
    ],
    ids=["other channel", "other channel, same conversation", "other id"],
)
def test_what_is_no_repeat(store: ConversationStore, sessions: Sessions, second: Inbound) -> None:
    store.accept(message(1))
    store.record(message(1), outcome(answer()))

    assert store.accept(second).answered is False
    assert [row.key for row in rows(sessions, Message) if row.direction == "in"][1:] == [second.key]


def test_an_id_of_another_conversation_is_refused_whole(store: ConversationStore, sessions: Sessions) -> None:
    store.accept(message(1))

    with pytest.raises(IntegrityError):
        store.accept(message(1, conversation="other family"))

    assert (counted(sessions, Message), counted(sessions, Conversation)) == (1, 1)


def together(sessions: Sessions, calls: list[Callable[[], Known]]) -> list[Known]:
    """Make the calls at the same moment, each in a thread; a slow disk is no part of the question."""

    is_sqlite = sessions.kw["bind"].dialect.name == "sqlite"

    @event.listens_for(sessions.kw["bind"], "connect")
    def _wait_for_the_lock(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=30000" if is_sqlite else "SET lock_timeout = 30000")
        connection.commit()

    sessions.kw["bind"].dispose()
    barrier = Barrier(len(calls))

    def call(function: Callable[[], Known]) -> Known:
        barrier.wait()
        return function()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


@pytest.mark.parametrize("attempt", range(5))
def test_the_same_message_from_several_threads_gives_one_row(
    store: ConversationStore, sessions: Sessions, attempt: int
) -> None:
    copies = [message() for _ in range(6)]

    known = together(sessions, [lambda copy=copy: store.accept(copy) for copy in copies])

    assert known == [Known()] * 6
    (stored,) = rows(sessions, Message)
    assert stored.key in {copy.key for copy in copies}
    assert counted(sessions, Conversation) == 1


@pytest.mark.parametrize("attempt", range(5))
def test_several_first_messages_of_a_conversation_at_once(
    store: ConversationStore, sessions: Sessions, attempt: int
) -> None:
    together(sessions, [lambda number=number: store.accept(message(number)) for number in range(6)])

    assert sorted(row.channel_message_id for row in rows(sessions, Message)) == [f"m{number}" for number in range(6)]
    assert counted(sessions, Conversation) == 1


def test_what_became_of_a_message_is_written_beside_it(store: ConversationStore, sessions: Sessions) -> None:
    inbound, reply = message(), answer()
    store.accept(inbound)
    store.record(inbound, outcome(reply, notice()))

    asked, first, second = rows(sessions, Message)
    assert (asked.state, asked.intent, asked.confidence, asked.tier) == ("answered", "crs_duration", 0.75, "T2")
    assert (asked.ruleset, asked.milliseconds) == ("abc", 12.5)
    assert (first.key, first.direction, first.channel, first.reply_to_id) == (reply.id, "out", "widget", asked.id)
    assert (first.kind, first.topic, first.variant, first.revision, first.text_id) == (
        ANSWER,
        "crs_duration",
        "grade_2",
        3,
        None,
    )
    assert (first.position, second.position, second.kind, second.text_id) == (0, 1, NOTICE, "notice")
    deliveries = rows(sessions, Delivery)
    assert [(d.message_id, d.state, d.attempts, d.delivered_at) for d in deliveries] == [
        (first.id, PENDING, 0, None),
        (second.id, PENDING, 0, None),
    ]


def test_an_outcome_is_recorded_once(store: ConversationStore, sessions: Sessions) -> None:
    first, second = answer("First."), answer("Second.")
    store.accept(message())
    store.record(message(), outcome(first))
    store.record(message(), outcome(first))
    store.record(message(), outcome(second, topic="crs_symptoms"))

    assert store.accept(message()) == Known(answered=True, replies=(first,), noticed=False, topic="crs_duration")
    assert counted(sessions, Delivery) == 1


def test_an_outcome_brings_a_message_that_was_never_accepted(store: ConversationStore, sessions: Sessions) -> None:
    inbound, reply = message(received_at=NOON), answer()

    store.record(inbound, outcome(reply))

    assert rows(sessions, Message)[0].received_at == NOON
    assert store.accept(inbound) == Known(answered=True, replies=(reply,), noticed=False, topic="crs_duration")


def test_an_outcome_without_replies(store: ConversationStore, sessions: Sessions) -> None:
    store.record(message(), outcome())

    assert store.accept(message()) == Known(answered=True, replies=(), noticed=False, topic="crs_duration")
    assert (counted(sessions, Message), counted(sessions, Delivery)) == (1, 0)


def remembered(store: ConversationStore, inbound: Inbound) -> tuple[bool, str | None]:
    known = store.accept(inbound)
    assert (known.answered, known.replies) == (False, ())
    return known.noticed, known.topic


def test_notice_and_topic_are_remembered_for_the_next_message(store: ConversationStore) -> None:
    store.record(message(1), outcome(notice(), answer(), topic="crs_duration"))
    assert remembered(store, message(2)) == (True, "crs_duration")

    store.record(message(2), outcome(answer(), topic=None))
    assert remembered(store, message(3)) == (True, "crs_duration")

    store.record(message(3), outcome(answer(), topic="crs_symptoms"))
    assert remembered(store, message(4)) == (True, "crs_symptoms")

    assert remembered(store, message(5, conversation="other family")) == (False, None)


def test_what_a_crash_left_unanswered(store: ConversationStore, sessions: Sessions) -> None:
    old = message(1, received_at=NOON - timedelta(minutes=15, seconds=1))
    young = message(2, received_at=NOON - timedelta(minutes=14), button="crs_duration")
    foreign = message(3, conversation="other family", channel="telegram", received_at=NOON)
    answered = message(4, received_at=NOON)
    for inbound in (old, young, foreign, answered):
        store.accept(inbound)
    store.record(answered, outcome(answer()))

    assert store.unanswered(younger_than=NOON - timedelta(minutes=15)) == [young, foreign]

    states = {row.key: row.state for row in rows(sessions, Message) if row.direction == "in"}
    assert states == {old.key: UNANSWERED, young.key: OPEN, foreign.key: OPEN, answered.key: "answered"}


def test_a_message_given_up_is_not_found_again(store: ConversationStore) -> None:
    store.accept(message(received_at=NOON))

    assert store.unanswered(younger_than=NOON + timedelta(seconds=1)) == []
    assert store.unanswered(younger_than=NOON - timedelta(seconds=1)) == []


def test_replies_handed_over(store: ConversationStore, sessions: Sessions) -> None:
    first, second = answer("First."), answer("Second.")
    store.record(message(), outcome(first, second))

    store.delivered([first.id, "unknown"])
    store.delivered([first.id])

    done, waiting = rows(sessions, Delivery)
    assert (done.state, done.attempts) == (DELIVERED, 1)
    assert done.delivered_at is not None
    assert (waiting.state, waiting.attempts, waiting.delivered_at) == (PENDING, 0, None)


def test_nothing_handed_over(store: ConversationStore, sessions: Sessions) -> None:
    store.record(message(), outcome(answer()))

    store.delivered([])

    assert [delivery.state for delivery in rows(sessions, Delivery)] == [PENDING]


def test_records_travel_as_plain_values() -> None:
    inbound = replace(message(button="crs_duration", received_at=NOON), text="naïve 🆘\nline")
    result = outcome(notice(), answer())

    assert Inbound.from_dict(inbound.as_dict()) == inbound
    assert Outcome.from_dict(result.as_dict()) == result


def test_a_line_of_an_older_version_has_no_time() -> None:
    values = outcome(answer()).as_dict()
    del values["replies"][0]["at"]

    (reply,) = Outcome.from_dict(values).replies

    assert now() - reply.at < timedelta(minutes=1)
