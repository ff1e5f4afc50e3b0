"""bot.storage: engine, migrations and moments in time, on real databases."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from databases import other_tool
from postgres import PostgresServer
from sqlalchemy import inspect, select, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError

import bot.conversations.models
import bot.storage.database
from bot.answers.models import Answer
from bot.errors import UserError
from bot.storage.base import Base, now
from bot.storage.database import MIGRATING, DatabaseError, database_errors, migrate, open_database, session_factory

TABLES = {"alembic_version", "answer", "answer_revision", "conversation", "message", "delivery"}
TABLES |= {"feedback", "erased_conversation", "erased_message", "red_flag", "conversation_word"}
TABLES |= {"staff_user", "staff_session", "audit_event", "audit_head"}
TABLES |= {"alert", "note", "tag", "conversation_tag", "review", "correction", "saved_view", "queued_example"}
TRIGGERS = {"answer_revision_never_changes", "answer_revision_never_goes", "answer_keeps_its_name"}
TRIGGERS |= {"audit_event_never_changes", "audit_head_only_grows", "audit_head_never_goes"}
TRIGGERS_OF = {
    "sqlite": TRIGGERS | {"answer_never_goes", "audit_event_never_goes"},
    "postgresql": TRIGGERS | {"audit_event_is_never_emptied", "audit_head_is_never_emptied"},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.sqlite3"


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    """On each kind of database, without a table."""
    engine = open_database(empty_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite(file: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{file}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql(postgres: PostgresServer) -> Iterator[Engine]:
    """On a migrated database."""
    engine = open_database(postgres.emptied())
    yield engine
    engine.dispose()


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(bot.storage.database.__file__).parent / "migrations"))
    return config


# Everything that a migration makes, as the database itself writes it down.
SCHEMA = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master ORDER BY type, name",
    "postgresql": """
        SELECT 'column', table_name || '.' || column_name,
            concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default)
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        UNION SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
        ORDER BY 1, 2, 3
    """,
}


def schema(engine: Engine) -> list[tuple[str, str, str]]:
    """What the database is made of; a table's lines sorted, because one made anew has its constraints in any order."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(SCHEMA[engine.dialect.name]).all()
    return [
        tuple("\n".join(sorted(line.strip(" \t,") for line in str(value).splitlines())) for value in row)
        for row in rows
    ]


def test_a_migration_makes_every_table(engine: Engine) -> None:
    migrate(engine)

    assert set(inspect(engine).get_table_names()) == TABLES == {"alembic_version", *Base.metadata.tables}
    assert {name for kind, name, _ in schema(engine) if kind == "trigger"} == TRIGGERS_OF[engine.dialect.name]


def test_a_second_migration_does_nothing(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO answer (topic, variant, created_at) VALUES ('x', '', '2027-01-01')"))
    before = schema(engine)

    migrate(engine)

    assert schema(engine) == before
    with engine.connect() as connection:
        assert connection.execute(text("SELECT topic FROM answer")).all() == [("x",)]


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


def test_all_the_way_down_and_up_again(engine: Engine) -> None:
    migrate(engine)
    before = schema(engine)
    config = alembic_config()

    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert [entry for entry in schema(engine) if "alembic_version" not in str(entry)] == []

    migrate(engine)
    assert schema(engine) == before


def test_a_migration_that_fails_leaves_nothing_behind(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE delivery (id INTEGER)"))  # in the way of the last table
    before = schema(engine)

    with pytest.raises(DBAPIError, match=r"(table|relation) \"?delivery\"? already exists"):
        migrate(engine)

    assert schema(engine) == before
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE delivery"))
    migrate(engine)
    assert set(inspect(engine).get_table_names()) == TABLES


def test_two_migrations_do_not_mix(engine: Engine, empty_database_url: str) -> None:
    def migrate_elsewhere(other: Connection) -> None:  # as far as another process has come
        is_sqlite = other.dialect.name == "sqlite"
        other.exec_driver_sql("BEGIN IMMEDIATE" if is_sqlite else f"SELECT pg_advisory_xact_lock({MIGRATING})")

    engine.connect().close()  # makes the file what it will be
    with other_tool(empty_database_url) as other:
        migrate_elsewhere(other)
        with pytest.raises(OperationalError, match="lock"):
            migrate(engine)

    migrate(engine)
    with other_tool(empty_database_url) as other:
        migrate_elsewhere(other)
        migrate(engine)  # nothing to do: no lock is asked for


def test_a_database_of_a_newer_program_is_refused(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(DatabaseError, match=r"written by another version of this program: .*9999"):
        migrate(engine)


def test_a_database_that_cannot_hold_every_letter_is_refused(postgres: PostgresServer) -> None:
    with (
        postgres.new_database("ENCODING 'LATIN1' TEMPLATE template0") as url,
        pytest.raises(DatabaseError, match=r"has the encoding LATIN1, .*ENCODING 'UTF8'"),
    ):
        migrate(open_database(url))


def test_every_connection_to_postgresql_is_prepared(postgresql: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    expected = {"lock_timeout": "300ms", "statement_timeout": "10s", "client_encoding": "UTF8"}

    with postgresql.connect() as first, postgresql.connect() as second:
        for connection in (first, second):
            assert {name: connection.execute(text(f"SHOW {name}")).scalar() for name in expected} == expected
            given = connection.connection.dbapi_connection.info.dsn_parameters
            assert {"connect_timeout": "3", "tcp_user_timeout": "5000", "keepalives_idle": "5"}.items() <= given.items()


def test_the_url_of_postgresql_comes_first(postgresql: Engine) -> None:
    url = postgresql.url.update_query_dict({"options": "-c search_path=elsewhere", "connect_timeout": "7"})

    engine = open_database(url.render_as_string(hide_password=False))

    with engine.connect() as connection:
        assert connection.execute(text("SHOW search_path")).scalar() == "elsewhere"
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "300ms"
        assert connection.connection.dbapi_connection.info.dsn_parameters["connect_timeout"] == "7"
    engine.dispose()


def test_every_connection_to_sqlite_is_prepared(sqlite: Engine) -> None:
    with sqlite.connect() as first, sqlite.connect() as second:
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

    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), engine.begin() as connection:
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
def test_a_moment_is_stored_in_utc_and_keeps_its_zone(engine: Engine, moment: datetime) -> None:
    migrate(engine)
    sessions = session_factory(engine)

    with sessions() as session:
        session.add(Answer(topic="x", created_at=moment))
        session.commit()
    with sessions() as session:
        read = session.scalars(select(Answer)).one().created_at

    assert read == moment
    assert read.utcoffset() == timedelta(0)
    at_utc = "created_at" if engine.dialect.name == "sqlite" else "(created_at AT TIME ZONE 'UTC')::text"
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT {at_utc} FROM answer")).scalar() == "2027-01-01 12:00:00.000005"


def test_a_moment_without_a_zone_is_refused(engine: Engine) -> None:
    migrate(engine)

    with session_factory(engine)() as session:
        session.add(Answer(topic="x", created_at=datetime(2027, 1, 1, 12, 0)))
        with pytest.raises(StatementError, match="2027-01-01 12:00:00 has no time zone"):
            session.flush()


def test_no_moment_stays_none(sqlite: Engine) -> None:
    migrate(sqlite)
    delivery = bot.conversations.models.Delivery.__table__

    with sqlite.connect() as connection:
        connection.execute(text("PRAGMA foreign_keys=OFF"))
        connection.execute(delivery.insert().values(message_id=1, next_attempt_at=None))
        assert connection.execute(select(delivery.c.next_attempt_at)).all() == [(None,)]


def test_now_is_in_utc() -> None:
    assert now().utcoffset() == timedelta(0)


def test_objects_stay_readable_after_a_commit(engine: Engine) -> None:
    migrate(engine)

    with session_factory(engine)() as session:
        answer = Answer(topic="x")
        session.add(answer)
        session.commit()

    assert answer.topic == "x"


@pytest.mark.parametrize("url", ["sqlite:///{}/a/b/bot.sqlite3", "sqlite:///file:{}/a/b/bot.sqlite3?uri=true"])
def test_the_folder_of_the_file_is_made(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    engine = open_database(url.format(tmp_path))

    migrate(engine)

    assert (tmp_path / "a" / "b" / "bot.sqlite3").is_file()
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("bot.sqlite3", "BOT_DATABASE_URL is no database URL: "),
        ("", "BOT_DATABASE_URL is no database URL: "),
        ("sqlite://bot.sqlite3", "BOT_DATABASE_URL is no database URL: "),
        ("nosuch://localhost/bot", "BOT_DATABASE_URL is no database URL: "),
        ("postgresql://bot:s3cret/bot", "BOT_DATABASE_URL is no database URL: "),
        ("sqlite:////proc/nowhere/bot.sqlite3", "the folder of /proc/nowhere/bot.sqlite3 cannot be made: "),
    ],
)
def test_a_bad_url_is_refused(url: str, fault: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        open_database(url)

    assert str(refused.value).startswith(fault)
    assert "s3cret" not in str(refused.value)
    assert isinstance(refused.value, UserError)


def test_a_file_that_is_no_database(file: Path) -> None:
    file.write_text("This is no database, but a text that is long enough to be read as the header of one." * 9)

    with pytest.raises(DatabaseError, match=r"cannot be used \(BOT_DATABASE_URL\): file is not"), database_errors():
        migrate(open_database(f"sqlite:///{file}"))
