"""bot.conversations.export: all that the log has, masked, audited, as CSV, JSON lines and Rasa's training data."""

import csv
import io
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from generated_log import generate_log
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.export import READ_AT_ONCE, Choice
from bot.conversations.export_formats import export
from bot.conversations.models import INBOUND, OUTBOUND, Conversation, Feedback, Message, MessageRedFlag
from bot.conversations.naming import UnknownConversation
from bot.conversations.review_models import (
    DROPPED,
    QUEUED,
    REGRESSION,
    TOPIC,
    TRAINING,
    ConversationTag,
    Correction,
    Note,
    QueuedExample,
    Tag,
)
from bot.rasa_environment import prepare
from bot.settings import Settings
from bot.staff.audit import Actor
from bot.staff.models import AuditEvent, User

ANNA = Actor("anna", "navigator")
AT = datetime(2027, 3, 1, 12, tzinfo=timezone.utc)
TEXT = "=1+1 call +86 138 1234 5678, fever of 39.5"


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    """Two conversations, the first with all that there can be."""
    sessions = prepare_storage(database_settings)
    with sessions() as session:
        anna = User(name="anna", display_name="Anna", role="navigator")
        session.add(anna)
        for number, name in enumerate(("first", "second")):
            conversation = Conversation(key=name, code=f"CODE-{number}", channel="widget", last_message_at=AT)
            conversation.created_at = AT
            session.add(conversation)
            asked = Message(key=f"{name} asked", conversation=conversation, direction=INBOUND, channel="widget")
            asked.text, asked.received_at, asked.intent = TEXT, AT + timedelta(hours=number), "crs_duration"
            session.add(asked)
            session.flush()
            if number:
                continue
            reply = Message(key="reply", conversation=conversation, direction=OUTBOUND, channel="widget", topic="x")
            reply.text, reply.received_at = "Call +86 138 0000 0000.", AT
            reply.kind, reply.revision, reply.reply_to_id = "answer", 3, asked.id
            session.add_all([reply, Note(conversation_id=conversation.id, author=anna, text="Mail a@b.cn")])
            session.flush()
            tag = Tag(name="travel")
            session.add(tag)
            session.flush()
            session.add_all(
                [
                    MessageRedFlag(message_id=asked.id, symptom="fever", detector="lexicon", start=31, end=36),
                    Feedback(message_id=reply.id, helpful=False, comment="@home: too long"),
                    Correction(message_id=asked.id, kind=TOPIC, was="x", value="crs_symptoms", by=anna),
                    Correction(message_id=asked.id, kind=TOPIC, was="x", value="crs_timing_cart", by=anna),
                    ConversationTag(conversation_id=conversation.id, tag_id=tag.id, added_by_id=anna.id),
                ]
            )
        session.commit()
    return sessions


def lines(sessions: "sessionmaker[Session]", form: str, **choice: Any) -> str:
    return "".join(export(sessions, ANNA, form, Choice(**choice)))


def objects(sessions: "sessionmaker[Session]", **choice: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(sessions, "jsonl", **choice).splitlines()]


def rows(sessions: "sessionmaker[Session]", **choice: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(lines(sessions, "csv", **choice))))


def test_json_has_all_that_is_known(sessions: "sessionmaker[Session]") -> None:
    first, second = objects(sessions)
    asked, reply = first["messages"]

    assert (first["code"], first["tags"]) == ("CODE-0", ["travel"])
    assert [(note["author"], note["text"]) for note in first["notes"]] == [("anna", "Mail [e-mail]")]
    assert asked["text"] == "=1+1 call [phone], fever of 39.5"
    assert asked["red_flags"] == [{"symptom": "fever", "detector": "lexicon"}], "words stand elsewhere now"
    assert [row["value"] for row in asked["corrections"]] == ["crs_symptoms", "crs_timing_cart"]
    assert (reply["text"], reply["revision"]) == ("Call +86 138 0000 0000.", 3), "approved texts are not masked"
    assert (reply["helpful"], reply["comment"]) == (False, "@home: too long")
    assert (second["code"], len(second["messages"])) == ("CODE-1", 1)


def test_unmasked(sessions: "sessionmaker[Session]") -> None:
    first, _ = objects(sessions, masked=False)

    assert first["messages"][0]["text"] == TEXT
    assert first["messages"][0]["red_flags"][0]["start"] == 31
    assert first["notes"][0]["text"] == "Mail a@b.cn"


def test_csv_has_a_row_for_each_message_and_no_formula(sessions: "sessionmaker[Session]") -> None:
    asked, reply, _ = rows(sessions)

    assert (asked["code"], asked["tags"]) == ("CODE-0", "travel")
    assert asked["text"] == "'=1+1 call [phone], fever of 39.5"
    assert reply["comment"] == "'@home: too long"
    assert (reply["revision"], reply["helpful"], asked["helpful"]) == ("3", "False", "")
    assert json.loads(asked["notes"])[0]["text"] == "Mail [e-mail]"


@pytest.mark.parametrize("text", ["=1", "  =1", "+1", "-1", "@x", "\t=1", "\r=1", " \n=1", "＝1", "\u3000＠x"])
def test_what_a_spreadsheet_would_compute_is_text(sessions: "sessionmaker[Session]", text: str) -> None:
    with sessions() as session:
        session.scalars(select(Message).where(Message.key == "first asked")).one().text = text
        session.commit()

    assert rows(sessions)[0]["text"] == f"'{text}"


@pytest.mark.parametrize(
    ("choice", "keys"),
    [
        ({}, ["first asked", "reply", "second asked"]),
        ({"conversation": "code-1 "}, ["second asked"]),
        ({"conversation": "first"}, ["first asked", "reply"]),
        ({"tag": "travel"}, ["first asked", "reply"]),
        ({"tag": "none"}, []),
        ({"since": AT + timedelta(minutes=1)}, []),  # no conversation's last message is as late
        ({"until": AT + timedelta(minutes=1)}, ["first asked", "reply"]),
        ({"since": AT, "until": AT + timedelta(hours=2)}, ["first asked", "reply", "second asked"]),
        ({"until": AT}, []),
    ],
)
def test_what_is_chosen(sessions: "sessionmaker[Session]", choice: dict[str, Any], keys: list[str]) -> None:
    assert [row["id"] for row in rows(sessions, **choice)] == keys


def test_an_unknown_conversation(sessions: "sessionmaker[Session]") -> None:
    with pytest.raises(UnknownConversation):
        lines(sessions, "csv", conversation="nowhere")
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 0


def test_it_is_in_the_audit_before_anything_is_read(sessions: "sessionmaker[Session]") -> None:
    next(export(sessions, ANNA, "csv", Choice(conversation="first", since=AT, masked=False)))

    with sessions() as session:
        event = session.scalars(select(AuditEvent)).one()
    assert (event.actor, event.action, event.subject) == ("anna", "log.exported", "conversation CODE-0")
    assert event.detail == {"format": "csv", "since": AT.isoformat(), "masked": False}


def read_by_rasa(text: str, folder: Path) -> list[tuple[str, str]]:
    prepare()
    from rasa.shared.nlu.training_data.loading import load_data

    file = folder / "nlu.yml"
    file.write_text(text, "utf-8")
    return [(example.get("intent"), example.get("text")) for example in load_data(str(file)).intent_examples]


HOSTILE = '- "it\'s": [fever](symptom) {x}\n\n  intent: y # *&!|>%@`\u2028\x85\x00🙂[a]{"b": "c"} 发烧 /greet'


def test_rasa_reads_what_was_corrected_and_queued(sessions: "sessionmaker[Session]", tmp_path: Path) -> None:
    with sessions() as session:
        anna = session.scalars(select(User)).one()
        for number, (text, state) in enumerate((("queued text", QUEUED), ("dropped", DROPPED), (None, None))):
            message = Message(key=f"m{number}", conversation_id=2, direction=INBOUND, channel="widget", text="original")
            session.add(message)
            session.flush()
            if text is None:
                message.text = HOSTILE.replace("\0", "")
                session.add(Correction(message_id=message.id, kind=TOPIC, was=None, value="small_talk", by=anna))
                continue
            queued = QueuedExample(
                message_id=message.id, purpose=TRAINING, state=state, text=text, topic="crs_symptoms"
            )
            queued.by = anna
            session.add(queued)
        session.commit()

    examples = read_by_rasa(lines(sessions, "nlu"), tmp_path)

    told = '- "it\'s": [fever] (symptom) {x} intent: y # *&!|>%@` 🙂[a] {"b": "c"} 发烧 /greet'
    assert sorted(examples) == [
        ("crs_symptoms", "queued text"),
        ("crs_timing_cart", "=1+1 call [phone], fever of 39.5"),
        ("small_talk", told),
    ]


def test_what_is_measured_with_is_not_trained_on(sessions: "sessionmaker[Session]", tmp_path: Path) -> None:
    with sessions() as session:
        corrected = session.scalars(select(Message).where(Message.key == "first asked")).one()
        values = {"text": "How long?", "topic": "crs_timing_cart", "state": QUEUED}
        by = session.scalars(select(User)).one()
        session.add(QueuedExample(message_id=corrected.id, purpose=REGRESSION, by=by, **values))
        session.commit()

    assert read_by_rasa(lines(sessions, "nlu"), tmp_path) == []


def test_nothing_to_learn_is_valid_as_well(database_settings: Settings, tmp_path: Path) -> None:
    assert read_by_rasa(lines(prepare_storage(database_settings), "nlu"), tmp_path) == []


def test_a_large_log_is_read_whole_and_a_batch_at_a_time(database_settings: Settings) -> None:
    sessions = prepare_storage(database_settings)
    generate_log(sessions, messages=2 * READ_AT_ONCE * 10 + 100)
    with sessions() as session:
        keys = session.scalars(select(Message.key).order_by(Message.conversation_id, Message.id)).all()

    assert [row["id"] for row in rows(sessions)] == keys
    assert len(objects(sessions)) > 2 * READ_AT_ONCE
