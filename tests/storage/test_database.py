"""bot.storage: engine, migrations and moments in time, on real SQLite files."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

import bot.conversations.models
import bot.storage.database
from bot.answers.models import Answer
from bot.errors import UserError
from bot.storage.base import Base, now
from bot.storage.database import DatabaseError, database_errors, migrate, open_database, session_factory

TABLES = {"alembic_version", "answer", "answer_revision", "conversation", "message", "delivery"}
TABLES |= {"feedback", "erased_conversation", "red_flag"}
TABLES |= {"staff_user", "staff_session", "audit_event", "audit_head"}
TABLES |= {"alert", "note", "tag", "conversation_tag", "review", "correction", "saved_view", "queued_example"}
TRIGGERS = {"answer_revision_never_changes", "answer_revision_never_goes"}
TRIGGERS |= {"audit_event_never_changes", "audit_event_never_goes", "audit_head_only_grows", "audit_head_never_goes"}
TRIGGERS |= {"answer_keeps_its_name", "answer_never_goes"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.sqlite3"


@pytest.fixture
def engine(file: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{file}")
    yield engine
    engine.dispose()


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(bot.storage.database.__file__).parent / "migrations"))
    return config


def stored(file: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


def test_a_migration_makes_every_table(engine: Engine, file: Path) -> None:
    migrate(engine)

    assert set(inspect(engine).get_table_names()) == TABLES == {"alembic_version", *Base.metadata.tables}
    assert {name for (name,) in stored(file, "SELECT name FROM sqlite_master WHERE type = 'trigger'")} == TRIGGERS


def test_a_second_migration_does_nothing(engine: Engine, file: Path) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO answer (topic, variant, created_at) VALUES ('x', '', '2027-01-01')"))
    before = stored(file, "SELECT name, sql FROM sqlite_master ORDER BY name")

    migrate(engine)

    assert stored(file, "SELECT name, sql FROM sqlite_master ORDER BY name") == before
    assert stored(file, "SELECT topic FROM answer") == [("x",)]


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    migrate(engine)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_comparison_sees_a_difference(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX uq_answer_revision_published"))
        connection.execute(text("ALTER TABLE message ADD COLUMN extra TEXT"))

    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)

    assert sorted(difference[0] for difference in differences) == ["add_index", "remove_column"]


def test_the_migrations_are_one_line() -> None:
    assert len(ScriptDirectory.from_config(alembic_config()).get_heads()) == 1


def test_all_the_way_down_and_up_again(engine: Engine, file: Path) -> None:
    migrate(engine)
    before = stored(file, "SELECT type, name, sql FROM sqlite_master ORDER BY name")
    config = alembic_config()

    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert stored(file, "SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')") == [("alembic_version",)]

    migrate(engine)
    assert stored(file, "SELECT type, name, sql FROM sqlite_master ORDER BY name") == before


def test_a_migration_that_fails_leaves_nothing_behind(engine: Engine, file: Path) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE delivery (id INTEGER)"))  # in the way of the last table

    with pytest.raises(OperationalError, match="table delivery already exists"):
        migrate(engine)

    assert stored(file, "SELECT name FROM sqlite_master WHERE type = 'table'") == [("delivery",)]
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE delivery"))
    migrate(engine)
    assert set(inspect(engine).get_table_names()) == TABLES


def test_two_migrations_do_not_mix(engine: Engine, file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")  # as another process does while it migrates
        with pytest.raises(OperationalError, match="database is locked"):
            migrate(engine)
        other.execute("ROLLBACK")

    migrate(engine)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        migrate(engine)  # nothing to do: no lock is asked for


def test_a_database_of_a_newer_program_is_refused(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(DatabaseError, match=r"written by another version of this program: .*9999"):
        migrate(engine)


def test_every_connection_is_prepared(engine: Engine) -> None:
    with engine.connect() as first, engine.connect() as second:
        for connection in (first, second):
            expected = {
                "journal_mode": "wal",
                "synchronous": 2,  # FULL
                "foreign_keys": 1,
                "recursive_triggers": 1,
                "secure_delete": 1,
                "busy_timeout": 300,
            }
            assert {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in expected} == expected


def test_foreign_keys_hold(engine: Engine) -> None:
    migrate(engine)
    query = "INSERT INTO delivery (message_id, state, attempts) VALUES (1, 'pending', 0)"

    with pytest.raises(IntegrityError, match="FOREIGN KEY"), engine.begin() as connection:
        connection.execute(text(query))


def test_a_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    migrate(engine)

    with engine.begin() as writer:
        writer.execute(text("INSERT INTO answer (topic, variant, created_at) VALUES ('x', '', '2027-01-01')"))
        with engine.connect() as reader:
            assert reader.execute(text("SELECT count(*) FROM answer")).scalar() == 0


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2027, 1, 1, 12, 0, 0, 5, tzinfo=timezone.utc),
        datetime(2027, 1, 1, 20, 0, 0, 5, tzinfo=timezone(timedelta(hours=8))),
    ],
)
def test_a_moment_is_stored_in_utc_and_keeps_its_zone(engine: Engine, file: Path, moment: datetime) -> None:
    migrate(engine)
    sessions = session_factory(engine)

    with sessions() as session:
        session.add(Answer(topic="x", created_at=moment))
        session.commit()
    with sessions() as session:
        read = session.scalars(select(Answer)).one().created_at

    assert read == moment
    assert read.utcoffset() == timedelta(0)
    assert stored(file, "SELECT created_at FROM answer") == [("2027-01-01 12:00:00.000005",)]


def test_a_moment_without_a_zone_is_refused(engine: Engine) -> None:
    migrate(engine)

    with session_factory(engine)() as session:
        session.add(Answer(topic="x", created_at=datetime(2027, 1, 1, 12, 0)))
        with pytest.raises(StatementError, match="2027-01-01 12:00:00 has no time zone"):
            session.flush()


def test_no_moment_stays_none(engine: Engine) -> None:
    migrate(engine)
    message = bot.conversations.models.Delivery.__table__

    with engine.connect() as connection:
        connection.execute(text("PRAGMA foreign_keys=OFF"))
        connection.execute(message.insert().values(message_id=1, next_attempt_at=None))
        assert connection.execute(select(message.c.next_attempt_at)).all() == [(None,)]


def test_now_is_in_utc() -> None:
    assert now().utcoffset() == timedelta(0)


def test_objects_stay_readable_after_a_commit(engine: Engine) -> None:
    migrate(engine)

    with session_factory(engine)() as session:
        answer = Answer(topic="x")
        session.add(answer)
        session.commit()

    assert answer.topic == "x"


def test_the_folder_of_the_file_is_made(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/a/b/bot.sqlite3")

    migrate(engine)

    assert (tmp_path / "a" / "b" / "bot.sqlite3").is_file()
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("bot.sqlite3", "BOT_DATABASE_URL is no database URL: "),
        ("", "BOT_DATABASE_URL is no database URL: "),
        ("sqlite://bot.sqlite3", "BOT_DATABASE_URL is no database URL: "),
        ("nosuch://localhost/bot", "BOT_DATABASE_URL is no database URL: "),
        ("postgresql://localhost:port/bot", "BOT_DATABASE_URL is no database URL: "),
        ("sqlite:////proc/nowhere/bot.sqlite3", "the folder of /proc/nowhere/bot.sqlite3 cannot be made: "),
    ],
)
def test_a_bad_url_is_refused(url: str, fault: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        open_database(url)

    assert str(refused.value).startswith(fault)
    assert isinstance(refused.value, UserError)


def test_a_file_that_is_no_database(file: Path) -> None:
    file.write_text("This is no database, but a text that is long enough to be read as the header of one." * 9)

    with pytest.raises(DatabaseError, match=r"cannot be used \(BOT_DATABASE_URL\): file is not"), database_errors():
        migrate(open_database(f"sqlite:///{file}"))
