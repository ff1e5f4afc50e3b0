"""bot.conversations.store: the conversation log in a real database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.models import DELIVERED, OPEN, PENDING, UNANSWERED, Conversation, Delivery, Message
from bot.conversations.records import Inbound, Known, Outcome
from bot.conversations.store import HISTORY_MAXIMUM, ConversationStore
from bot.replies import ANSWER, EMERGENCY, NOTICE, Button, Reply
from bot.settings import Settings
from bot.storage.base import now

NOON = datetime(2027, 1, 1, 12, tzinfo=timezone.utc)

Sessions = sessionmaker  # of a migrated, empty database


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    return prepare_storage(database_settings)


@pytest.fixture
def store(sessions: Sessions) -> ConversationStore:
    return ConversationStore(sessions)


def message(number: int = 1, *, conversation: str = "family", channel: str = "widget", **values: Any) -> Inbound:
    return Inbound(
        channel=channel,
        conversation=conversation,
        message_id=f"m{number}",
        text=f"Question {number}?",
        **values,
    )


def answer(text: str = "About a week.", **values: Any) -> Reply:
    given: dict[str, Any] = {
        "kind": ANSWER,
        "revision": 3,
        "topic": "crs_duration",
        "variant": "grade_2",
        "sources": ("Guide: Section",),
        "buttons": (Button("What CRS is", "what_is_crs"),),
    }
    return Reply(text=text, **{**given, **values})


def notice() -> Reply:
    return Reply(kind=NOTICE, text="I am a machine.", revision=1, text_id="notice")


def outcome(*replies: Reply, topic: str | None = "crs_duration") -> Outcome:
    return Outcome(
        replies=replies,
        intent="crs_duration",
        confidence=0.75,
        topic=topic,
        tier="T2",
        ruleset="abc",
        milliseconds=12.5,
    )


def counted(sessions: Sessions, model: type[Any]) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(model))  # type: ignore[no-any-return]


def rows(sessions: Sessions, model: type[Any]) -> list[Any]:
    with sessions() as session:
        return list(session.scalars(select(model).order_by(model.id)))


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


def test_notice_and_topic_are_remembered_for_the_next_message(store: ConversationStore) -> None:
    store.record(message(1), outcome(notice(), answer(), topic="crs_duration"))
    assert store.accept(message(2)) == Known(noticed=True, topic="crs_duration")

    store.record(message(2), outcome(answer(), topic=None))
    assert store.accept(message(3)) == Known(noticed=True, topic="crs_duration")

    store.record(message(3), outcome(answer(), topic="crs_symptoms"))
    assert store.accept(message(4)) == Known(noticed=True, topic="crs_symptoms")

    assert store.accept(message(5, conversation="other family")) == Known()


def test_the_history_is_in_order_and_of_one_conversation(store: ConversationStore) -> None:
    replies = {number: (answer(f"{number}a"), answer(f"{number}b")) for number in (1, 2)}
    store.record(message(8, conversation="other family"), outcome(answer()))
    for number in (1, 2):
        store.accept(message(number))
        store.record(message(number), outcome(*replies[number]))
    store.accept(message(3))

    history = store.history("family")

    assert [entry["text"] for entry in history] == ["Question 1?", "1a", "1b", "Question 2?", "2a", "2b", "Question 3?"]
    assert [entry["reply"] for entry in history] == [None, *replies[1], None, *replies[2], None]
    assert [entry["channel_message_id"] for entry in history if entry["reply"] is None] == ["m1", "m2", "m3"]
    assert store.history("no family") == []


def test_an_entry_of_the_history_says_when(store: ConversationStore) -> None:
    inbound = message(received_at=NOON)
    store.accept(inbound)

    assert store.history("family") == [
        {
            "id": inbound.key,
            "at": "2027-01-01T12:00:00+00:00",
            "text": "Question 1?",
            "channel_message_id": "m1",
            "reply": None,
            "helpful": None,
        }
    ]


def test_the_history_after_a_message(store: ConversationStore) -> None:
    first, second, reply = message(1), message(2), answer()
    foreign = message(3, conversation="other family")
    store.record(first, outcome(reply))
    store.accept(foreign)
    store.accept(second)

    def after(key: str) -> list[str]:
        return [entry["id"] for entry in store.history("family", after=key)]

    assert after(first.key) == [reply.id, second.key]
    assert after(reply.id) == [second.key]
    assert after(second.key) == []
    # A message that is not of this conversation marks no place in it.
    assert after("unknown") == after(foreign.key) == [first.key, reply.id, second.key]


def test_a_long_history_is_cut_at_its_beginning(store: ConversationStore, sessions: Sessions) -> None:
    store.accept(message(0))
    with sessions() as session:
        conversation = session.scalars(select(Conversation)).one()
        for number in range(1, HISTORY_MAXIMUM + 1):
            session.add(
                Message(key=f"k{number}", conversation=conversation, direction="in", channel="widget", text=str(number))
            )
        session.commit()

    texts = [entry["text"] for entry in store.history("family")]

    assert texts == [str(number) for number in range(1, HISTORY_MAXIMUM + 1)]


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


# What came after a reply


def said(store: ConversationStore, number: int, *replies: Reply) -> None:
    store.record(message(number, received_at=NOON), outcome(*replies))


def later(store: ConversationStore, seen: str, **options: Any) -> list[str]:
    return [reply.text for _, reply in store.later_replies("family", seen, **options)]


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_later_replies_are_those_behind_one(store: ConversationStore) -> None:
    first, second = answer("1", at=at(1)), answer("2", at=at(1))
    said(store, 1, first, second)
    said(store, 2, answer("3", at=at(2)))

    assert [later(store, reply.id) for reply in (first, second)] == [["2", "3"], ["3"]]
    assert store.later_replies("other family", first.id) == []


def test_what_a_fixed_reply_overtook_comes_after_it(store: ConversationStore) -> None:
    """The emergency reply to message 2 was sent while the answer to message 1 was being written."""
    emergency = answer("emergency", kind=EMERGENCY, at=at(10))
    said(store, 1, answer("long before", at=at(1)), answer("overtaken", at=at(9.8)))
    said(store, 2, emergency, answer("rest", at=at(11)))

    assert later(store, emergency.id) == ["overtaken", "rest"]
    assert later(store, "in no log yet", seen_at=at(10)) == ["overtaken", "emergency", "rest"]


def test_what_the_spool_brought_late_keeps_nothing_back(store: ConversationStore) -> None:
    spooled, written = answer("said first, written last", at=at(1)), answer("said last, written first", at=at(2))
    said(store, 2, written)
    said(store, 1, spooled)

    assert later(store, spooled.id) == ["said last, written first"]


def test_later_replies_come_in_pages(store: ConversationStore) -> None:
    first = answer("first")
    said(store, 1, first, *(answer(str(number)) for number in range(HISTORY_MAXIMUM + 1)))

    page = store.later_replies("family", first.id)
    rest = store.later_replies("family", first.id, above=page[-1][0])

    assert [reply.text for _, reply in [*page, *rest]] == [str(number) for number in range(HISTORY_MAXIMUM + 1)]
    assert (len(rest), store.later_replies("family", first.id, above=rest[-1][0])) == (1, [])


def test_after_an_unknown_reply_comes_the_newest_page(store: ConversationStore) -> None:
    said(store, 1, *(answer(str(number)) for number in range(HISTORY_MAXIMUM + 5)))

    page = store.later_replies("family", "unknown")

    assert [reply.text for _, reply in page] == [str(number) for number in range(5, HISTORY_MAXIMUM + 5)]
    assert store.later_replies("family", "unknown", above=page[-1][0]) == []


def test_what_the_spool_held_stands_where_it_came(store: ConversationStore) -> None:
    """It is written to the log later than what came after it."""
    early = message(1, received_at=now() - timedelta(minutes=1))
    late = message(2)
    for inbound in (late, early):
        store.record(inbound, outcome(answer(f"to {inbound.message_id}"), notice()))
    entries = store.history("family")
    assert [entry["reply"] is None for entry in entries] == [True, False, False] * 2
    assert [entry["text"] for entry in entries[:2]] == [early.text, f"to {early.message_id}"]
