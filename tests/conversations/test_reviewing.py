"""What navigators change in the log: reviewing, correcting, acknowledging, saved views; on a real database."""

from collections.abc import Iterator
from typing import Any

import pytest
from log_entries import add_conversation, add_message, add_reply, add_user, at
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.answers.setup import prepare_storage
from bot.conversations import correcting, reviewing
from bot.conversations.inbox_filter import InboxFilter
from bot.conversations.models import Conversation, Feedback, Message, MessageRedFlag
from bot.conversations.open_alerts import acknowledge, count_open, open_alerts
from bot.conversations.review_models import Alert, Correction, Note, QueuedExample, Review, SavedView, Tag
from bot.conversations.reviewing import ReviewRefused
from bot.conversations.saved_views import VIEWS_MAXIMUM, delete_view, save_view, views_for
from bot.settings import Settings
from bot.staff.models import User

TOPICS = ("crs_duration", "what_is_crs", "out_of_scope")
SYMPTOMS = ("fever", "seizure")


@pytest.fixture
def session(database_settings: Settings) -> Iterator[Session]:
    with prepare_storage(database_settings)() as session:
        yield session


@pytest.fixture
def nina(session: Session) -> User:
    return add_user(session)


@pytest.fixture
def family(session: Session) -> Conversation:
    return add_conversation(session, "family")


def rows(session: Session, model: type[Any]) -> list[Any]:
    return list(session.scalars(select(model).order_by(model.id)))


def test_a_note_is_kept_with_its_author(session: Session, family: Conversation, nina: User) -> None:
    reviewing.add_note(session, family, "  Called back.\n<b>Fine</b>  ", by=nina.id)

    (note,) = rows(session, Note)
    assert (note.text, note.author.name, note.conversation_id) == ("Called back.\n<b>Fine</b>", "nina", family.id)


@pytest.mark.parametrize("text", ["", " \n ", "x" * (reviewing.NOTE_LENGTH + 1)])
def test_a_note_that_cannot_be(session: Session, family: Conversation, nina: User, text: str) -> None:
    with pytest.raises(ReviewRefused, match="a note"):
        reviewing.add_note(session, family, text, by=nina.id)


def test_a_tag_is_one_however_it_is_typed(session: Session, family: Conversation, nina: User) -> None:
    other = add_conversation(session, "other")
    tag = reviewing.add_tag(session, family, " Call   Back ", by=nina.id)
    reviewing.add_tag(session, family, "call back", by=nina.id)
    reviewing.add_tag(session, other, "CALL BACK", by=nina.id)

    assert [each.name for each in rows(session, Tag)] == ["call back"]

    reviewing.remove_tag(session, family, tag.id)
    reviewing.remove_tag(session, family, tag.id)

    assert [each.name for each in reviewing.all_tags(session)] == ["call back"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "a\0b", "a\x1bb"])
def test_a_tag_that_cannot_be(session: Session, family: Conversation, nina: User, name: str) -> None:
    with pytest.raises(ReviewRefused, match="a tag has 1 to 40"):
        reviewing.add_tag(session, family, name, by=nina.id)


def test_assigning(session: Session, family: Conversation, nina: User) -> None:
    gone = add_user(session, "gone", disabled_at=at(0))

    reviewing.assign(session, family, "nina")
    assert family.assignee_id == nina.id
    reviewing.assign(session, family, None)
    assert family.assignee_id is None
    for name in (gone.name, "stranger"):
        with pytest.raises(ReviewRefused, match=f"nobody called '{name}'"):
            reviewing.assign(session, family, name)
    assert [user.name for user in reviewing.colleagues(session)] == ["nina"]


def test_each_step_of_a_review_is_kept(session: Session, family: Conversation, nina: User) -> None:
    for state in ("later", "reviewed"):
        reviewing.set_review(session, family, state, by=nina.id)

    assert family.review == "reviewed"
    assert [(step.state, step.by_id) for step in rows(session, Review)] == [("later", nina.id), ("reviewed", nina.id)]
    with pytest.raises(ReviewRefused, match="one of: to review, later, reviewed"):
        reviewing.set_review(session, family, "lost", by=nina.id)


def test_the_newest_correction_of_a_topic_counts(session: Session, family: Conversation, nina: User) -> None:
    message = add_message(session, family, intent="nlu_fallback")
    for topic in ("what_is_crs", "what_is_crs", "crs_duration"):
        correcting.correct_topic(session, message, topic, TOPICS, by=nina.id)

    assert correcting.topic_of(session, message) == "crs_duration"
    assert [(each.was, each.value) for each in rows(session, Correction)] == [
        ("nlu_fallback", "what_is_crs"),
        ("what_is_crs", "crs_duration"),
    ]
    assert session.get(Message, message.id).intent == "nlu_fallback"


def test_what_cannot_be_corrected(session: Session, family: Conversation, nina: User) -> None:
    message = add_message(session, family)
    reply = add_reply(session, message)
    with pytest.raises(ReviewRefused, match="choose a topic"):
        correcting.correct_topic(session, message, "football", TOPICS, by=nina.id)
    with pytest.raises(ReviewRefused, match="only a family's own message"):
        correcting.correct_topic(session, reply, "crs_duration", TOPICS, by=nina.id)
    with pytest.raises(ReviewRefused, match="T1, T2"):
        correcting.correct_tier(session, message, "T9", by=nina.id)
    with pytest.raises(ReviewRefused, match="choose a symptom"):
        correcting.report_missed(session, message, "hiccups", "T1", SYMPTOMS, by=nina.id)
    with pytest.raises(ReviewRefused, match="T1, T2"):
        correcting.report_missed(session, message, "fever", "", SYMPTOMS, by=nina.id)
    with pytest.raises(ReviewRefused, match="only a family's own message"):
        correcting.report_missed(session, reply, "fever", "T1", SYMPTOMS, by=nina.id)

    assert rows(session, Correction) == rows(session, MessageRedFlag) == []


def test_a_corrected_tier_moves_the_conversation(session: Session, family: Conversation, nina: User) -> None:
    urgent, general = (add_message(session, family, tier=tier) for tier in ("T1", "T2"))
    family.tier = "T1"

    correcting.correct_tier(session, urgent, None, by=nina.id)
    assert family.tier == "T2"
    correcting.correct_tier(session, general, None, by=nina.id)
    assert family.tier is None
    correcting.correct_tier(session, general, "T1", by=nina.id)
    assert family.tier == "T1"
    assert [(each.was, each.value) for each in rows(session, Correction)] == [("T1", None), ("T2", None), (None, "T1")]


def test_the_tier_of_a_comment_can_be_corrected(session: Session, family: Conversation, nina: User) -> None:
    reply = add_reply(session, add_message(session, family))
    session.add(Feedback(message_id=reply.id, helpful=False, comment="He has a fever", tier="T1"))
    session.flush()

    correcting.correct_tier(session, reply, "T2", by=nina.id)

    assert family.tier == "T2"
    assert [(each.was, each.value) for each in rows(session, Correction)] == [("T1", "T2")]


def test_a_missed_red_flag_is_one_from_now_on(session: Session, family: Conversation, nina: User) -> None:
    message = add_message(session, family, "He kissed the floor")

    correcting.report_missed(session, message, "seizure", "T1", SYMPTOMS, by=nina.id)

    (flag,) = rows(session, MessageRedFlag)
    assert (flag.symptom, flag.detector, flag.start, flag.end) == ("seizure", "navigator", None, None)
    assert {(each.kind, each.value) for each in rows(session, Correction)} == {("missed", "seizure"), ("tier", "T1")}
    assert family.tier == "T1"
    with pytest.raises(ReviewRefused, match="already"):
        correcting.report_missed(session, message, "seizure", "T1", SYMPTOMS, by=nina.id)

    correcting.correct_tier(session, message, None, by=nina.id)

    assert (family.tier, rows(session, MessageRedFlag)) == (None, [])


def test_a_missed_red_flag_makes_nothing_less_urgent(session: Session, family: Conversation, nina: User) -> None:
    message = add_message(session, family, tier="T1")

    correcting.report_missed(session, message, "fever", "T2", SYMPTOMS, by=nina.id)

    assert family.tier == "T1"


def test_a_message_is_queued_once_for_a_purpose(session: Session, family: Conversation, nina: User) -> None:
    message = add_message(session, family, "How long, Anna?")
    for topic, text in (("what_is_crs", "How long,\nAnna?"), ("crs_duration", "How long?")):
        correcting.queue_example(session, message, "training", text, topic, TOPICS, by=nina.id)
    correcting.queue_example(session, message, "regression", "How long?", "crs_duration", TOPICS, by=nina.id)

    assert [(each.purpose, each.text, each.topic, each.state) for each in rows(session, QueuedExample)] == [
        ("training", "How long?", "crs_duration", "queued"),
        ("regression", "How long?", "crs_duration", "queued"),
    ]


@pytest.mark.parametrize(
    ("purpose", "text", "topic", "fault"),
    [
        ("fun", "How long?", "crs_duration", "an example is for one of"),
        ("training", " ", "crs_duration", "1 to 500 characters"),
        ("training", "x" * 501, "crs_duration", "1 to 500 characters"),
        ("training", "How long?", "football", "choose a topic"),
    ],
)
def test_an_example_that_cannot_be(
    session: Session, family: Conversation, nina: User, purpose: str, text: str, topic: str, fault: str
) -> None:
    message = add_message(session, family)
    with pytest.raises(ReviewRefused, match=fault):
        correcting.queue_example(session, message, purpose, text, topic, TOPICS, by=nina.id)


def alert(session: Session, conversation: Conversation, minutes: float, **values: Any) -> Alert:
    message = add_message(session, conversation)
    given = {"kind": "red_flag", "tier": "T1", "goes_out": False, **values}
    row = Alert(conversation_id=conversation.id, message_id=message.id, raised_at=at(minutes), **given)
    session.add(row)
    session.flush()
    return row


def test_open_alerts_stand_together_by_conversation(session: Session, family: Conversation) -> None:
    for minutes, values in (
        (1, {"tier": "T2"}),
        (3, {"error": "refused"}),
        (2, {"kind": "person", "tier": None}),
        (9, {"acknowledged_at": at(10)}),
    ):
        newest = alert(session, family, minutes, **values)
    alert(session, add_conversation(session, "general"), 8, tier="T2")
    alert(session, add_conversation(session, "person"), 7, kind="person", tier=None)
    alert(session, add_conversation(session, "lost"), 4, kind="undelivered", tier=None)
    alert(session, add_conversation(session, "seen"), 5, acknowledged_at=at(6))

    found = open_alerts(session)

    assert [each.key for each in found] == ["lost", "family", "general", "person"]
    assert [each.is_urgent for each in found] == [True, True, False, False]
    first = found[1]
    assert (first.tier, first.wants_person, first.undelivered, first.calls, first.unsent) == ("T1", True, False, 3, 1)
    assert (first.waiting_since, first.newest_at, first.newest) == (at(1), at(3), newest.id - 1)
    assert (count_open(session), len(open_alerts(session, at_most=2))) == (4, 2)


def test_only_what_was_seen_is_acknowledged(session: Session, family: Conversation, nina: User) -> None:
    first = alert(session, family, 1)
    other = alert(session, add_conversation(session, "other"), 1)
    (seen,) = [each for each in open_alerts(session) if each.key == "family"]
    came_later = alert(session, family, 2)
    came_again = alert(session, family, 0)
    came_again.raised_at = at(3)
    session.flush()

    done = acknowledge(session, family, by=nina.id, at=at(5), newest=seen.newest, newest_at=seen.newest_at)

    session.expire_all()
    assert done == 1
    assert (first.acknowledged_at, first.acknowledged_by.name) == (at(5), "nina")
    assert [each.acknowledged_at for each in (other, came_later, came_again)] == [None, None, None]


def test_saved_views(session: Session, nina: User) -> None:
    nora = add_user(session, "nora")
    for name, tier, owner, shared in (
        ("Mine", "T1", nina, False),
        (" Mine ", "T2", nina, False),
        ("Hers", "T1", nora, False),
        ("Everybody's", "any", nora, True),
    ):
        save_view(session, name, InboxFilter(tier=tier), owner=owner.id, shared=shared)

    found = views_for(session, nina.id)

    assert [(view.name, view.query, view.owner.name) for view in found] == [
        ("Everybody's", "tier=any", "nora"),
        ("Mine", "tier=T2", "nina"),
    ]
    with pytest.raises(ReviewRefused, match="only whoever saved"):
        delete_view(session, found[0].id, owner=nina.id)
    delete_view(session, found[1].id, owner=nina.id)
    assert [view.name for view in views_for(session, nina.id)] == ["Everybody's"]


def test_views_that_cannot_be_saved(session: Session, nina: User) -> None:
    for name in ("", " ", "x" * 61, "a\nb\0"):
        with pytest.raises(ReviewRefused, match="1 to 60 printable"):
            save_view(session, name, InboxFilter(), owner=nina.id, shared=False)
    session.add_all(SavedView(owner_id=nina.id, name=f"v{n}", query="") for n in range(VIEWS_MAXIMUM))
    session.flush()
    with pytest.raises(ReviewRefused, match="delete one first"):
        save_view(session, "one more", InboxFilter(), owner=nina.id, shared=False)
