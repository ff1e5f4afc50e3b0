"""A stub of the service on a port of its own, and one browser for the whole run."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from widget.stub import StubService

CHROMIUM = shutil.which("chromium")
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}

OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
def chromium() -> Path:
    if CHROMIUM is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    return Path(CHROMIUM)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        await browser.close()


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
    """Opens a page of the stub in a browser context of its own; at the end none may have met an error."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    async def open_page(path: str = "/", **options: Any) -> Page:
        context = await browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
        contexts.append(context)
        context.set_default_timeout(10_000)
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if "violat" in message.text else None)
        await page.goto(address + path)
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert errors == []


async def open_chat(page: Page) -> None:
    await page.locator(".launcher").click()


async def say(page: Page, text: str) -> None:
    await page.locator("#question").fill(text)
    await page.locator("#question").press("Enter")
