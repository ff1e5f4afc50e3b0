"""Houses for the tests of messaging: see `messaging_house.House`."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from messaging_house import House, OpenHouse, hasty, patient, running, service_in
from vendor import VendorServer


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory, answers_file: Path, model: Path) -> AsyncIterator[House]:
    """One for all tests of a file; each speaks for families of its own."""
    folder, vendor = tmp_path_factory.mktemp("house"), VendorServer()
    with pytest.MonkeyPatch.context() as monkeypatch:
        hasty(monkeypatch, folder)
        async with running(service_in(folder, answers_file, model, vendor), vendor) as house:
            yield house
    vendor.close()


@pytest.fixture
def open_house(
    tmp_path: Path, answers_file: Path, model: Path, vendor: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> OpenHouse:
    """Starts one of the test's own; a second time on the same database."""
    hasty(monkeypatch, tmp_path)

    def start(**changed: Any) -> AbstractAsyncContextManager[House]:
        return running(service_in(tmp_path, answers_file, model, vendor, **changed), vendor)

    return start


@pytest.fixture
def patience() -> Iterator[None]:
    """A slow machine is forgiven."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        patient(monkeypatch)
        yield
