"""benchmarks/generated_log.py: a log that measurements and other tests can rely on."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from generated_log import DAYS, generate_log
from project import settings_in
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.models import INBOUND, OUTBOUND, Conversation, Feedback, Message, MessageRedFlag
from bot.conversations.review_models import Alert, ConversationTag, Correction, Note, QueuedExample, Review
from bot.settings import Settings
from bot.storage.base import Base

UNTIL = datetime(2027, 3, 1, tzinfo=timezone.utc)
FILLED = (Conversation, Message, MessageRedFlag, Feedback, Alert, Note, ConversationTag, Review, Correction)
FILLED += (QueuedExample,)
SORTED_BY = (Conversation.unanswered, Conversation.unsure, Conversation.wants_person, Conversation.tier == "T1")


def contents(sessions: "sessionmaker[Session]") -> dict[str, list[tuple[object, ...]]]:
    """Every row, but for the staff's, whose accounts are made at different moments."""
    with sessions() as session:
        tables = [table for table in Base.metadata.sorted_tables if not table.name.startswith("staff")]
        return {table.name: [tuple(row) for row in session.execute(select(table))] for table in tables}


@pytest.fixture
def log(database_settings: Settings) -> "sessionmaker[Session]":
    sessions = prepare_storage(database_settings)
    generate_log(sessions, messages=2_000, until=UNTIL)
    return sessions


def test_there_is_something_of_everything(log: "sessionmaker[Session]") -> None:
    with log() as session:
        counts = {model.__name__: session.scalar(select(func.count()).select_from(model)) for model in FILLED}
        in_and_out = session.execute(select(Message.direction, func.count()).group_by(Message.direction)).all()
        first, last = session.execute(select(func.min(Message.received_at), func.max(Message.received_at))).one()
        at_the_end = session.scalar(select(func.count()).where(Message.received_at > UNTIL - timedelta(minutes=10)))
        sorted_in = [session.scalar(select(func.count()).where(column)) for column in SORTED_BY]
    assert 0 not in counts.values()
    assert counts["Conversation"] == 200
    assert sum(dict(in_and_out).values()) == pytest.approx(2_000, rel=0.1)
    assert {INBOUND, OUTBOUND} == set(dict(in_and_out))
    assert 0 not in sorted_in
    assert at_the_end < 20  # nothing piles up there
    assert UNTIL - timedelta(days=DAYS) < first < last < UNTIL + timedelta(seconds=5)


def test_the_log_goes_on_after_it(log: "sessionmaker[Session]") -> None:
    with log() as session:
        session.add(Conversation(key="new", channel="widget"))
        session.commit()
        assert session.scalar(select(Conversation.id).where(Conversation.key == "new")) == 201


def test_the_same_seed_gives_the_same_log(tmp_path: Path) -> None:
    written = []
    for number, seed in enumerate((1, 1, 2)):
        sessions = prepare_storage(settings_in(tmp_path / str(number)))
        generate_log(sessions, messages=300, seed=seed, until=UNTIL)
        written.append(contents(sessions))
    assert written[0] == written[1]
    assert written[0]["message"] != written[2]["message"]


def test_a_log_is_not_overwritten(log: "sessionmaker[Session]") -> None:
    with pytest.raises(ValueError, match="has conversations"):
        generate_log(log)
