"""What the tests of staff share: a migrated database of each kind."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session, sessionmaker

from bot.storage.database import migrate, open_database, session_factory


@pytest.fixture
def database(database_url: str) -> Iterator["sessionmaker[Session]"]:
    """Sessions of an empty, migrated database."""
    engine = open_database(database_url)
    migrate(engine)
    yield session_factory(engine)
    engine.dispose()
