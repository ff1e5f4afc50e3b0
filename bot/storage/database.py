"""The database: engine, sessions, migration to the newest schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool

from bot.errors import UserError

BUSY_TIMEOUT_MS = 300  # how long a write waits for another's lock before the spool takes it
STATEMENT_TIMEOUT_MS = 10_000  # PostgreSQL ends what takes longer
MIGRATING = 4_870_226  # any number that nothing else in the database uses as an advisory lock
NO_SCHEMA, OLD_SCHEMA, NEWEST_SCHEMA, UNKNOWN_SCHEMA = "none", "old", "newest", "unknown"

# A server that vanished without a word is given up within seconds; the environment may say another encoding.
POSTGRES_CONNECTION: dict[str, int | str] = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "client_encoding": "utf8",
}


class DatabaseError(UserError):
    """The database cannot be used; the message says which one and why."""


def open_database(url: str) -> Engine:
    """Make the engine for a database URL, with the limits this service relies on.

    Args:
        url: `sqlite:///FILE` or `postgresql://…`; the folder of an SQLite file is made.

    Raises:
        DatabaseError: the URL cannot be understood, or the folder cannot be made.
    """
    parsed = _understood(url)
    return _open_sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _open_postgres(parsed)


def missing_file(url: str) -> Path | None:
    """The file of an SQLite database where it is not there yet; None for every other database.

    Raises:
        DatabaseError: the URL cannot be understood.
    """
    parsed = _understood(url)
    file = _file_of(parsed) if parsed.get_backend_name() == "sqlite" else None
    return None if file is None or file.exists() else file


def _file_of(url: URL) -> Path | None:
    """The file of an SQLite database, also where its name is a URI (sqlite.org/uri.html); None for one in memory."""
    name = url.database or ""
    path = urlsplit(name).path if name.startswith("file:") else name
    return None if path in ("", ":memory:") else Path(path)


def _understood(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()().create_connect_args(parsed)
    except (ArgumentError, ValueError) as error:
        # What SQLAlchemy says quotes the URL, and with it the password.
        raise DatabaseError(
            "BOT_DATABASE_URL is no database URL: write it as sqlite:////FOLDER/FILE or "
            "postgresql://USER:PASSWORD@HOST/NAME, with '%40' for an '@' in the password"
        ) from error
    return parsed


def _open_postgres(url: URL) -> Engine:
    # What the URL itself sets is kept: a schema's search_path is one of its options.
    arguments = {name: value for name, value in POSTGRES_CONNECTION.items() if name not in url.query}
    limits = f"-c lock_timeout={BUSY_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS}"
    arguments["options"] = f"{url.query.get('options', '')} {limits}".strip()
    return create_engine(url, future=True, pool_pre_ping=True, connect_args=arguments)


def _open_sqlite(url: URL) -> Engine:
    file = _file_of(url)
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(f"the folder of {file} cannot be made: {error}") from error
    # SQLAlchemy 1.4 opens a file anew for each session, and SQLite checkpoints its log at each close: 6 ms a turn.
    engine = create_engine(
        url,
        future=True,
        poolclass=QueuePool,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # WAL lets the console read while a message is written; FULL makes a commit survive a power cut.
    # The triggers that keep a row from being deleted see a REPLACE as well only where triggers are recursive.
    # What is deleted is overwritten: a family that erases its conversation means the file as well.
    pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON", "secure_delete=ON")
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def session_factory(engine: Engine) -> "sessionmaker[Session]":
    """Sessions whose objects stay readable after a commit."""
    return sessionmaker(engine, future=True, expire_on_commit=False)


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn what the database refuses into an error that whoever runs the service can read."""
    try:
        yield
    except SQLAlchemyError as error:
        raise DatabaseError(f"the database cannot be used (BOT_DATABASE_URL): {error.__cause__ or error}") from error


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision, whole or not at all; does nothing when it is there already.

    Raises:
        DatabaseError: the database is newer than this program, or cannot hold every language's letters.
    """
    config = _migrations()
    with engine.connect() as connection:
        _check_encoding(connection)
        if schema_state(connection) == NEWEST_SCHEMA:
            return
    with engine.begin() as connection:
        _keep_others_from_migrating(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise DatabaseError(f"the database was written by another version of this program: {error}") from error


def schema_state(connection: Connection) -> str:
    """How the schema stands to the newest one that this program has: one of the four constants."""
    current = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(_migrations())
    if current is None:
        return NO_SCHEMA
    if current == scripts.get_current_head():
        return NEWEST_SCHEMA
    return OLD_SCHEMA if current in {script.revision for script in scripts.walk_revisions()} else UNKNOWN_SCHEMA


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _check_encoding(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        return
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise DatabaseError(
            f"the database of BOT_DATABASE_URL has the encoding {encoding}, which cannot hold every message: "
            "make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )


def _keep_others_from_migrating(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        # pysqlite would commit each table by itself.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # a large table takes its time
