"""bot.storage.migrations: what an older program wrote is there, and found, after the migration."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

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
    to_revision(engine, "0002")
    return engine


def to_revision(engine: Engine, revision: str, move: Callable[..., None] = command.upgrade) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(bot.storage.database.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        move(config, revision)


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


# 0010: deliveries through messengers

INSERT_DELIVERY = (
    "INSERT INTO delivery (id, message_id, state, attempts, delivered_at, error) VALUES "
    "(:id, :id, :state, :id, :delivered_at, :error)"
)
BEFORE, AFTER = (
    ("pending", "delivered", "undelivered"),
    ("pending", "sending", "sent", "delivered", "read", "undelivered"),
)
FORMS = ("text", "edited", "not_text", "erase", "kept")


@pytest.fixture
def delivering(empty_database_url: str) -> Iterator[Engine]:
    """A database as the program before messengers made it, with a reply in each state."""
    engine = open_database(empty_database_url)
    to_revision(engine, "0009")
    with engine.begin() as connection:
        connection.execute(text(INSERT_CONVERSATION))
        for number, state in enumerate(BEFORE, start=1):
            values = {"direction": "out", "state": None, "tier": None, "kind": "answer"}
            connection.execute(text(INSERT_MESSAGE), {"id": number, "key": f"m{number}", **values})
            when = "2026-11-01" if state == "delivered" else None
            error = "HTTP 500" if state == "undelivered" else None
            connection.execute(
                text(INSERT_DELIVERY), {"id": number, "state": state, "delivered_at": when, "error": error}
            )
    yield engine
    engine.dispose()


def rows_of(engine: Engine, columns: str, table: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY id"))]


def change(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def test_what_was_delivered_stays_so(delivering: Engine) -> None:
    to_revision(delivering, "0010")

    assert rows_of(delivering, "state, attempts, error, parts_sent, sent_id, possibly_repeated", "delivery") == [
        ("pending", 1, None, 0, None, False),
        ("delivered", 2, None, 0, None, False),
        ("undelivered", 3, "HTTP 500", 0, None, False),
    ]
    assert rows_of(delivering, "delivered_at IS NULL", "delivery") == [(True,), (False,), (True,)]
    assert rows_of(delivering, "key, form", "message") == [(f"m{number}", "text") for number in (1, 2, 3)]
    assert rows_of(delivering, "key, address, undelivered", "conversation") == [("family", None, False)]


def test_each_state_and_form_can_be_stored_and_no_other(delivering: Engine) -> None:
    to_revision(delivering, "0010")

    for state in AFTER:
        change(delivering, "UPDATE delivery SET state = :state", state=state)
    for form in FORMS:
        change(delivering, "UPDATE message SET form = :form", form=form)
    for statement in ("UPDATE delivery SET state = 'lost'", "UPDATE message SET form = 'song'"):
        with pytest.raises(IntegrityError):
            change(delivering, statement)


def test_the_way_back_keeps_what_the_older_program_knows(delivering: Engine) -> None:
    to_revision(delivering, "0010")
    for number, (state, form) in enumerate(zip(AFTER[3:], FORMS[2:], strict=True), start=4):
        values = {"direction": "out", "state": None, "tier": None, "kind": "answer"}
        with delivering.begin() as connection:
            connection.execute(text(INSERT_MESSAGE), {"id": number, "key": f"m{number}", **values})
            connection.execute(
                text(INSERT_DELIVERY), {"id": number, "state": state, "delivered_at": None, "error": None}
            )
            connection.execute(text("UPDATE message SET form = :form WHERE id = :id"), {"form": form, "id": number})
    for number, state in enumerate(AFTER, start=1):
        change(delivering, "UPDATE delivery SET state = :state, sent_id = 'x' WHERE id = :id", state=state, id=number)
    change(delivering, "UPDATE conversation SET address = 'secret', undelivered = true")
    change(delivering, "INSERT INTO erased_message VALUES ('slack', 'm9', '2026-11-01')")

    to_revision(delivering, "0009", command.downgrade)

    assert rows_of(delivering, "id, state, attempts", "delivery") == [
        (1, "pending", 1),
        (2, "pending", 2),  # was being sent
        (3, "delivered", 3),  # was taken by the vendor
        (4, "delivered", 4),
        (5, "delivered", 5),  # was read
        (6, "undelivered", 6),
    ]
    assert rows_of(delivering, "key, direction, kind", "message") == [
        (f"m{number}", "out", "answer") for number in range(1, 7)
    ]
    with pytest.raises(IntegrityError):
        change(delivering, "UPDATE delivery SET state = 'sent'")

    migrate(delivering)
    assert rows_of(delivering, "key, address, undelivered", "conversation") == [("family", None, False)]
    assert rows_of(delivering, "form", "message") == [("text",)] * 6
