"""bot.storage.migrations: what an older program wrote is there, and found, after the migration."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.engine import Engine

import bot.storage.database
from bot.conversations.code import conversation_code
from bot.storage.database import migrate, open_database

INSERT_CONVERSATION = (
    "INSERT INTO conversation (id, key, channel, noticed, created_at, last_message_at) "
    "VALUES (1, 'family', 'widget', false, '2026-11-01', '2026-11-02')"
)
INSERT_MESSAGE = (
    "INSERT INTO message (id, key, conversation_id, direction, channel, text, received_at, state, tier, kind) VALUES "
    "(:id, :key, 1, :direction, 'widget', 'Text.', '2026-11-01', :state, :tier, :kind)"
)
INSERT_FEEDBACK = (
    "INSERT INTO feedback (message_id, helpful, comment, given_at, tier) VALUES (1, :helpful, '', '2026-11-01', :tier)"
)
NOWHERE = {"tier": None, "unanswered": False, "unsure": False, "unhelpful": False, "wants_person": False}


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A database as the program before the console made it."""
    engine = open_database(f"sqlite:///{tmp_path}/bot.sqlite3")
    config = Config()
    config.set_main_option("script_location", str(Path(bot.storage.database.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    return engine


@pytest.mark.parametrize(
    ("messages", "feedback", "expected"),
    [
        ([{"kind": "answer"}], {}, {}),
        ([{"kind": "fallback"}], {}, {"unanswered": True}),
        ([{"kind": "apology"}], {}, {"unanswered": True}),
        ([{"direction": "in", "state": "unanswered"}], {}, {"unanswered": True}),
        ([{"kind": "clarify"}], {}, {"unsure": True}),
        ([{"kind": "handover"}], {}, {"wants_person": True}),
        ([{"direction": "in", "tier": "T2"}, {"direction": "in", "tier": "T1"}], {}, {"tier": "T1"}),
        ([{"kind": "answer"}], {"helpful": False}, {"unhelpful": True}),
        ([{"kind": "answer"}], {"helpful": True, "tier": "T2"}, {"tier": "T2"}),
    ],
)
def test_an_older_log_is_sorted_in(
    engine: Engine, messages: list[dict[str, str]], feedback: dict[str, object], expected: dict[str, object]
) -> None:
    with engine.begin() as connection:
        connection.execute(text(INSERT_CONVERSATION))
        for number, message in enumerate(messages, start=1):
            values = {"direction": "out", "state": None, "tier": None, "kind": None, **message}
            connection.execute(text(INSERT_MESSAGE), {"id": number, "key": f"m{number}", **values})
        if feedback:
            connection.execute(text(INSERT_FEEDBACK), {"tier": None, **feedback})

    migrate(engine)

    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM conversation")).one()
    assert {name: row[name] for name in NOWHERE} == {**NOWHERE, **expected}
    assert (row["code"], row["review"]) == (conversation_code("family"), "to review")


def test_an_older_log_can_be_searched(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(INSERT_CONVERSATION))
        for number, direction in enumerate(("in", "out", "in"), start=1):
            values = {"direction": direction, "state": None, "tier": None, "kind": None}
            connection.execute(text(INSERT_MESSAGE), {"id": number, "key": f"m{number}", **values})
        connection.execute(text("UPDATE message SET text = 'Fever since ' || id || ' days'"))

    migrate(engine)

    with engine.connect() as connection:
        words = connection.execute(text("SELECT word, conversation_id FROM conversation_word ORDER BY word")).all()
    assert words == [(word, 1) for word in ("1", "3", "days", "fever", "since")]
