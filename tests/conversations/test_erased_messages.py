"""A message of an erased conversation that is delivered again is not worked on again, as long as that may happen."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from databases import other_tool
from exchanges import Sessions, answer, message, outcome, rows
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.erased import ConversationErased, MessageErased
from bot.conversations.erasure import DELIVERED_AGAIN_WITHIN, Erasure
from bot.conversations.models import Message
from bot.conversations.records import Inbound, Known
from bot.conversations.store import ConversationStore
from bot.settings import Settings
from bot.storage.base import now

Write = Callable[[ConversationStore, Inbound], Any]
WRITES = [
    pytest.param(lambda store, inbound: store.accept(inbound), id="accepted"),
    pytest.param(lambda store, inbound: store.record(inbound, outcome(answer())), id="recorded"),
]


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    return prepare_storage(database_settings)


@pytest.fixture
def store(sessions: Sessions) -> ConversationStore:
    return ConversationStore(sessions)


@pytest.fixture
def erasure(sessions: Sessions) -> Erasure:
    return Erasure(sessions)


def erased_messages(url: str) -> list[tuple[str, str]]:
    with other_tool(url) as database:
        statement = "SELECT channel, channel_message_id FROM erased_message ORDER BY channel, channel_message_id"
        return [tuple(row) for row in database.exec_driver_sql(statement)]


def slack(number: int = 1, conversation: str = "sl-0", **values: Any) -> Inbound:
    return message(number, conversation=conversation, channel="slack", **values)


@pytest.mark.parametrize("write", WRITES)
def test_it_does_not_open_the_familys_next_conversation(
    store: ConversationStore, erasure: Erasure, sessions: Sessions, write: Write
) -> None:
    store.record(slack(1), outcome(answer()))
    erasure.erase("sl-0")

    with pytest.raises(MessageErased):
        write(store, slack(1, conversation="sl-1"))

    assert rows(sessions, Message) == []


@pytest.mark.parametrize("write", WRITES)
def test_nor_does_it_join_the_next_one(
    store: ConversationStore, erasure: Erasure, sessions: Sessions, write: Write
) -> None:
    store.accept(slack(1))
    erasure.erase("sl-0")
    store.accept(slack(2, conversation="sl-1"))

    with pytest.raises(MessageErased):
        write(store, slack(1, conversation="sl-1"))

    assert [row.channel_message_id for row in rows(sessions, Message)] == ["m2"]
    assert store.accept(slack(3, conversation="sl-1")).answered is False


def test_what_is_new_is_taken(store: ConversationStore, erasure: Erasure) -> None:
    store.accept(slack(1))
    erasure.erase("sl-0")

    assert store.accept(slack(2, conversation="sl-1")) == Known()
    assert store.accept(replace(slack(1, conversation="te-0"), channel="telegram")) == Known()


def test_to_the_erased_conversation_itself_nothing_is_written(store: ConversationStore, erasure: Erasure) -> None:
    store.accept(slack(1))
    erasure.erase("sl-0")

    for number in (1, 2):
        with pytest.raises(ConversationErased):
            store.accept(slack(number))


def test_only_the_familys_messages_that_may_come_again_are_remembered(
    store: ConversationStore, erasure: Erasure, database_url: str
) -> None:
    long_ago = now() - DELIVERED_AGAIN_WITHIN - timedelta(minutes=1)
    store.record(slack(1, received_at=long_ago), outcome(answer()))
    store.record(slack(2, received_at=long_ago + timedelta(minutes=2)), outcome(answer()))
    store.record(slack(3, conversation="sl-other"), outcome(answer()))

    erasure.erase("sl-0")

    assert erased_messages(database_url) == [("slack", "m2")]


def test_they_are_remembered_too_where_a_conversation_expires(
    store: ConversationStore, erasure: Erasure, database_url: str
) -> None:
    store.record(slack(1, received_at=now() - timedelta(days=2)), outcome(answer()))

    assert erasure.expire(now() - timedelta(days=1), at_most=1) == 1

    assert erased_messages(database_url) == [("slack", "m1")]
    with pytest.raises(MessageErased):
        store.accept(slack(1))
    assert store.accept(slack(2)) == Known(), "the conversation itself may go on"


def test_erasing_again_what_the_family_wrote_since(
    store: ConversationStore, erasure: Erasure, database_url: str
) -> None:
    for number in range(3):
        store.accept(slack(number, conversation=f"sl-{number}"))
        erasure.erase(f"sl-{number}")

    assert erased_messages(database_url) == [("slack", f"m{number}") for number in range(3)]


@pytest.mark.parametrize(
    ("erased_ago", "remembered"),
    [(timedelta(0), True), (timedelta(days=7, hours=23), True), (timedelta(days=8, minutes=1), False)],
)
def test_they_are_forgotten_after_eight_days(
    store: ConversationStore,
    erasure: Erasure,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    erased_ago: timedelta,
    remembered: bool,
) -> None:
    moment = now() - erased_ago

    def then() -> datetime:
        return moment

    store.accept(slack(1, received_at=moment))
    with monkeypatch.context() as patch:
        patch.setattr("bot.conversations.erasure.now", then)
        erasure.erase("sl-0")

    erasure.forget_erased(now())

    assert erased_messages(database_url) == ([("slack", "m1")] if remembered else [])
    assert set(erasure.erased()) == {"sl-0"}, "a messenger's key is kept"
    if remembered:
        with pytest.raises(MessageErased):
            store.accept(slack(1, conversation="sl-1"))
    else:
        assert store.accept(slack(1, conversation="sl-1")) == Known()


# How long a family was silent


@pytest.mark.parametrize("silence", [timedelta(seconds=1), timedelta(days=6, hours=23), timedelta(days=400)])
def test_the_time_since_the_familys_last_message(store: ConversationStore, silence: timedelta) -> None:
    moment = now()
    first = slack(1, received_at=moment - silence)

    assert store.accept(first).silent_for is None
    store.record(first, outcome(answer()))  # the reply itself breaks no silence
    assert store.accept(slack(2, received_at=moment)).silent_for == silence
    assert store.accept(slack(2, received_at=moment)).silent_for is None, "nor does the same message once more"
    assert store.accept(slack(3, received_at=moment)).silent_for == timedelta(0)
