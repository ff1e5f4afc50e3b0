"""What the tests of the widget share: the running service, pages of it, what must be shown and what was stored."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import pytest_asyncio
from browser import OpenPage, open_chat, pages_of
from playwright.async_api import Browser, Locator, Page, expect
from server_process import Server, server

from bot.answers.content import read_answers_file
from bot.fixed_texts import FixedTexts
from bot.paths import ROOT
from bot.settings import load_settings, variable_of

_CONTACTS = {
    "ward_phone": "+1 (800) 555-0199",
    "phone_24h": "+1 (800) 555-0142",
    "emergency_number": "China 120 · UK 999 · US 911",
}
CONTACTS = {variable_of(name): value for name, value in _CONTACTS.items()}
_ANSWERS = {answer.name: answer for answer in read_answers_file(ROOT / "data" / "answers.yml")}
_EMERGENCY = FixedTexts(load_settings(**_CONTACTS)).reply("emergency")
EMERGENCY_LINES = [line for line in _EMERGENCY.text.splitlines() if line]
StartServer = Callable[..., Server]

SOON_S = 20  # far above what anything here takes


def _started(stack: ExitStack, folder: Path, **variables: str) -> Server:
    # At ERROR nothing fills the pipe that nobody reads.
    ready = stack.enter_context(server(folder, BOT_LOG_LEVEL="ERROR", **CONTACTS, **variables))
    ready.wait_for(ready.ready)
    return ready


@pytest.fixture(scope="module")
def shared_server(model: Path, chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ExitStack() as stack:
        yield _started(stack, tmp_path_factory.mktemp("server"))


@pytest.fixture
def start_server(model: Path, chromium: Path, tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers of the test's own, on one database."""
    with ExitStack() as stack:
        yield lambda **variables: _started(stack, tmp_path, **variables)


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, shared_server: Server) -> AsyncIterator[OpenPage]:
    async with pages_of(browser, f"http://127.0.0.1:{shared_server.port}") as open_page:
        yield open_page


def answer_lines(topic: str) -> list[str]:
    """An answer's paragraphs and list items, as they are shown."""
    lines = _ANSWERS[topic].text.splitlines()
    return [line.removeprefix("- ").replace("**", "") for line in lines if line]


def source_line(topic: str) -> str:
    sources = [f"{source.document}: {source.section}" for source in _ANSWERS[topic].sources]
    return f"Source: {'; '.join(sources)}"


async def shown_lines(entry: Locator) -> list[str]:
    return await entry.locator(".line, li").all_text_contents()


async def open_and_wait(page: Page) -> None:
    """Open the chat, and wait until it has a session."""
    await open_chat(page)
    await expect(page.locator(".privacy")).not_to_be_empty()


async def token_of(page: Page) -> str:
    token: str = await page.evaluate("JSON.parse(Object.values(sessionStorage)[0]).session.token")
    return token


def stored(server: Server, text: str) -> int:
    """How many messages of this text the database has."""
    with closing(sqlite3.connect(f"file:{server.folder}/bot.sqlite3?mode=ro", uri=True, timeout=SOON_S)) as database:
        (count,) = database.execute("select count(*) from message where text = ?", (text,)).fetchone()
    return int(count)


async def becomes(met: Callable[[], bool]) -> None:
    """Wait until something is so of which the page says nothing."""
    limit = time.monotonic() + SOON_S
    while not met():
        assert time.monotonic() < limit
        await asyncio.sleep(0.05)
