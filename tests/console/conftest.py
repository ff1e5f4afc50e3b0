"""The console's fixtures: see `house.House`."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from browser import OpenPage, browser, chromium, pages_of
from playwright.async_api import Browser
from project import settings_in

from bot.answers.setup import prepare_storage
from bot.service import Service
from bot.storage.database import open_database, session_factory
from console.house import House, add_staff

__all__ = ["browser", "chromium"]  # fixtures

SECRET = "k" * 32


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bare_service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A service without a model, which the console does not need; each test has a database of its own."""
    folder = tmp_path_factory.mktemp("console")
    settings = settings_in(folder, secret_key=SECRET)
    service = Service(settings, model=folder / "none.tar.gz", sessions=prepare_storage(settings))
    yield service
    await service.stop()


@pytest.fixture(scope="session")
def staffed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file with STAFF in it; copying it is faster than migrating."""
    folder = tmp_path_factory.mktemp("staffed")
    sessions = prepare_storage(settings_in(folder))
    add_staff(sessions)
    sessions.kw["bind"].dispose()  # its last connection writes all into the one file
    return folder / "bot.sqlite3"


@pytest.fixture
def house(bare_service: Service, staffed_file: Path, tmp_path: Path) -> Iterator[House]:
    """A console with STAFF, on a database of the test's own."""
    settings = settings_in(tmp_path, secret_key=SECRET)
    shutil.copy(staffed_file, tmp_path / "bot.sqlite3")
    engine = open_database(settings.database_url)
    yield House(bare_service, session_factory(engine), settings)
    engine.dispose()


@pytest.fixture
def each_house(bare_service: Service, database_url: str, tmp_path: Path) -> Iterator[House]:
    """The same on each kind of database."""
    settings = settings_in(tmp_path, secret_key=SECRET, database_url=database_url)
    sessions = prepare_storage(settings)
    add_staff(sessions)
    yield House(bare_service, sessions, settings)
    sessions.kw["bind"].dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, house: House) -> AsyncIterator[OpenPage]:
    """Opens pages of the house in Chromium; at the end none may have met an error."""
    listening = socket.create_server(("127.0.0.1", 0))  # who connects before it serves waits in the queue
    config = uvicorn.Config(house.app, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    async with pages_of(browser, f"http://127.0.0.1:{listening.getsockname()[1]}") as open_page:
        yield open_page
    server.should_exit = True
    await serving
