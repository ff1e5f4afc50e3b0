"""What the tests share: databases, the project's trained model, a started service."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from databases import Down, file_away
from postgres import MISSING, PostgresServer, postgres_server, programs
from project import settings_in
from sqlalchemy.orm import Session, sessionmaker
from vendor import VendorServer

from bot.answers.setup import load_answers_file, prepare_storage
from bot.dialogue.training import trained_model
from bot.logs import configure_logs
from bot.service import Service, make_service
from bot.settings import Settings, load_settings
from bot.storage.database import migrate, open_database, session_factory

configure_logs("ERROR")


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database without a row; tests get copies, because the migrations take a tenth of a second."""
    file = tmp_path_factory.mktemp("migrated") / "bot.sqlite3"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def answers_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with the project's answers in it."""
    file = tmp_path_factory.mktemp("answers") / "bot.sqlite3"
    shutil.copy(migrated_file, file)
    engine = open_database(f"sqlite:///{file}")
    load_answers_file(session_factory(engine))
    engine.dispose()
    return file


@pytest.fixture
def settings(tmp_path: Path, migrated_file: Path) -> Settings:
    shutil.copy(migrated_file, tmp_path / "bot.sqlite3")
    return settings_in(tmp_path)


@pytest.fixture
def sessions(settings: Settings, answers_file: Path) -> "sessionmaker[Session]":
    """A migrated database with the project's answers in it."""
    shutil.copy(answers_file, settings.var_dir / "bot.sqlite3")
    return prepare_storage(settings)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started for the first test that asks for it."""
    folder = programs()
    if folder is None:
        pytest.skip(MISSING)
    with postgres_server(folder, _migrate) as server:
        yield server


def _migrate(url: str) -> None:
    engine = open_database(url)
    migrate(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> str:
    """The URL of a database without a row; the test runs once on each kind."""
    if request.param == "sqlite":
        shutil.copy(migrated_file, tmp_path / "bot.sqlite3")
        return f"sqlite:///{tmp_path}/bot.sqlite3"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.emptied()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a table; the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/bot.sqlite3"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.new_database() as url:
        yield url


@pytest.fixture
def database_settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings with a database of each kind."""
    return settings_in(tmp_path, database_url=database_url)


@pytest.fixture
def database_down(database_url: str, request: pytest.FixtureRequest) -> Down:
    """Makes the database that an engine uses unusable for a while."""
    if database_url.startswith("sqlite"):
        return file_away
    server: PostgresServer = request.getfixturevalue("postgres")
    return lambda _engine: server.down()


@pytest.fixture(scope="session")
def model() -> Path:
    """The project's trained model; trained first where it is missing or old."""
    return trained_model(load_settings().models_dir)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(model: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """The whole service, started once; each test uses conversations of its own."""
    service = make_service(settings_in(tmp_path_factory.mktemp("service")))
    await service.start()
    await service.dialogue.loaded()
    yield service
    await service.stop()


@pytest.fixture
def vendor() -> Iterator[VendorServer]:
    """A server of this test's own that plays the vendors of messengers."""
    server = VendorServer()
    yield server
    server.close()
