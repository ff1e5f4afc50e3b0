"""bot.conversations.transcript: a conversation as navigators read it, from a real database."""

from collections.abc import Iterator

import pytest
from log_entries import add_conversation, add_message, add_reply, add_user, at
from sqlalchemy.orm import Session

from bot.answers.setup import prepare_storage
from bot.conversations import correcting, reviewing
from bot.conversations.models import DELIVERED, Conversation, Delivery, Feedback, MessageRedFlag
from bot.conversations.review_models import Alert
from bot.conversations.transcript import read_entry, read_page, read_surroundings
from bot.settings import Settings


@pytest.fixture
def session(database_settings: Settings) -> Iterator[Session]:
    with prepare_storage(database_settings)() as session:
        yield session


@pytest.fixture
def family(session: Session) -> Conversation:
    return add_conversation(session, "family")


def test_messages_stand_as_they_came_each_with_its_replies(session: Session, family: Conversation) -> None:
    second = add_message(session, family, "second", received_at=at(2))
    add_reply(session, second, "to the second, later", position=1, received_at=at(2))
    add_reply(session, second, "to the second", position=0, received_at=at(2))
    spooled = add_message(session, family, "first", received_at=at(1))  # read back from the spool afterwards
    add_reply(session, spooled, "to the first", received_at=at(3))

    page = read_page(session, family)

    assert [entry.message.text for entry in page.entries] == [
        "first",
        "to the first",
        "second",
        "to the second",
        "to the second, later",
    ]
    assert [entry.is_of_family for entry in page.entries] == [True, False, True, False, False]
    assert (page.earlier, page.later) == (None, None)


def test_a_long_conversation_comes_in_pages(session: Session, family: Conversation) -> None:
    for number in range(7):
        add_message(session, family, str(number), received_at=at(number))
    add_message(session, add_conversation(session, "other"), "not of this one")

    last = read_page(session, family, size=3)
    middle = read_page(session, family, before=last.earlier, size=3)
    first = read_page(session, family, before=middle.earlier, size=3)
    again = read_page(session, family, after=first.later, size=3)

    assert [[entry.message.text for entry in page.entries] for page in (first, middle, last)] == [
        ["0"],
        ["1", "2", "3"],
        ["4", "5", "6"],
    ]
    assert (first.earlier, last.later) == (None, None)
    assert [entry.message.text for entry in again.entries] == ["1", "2", "3"]
    assert read_page(session, add_conversation(session, "empty")).entries == ()


def test_all_that_is_known_of_a_message(session: Session, family: Conversation) -> None:
    nina = add_user(session)
    message = add_message(session, family, "He has a fever", tier="T1", intent="nlu_fallback")
    reply = add_reply(session, message)
    session.add_all(
        [
            MessageRedFlag(message_id=message.id, symptom="fever", detector="lexicon", start=9, end=14),
            Delivery(message_id=reply.id, state=DELIVERED, attempts=2, delivered_at=at(1)),
            Feedback(message_id=reply.id, helpful=False, comment="Now he shakes", tier="T1"),
        ]
    )
    session.flush()
    correcting.correct_topic(session, message, "late_crs_at_home", ("late_crs_at_home",), by=nina.id)
    correcting.correct_tier(session, message, "T2", by=nina.id)
    correcting.queue_example(session, message, "training", "Fever", "fever_x", ("fever_x",), by=nina.id)
    session.expire_all()

    asked, answered = read_page(session, family).entries
    session.close()  # everything is read by now

    assert [(flag.symptom, flag.start, flag.end) for flag in asked.message.red_flags] == [("fever", 9, 14)]
    assert (asked.topic, asked.tier) == ("late_crs_at_home", "T2")
    assert [(each.kind, each.by.name) for each in asked.corrections] == [("topic", "nina"), ("tier", "nina")]
    assert [each.purpose for each in asked.queued] == ["training"]
    assert (answered.message.delivery.state, answered.message.delivery.attempts) == (DELIVERED, 2)
    assert answered.feedback is not None
    assert (answered.feedback.comment, answered.tier, answered.topic) == ("Now he shakes", "T1", None)


def test_one_message_alone(session: Session, family: Conversation) -> None:
    message = add_message(session, family, intent="crs_duration")

    assert read_entry(session, message).topic == "crs_duration"


def test_what_belongs_to_a_conversation(session: Session, family: Conversation) -> None:
    nina = add_user(session)
    message = add_message(session, family)
    for text in ("one", "two"):
        reviewing.add_note(session, family, text, by=nina.id)
    for name in ("urgent", "billing"):
        reviewing.add_tag(session, family, name, by=nina.id)
    reviewing.assign(session, family, "nina")
    reviewing.set_review(session, family, "later", by=nina.id)
    session.add(Alert(conversation_id=family.id, message_id=message.id, kind="person", raised_at=at(1), goes_out=False))
    session.flush()
    session.expire_all()

    found = read_surroundings(session, family)
    session.close()

    assert found.assignee is not None
    assert found.assignee.name == "nina"
    assert [(note.text, note.author.name) for note in found.notes] == [("one", "nina"), ("two", "nina")]
    assert [tag.name for tag in found.tags] == ["billing", "urgent"]
    assert [(step.state, step.by.name) for step in found.reviews] == [("later", "nina")]
    assert [(alert.kind, alert.acknowledged_by) for alert in found.alerts] == [("person", None)]
    assert found.messages == 1
