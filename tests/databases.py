"""What tests do to a database from outside, on SQLite and PostgreSQL alike."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.pool import NullPool

from bot.storage.base import Base

Down = Callable[[Engine], AbstractContextManager[None]]  # makes the database that an engine uses unusable for a while


@contextmanager
def other_tool(url: str) -> Iterator[Connection]:
    """A connection that this program did not prepare."""
    with create_engine(make_url(url), future=True, poolclass=NullPool).connect() as connection:
        yield connection


@contextmanager
def locked(url: str) -> Iterator[None]:
    """The database as another program holds it that writes and does not finish; it can be read."""
    with other_tool(url) as other:
        if other.dialect.name == "sqlite":
            other.exec_driver_sql("BEGIN EXCLUSIVE")
        else:
            other.exec_driver_sql(f"LOCK TABLE {', '.join(Base.metadata.tables)} IN EXCLUSIVE MODE")
        yield
        other.rollback()


@contextmanager
def file_away(engine: Engine) -> Iterator[None]:
    """The file of an SQLite database is away, and a link that leads nowhere is in its place.

    Each comes for the other in one step: SQLite would make an empty database in a gap.
    """
    engine.dispose()
    file = Path(engine.url.database)
    elsewhere, nowhere = file.with_suffix(".away"), file.with_suffix(".nowhere")
    elsewhere.hardlink_to(file)
    nowhere.symlink_to(file)
    nowhere.replace(file)
    yield
    elsewhere.replace(file)


def read_only(url: str) -> str:
    """The URL under which a database can be read and not written."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return f"sqlite:///file:{parsed.database}?mode=ro&uri=true"
    return f"{url}&options=-c%20default_transaction_read_only=on"
