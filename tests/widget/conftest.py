"""A stub of the service on a port of its own, and pages of it."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import uvicorn
from browser import OpenPage, browser, chromium, pages_of
from playwright.async_api import Browser

from widget.stub import StubService

__all__ = ["browser", "chromium"]  # fixtures


@pytest.fixture
def stub() -> StubService:
    return StubService()


@pytest_asyncio.fixture(loop_scope="session")
async def address(stub: StubService) -> AsyncIterator[str]:
    """Where the stub listens."""
    listening = socket.create_server(("127.0.0.1", 0))  # who connects before it serves waits in the queue
    config = uvicorn.Config(stub.app(), log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    stub.mend()
    server.should_exit = True
    await serving


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, address: str) -> AsyncIterator[OpenPage]:
    async with pages_of(browser, address) as open_page:
        yield open_page
