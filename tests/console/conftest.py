"""The console's fixtures: see `house.House`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from conftest import settings_in

from bot.answers.setup import prepare_storage
from console.house import House, make_house

SECRET = "k" * 32


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A console on a database of the test's own."""
    settings = settings_in(tmp_path, secret_key=SECRET)
    house = make_house(tmp_path, prepare_storage(settings), settings)
    yield house
    await house.service.stop()
