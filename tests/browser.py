"""Debian's Chromium for the tests: one browser for a worker's whole run, pages in contexts of their own."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

CHROMIUM = shutil.which("chromium")
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}

PATIENCE_MS = 20_000  # on a machine that does much else
expect.set_options(timeout=PATIENCE_MS)

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


@asynccontextmanager
async def pages_of(browser: Browser, address: str) -> AsyncIterator[OpenPage]:
    """Opens pages of an address, each in a browser context of its own; at the end none may have met an error."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    async def open_page(path: str = "/", **options: Any) -> Page:
        context = await browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
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
