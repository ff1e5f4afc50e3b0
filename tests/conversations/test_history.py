"""bot.conversations.history: what a family reads again, from a real database."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from exchanges import NOON, Sessions, answer, message, notice, outcome
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.history import HISTORY_MAXIMUM, History
from bot.conversations.models import Conversation, Message
from bot.conversations.store import ConversationStore
from bot.replies import EMERGENCY, Reply
from bot.settings import Settings
from bot.storage.base import now


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    return prepare_storage(database_settings)


@pytest.fixture
def store(sessions: Sessions) -> ConversationStore:
    return ConversationStore(sessions)


@pytest.fixture
def history(sessions: Sessions) -> History:
    return History(sessions)


def test_the_history_is_in_order_and_of_one_conversation(store: ConversationStore, history: History) -> None:
    replies = {number: (answer(f"{number}a"), answer(f"{number}b")) for number in (1, 2)}
    store.record(message(8, conversation="other family"), outcome(answer()))
    for number in (1, 2):
        store.accept(message(number))
        store.record(message(number), outcome(*replies[number]))
    store.accept(message(3))

    entries = history.history("family")

    assert [entry["text"] for entry in entries] == ["Question 1?", "1a", "1b", "Question 2?", "2a", "2b", "Question 3?"]
    assert [entry["reply"] for entry in entries] == [None, *replies[1], None, *replies[2], None]
    assert [entry["channel_message_id"] for entry in entries if entry["reply"] is None] == ["m1", "m2", "m3"]
    assert history.history("no family") == []


def test_an_entry_of_the_history_says_when(store: ConversationStore, history: History) -> None:
    inbound = message(received_at=NOON)
    store.accept(inbound)

    assert history.history("family") == [
        {
            "id": inbound.key,
            "at": "2027-01-01T12:00:00+00:00",
            "text": "Question 1?",
            "channel_message_id": "m1",
            "reply": None,
            "helpful": None,
        }
    ]


def test_the_history_after_a_message(store: ConversationStore, history: History) -> None:
    first, second, reply = message(1), message(2), answer()
    foreign = message(3, conversation="other family")
    store.record(first, outcome(reply))
    store.accept(foreign)
    store.accept(second)

    def after(key: str) -> list[str]:
        return [entry["id"] for entry in history.history("family", after=key)]

    assert after(first.key) == [reply.id, second.key]
    assert after(reply.id) == [second.key]
    assert after(second.key) == []
    # A message that is not of this conversation marks no place in it.
    assert after("unknown") == after(foreign.key) == [first.key, reply.id, second.key]


def test_a_long_history_is_cut_at_its_beginning(store: ConversationStore, history: History, sessions: Sessions) -> None:
    store.accept(message(0))
    with sessions() as session:
        conversation = session.scalars(select(Conversation)).one()
        for number in range(1, HISTORY_MAXIMUM + 1):
            session.add(
                Message(key=f"k{number}", conversation=conversation, direction="in", channel="widget", text=str(number))
            )
        session.commit()

    texts = [entry["text"] for entry in history.history("family")]

    assert texts == [str(number) for number in range(1, HISTORY_MAXIMUM + 1)]


def test_what_the_spool_held_stands_where_it_came(store: ConversationStore, history: History) -> None:
    """It is written to the log later than what came after it."""
    early = message(1, received_at=now() - timedelta(minutes=1))
    late = message(2)
    for inbound in (late, early):
        store.record(inbound, outcome(answer(f"to {inbound.message_id}"), notice()))

    entries = history.history("family")

    assert [entry["reply"] is None for entry in entries] == [True, False, False] * 2
    assert [entry["text"] for entry in entries[:2]] == [early.text, f"to {early.message_id}"]


# What came after a reply


def said(store: ConversationStore, number: int, *replies: Reply) -> None:
    store.record(message(number, received_at=NOON), outcome(*replies))


def later(history: History, seen: str, **options: Any) -> list[str]:
    return [reply.text for _, reply in history.later_replies("family", seen, **options)]


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_later_replies_are_those_behind_one(store: ConversationStore, history: History) -> None:
    first, second = answer("1", at=at(1)), answer("2", at=at(1))
    said(store, 1, first, second)
    said(store, 2, answer("3", at=at(2)))

    assert [later(history, reply.id) for reply in (first, second)] == [["2", "3"], ["3"]]
    assert history.later_replies("other family", first.id) == []


def test_what_a_fixed_reply_overtook_comes_after_it(store: ConversationStore, history: History) -> None:
    """The emergency reply to message 2 was sent while the answer to message 1 was being written."""
    emergency = answer("emergency", kind=EMERGENCY, at=at(10))
    said(store, 1, answer("long before", at=at(1)), answer("overtaken", at=at(9.8)))
    said(store, 2, emergency, answer("rest", at=at(11)))

    assert later(history, emergency.id) == ["overtaken", "rest"]
    assert later(history, "in no log yet", seen_at=at(10)) == ["overtaken", "emergency", "rest"]


def test_what_the_spool_brought_late_keeps_nothing_back(store: ConversationStore, history: History) -> None:
    spooled, written = answer("said first, written last", at=at(1)), answer("said last, written first", at=at(2))
    said(store, 2, written)
    said(store, 1, spooled)

    assert later(history, spooled.id) == ["said last, written first"]


def test_later_replies_come_in_pages(store: ConversationStore, history: History) -> None:
    first = answer("first")
    said(store, 1, first, *(answer(str(number)) for number in range(HISTORY_MAXIMUM + 1)))

    page = history.later_replies("family", first.id)
    rest = history.later_replies("family", first.id, above=page[-1][0])

    assert [reply.text for _, reply in [*page, *rest]] == [str(number) for number in range(HISTORY_MAXIMUM + 1)]
    assert (len(rest), history.later_replies("family", first.id, above=rest[-1][0])) == (1, [])


def test_after_an_unknown_reply_comes_the_newest_page(store: ConversationStore, history: History) -> None:
    said(store, 1, *(answer(str(number)) for number in range(HISTORY_MAXIMUM + 5)))

    page = history.later_replies("family", "unknown")

    assert [reply.text for _, reply in page] == [str(number) for number in range(5, HISTORY_MAXIMUM + 5)]
    assert history.later_replies("family", "unknown", above=page[-1][0]) == []
