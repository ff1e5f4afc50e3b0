"""The pages of answers and of what can be learnt in a real browser: axe, small screens, keys, htmx."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from axe_playwright_python.async_playwright import Axe
from browser import DESKTOP, PHONE, OpenPage, browser, chromium, pages_of
from playwright.async_api import Browser, Page, expect

from bot.answers.content import read_answers_file
from bot.answers.setup import ANSWERS_FILE
from bot.answers.workflow import FROM_CONSOLE, add_draft, find_revision
from bot.conversations import improvement
from bot.conversations.review_models import DROPPED, QUEUED
from bot.improvement.result import DONE, TRAINING, CheckFolder, CheckResult, Measured
from bot.storage.base import now
from console.house import PASSWORD, House
from console.offices import ask, office_in

__all__ = ["browser", "chromium"]  # fixtures

NAME = "crs_duration"
CONTENT = next(content for content in read_answers_file(ANSWERS_FILE) if content.name == NAME)
LIKE = ("how many sleeps will nana be on this crs", "for how many sleeps will nanas crs go on")
OTHER = "can the dog of my brother come along too"
SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": DESKTOP},
    "dark phone": {"viewport": PHONE, "color_scheme": "dark", "has_touch": True},
}
FIGURES = {
    **{"right": 0.5, "another": 0.25, "clarified": 0.25, "right_or_offered": 1.0, "rejected": 1.0, "refused": 1.0},
    **{"in_scope": 9, "out_of_scope": 1, "confusions": []},
}


@pytest_asyncio.fixture(loop_scope="session")
async def office(house: House, tmp_path: Path) -> AsyncIterator[House]:
    """Three messages to learn from, of which two are alike, and a draft that waits."""
    async with office_in(tmp_path, house.sessions) as office:
        for text in (OTHER, *LIKE):
            ask(office, text)
        with office.sessions() as session:
            answer = find_revision(session, NAME).answer
            add_draft(session, answer, CONTENT, author="nina", origin=FROM_CONSOLE)
            session.commit()
        yield office


@pytest_asyncio.fixture(loop_scope="session")
async def office_page(browser: Browser, office: House) -> AsyncIterator[OpenPage]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(office.app, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    async with pages_of(browser, f"http://127.0.0.1:{listening.getsockname()[1]}") as open_page:
        yield open_page
    server.should_exit = True
    await serving


async def enter(open_page: OpenPage, path: str, name: str = "paul", **options: Any) -> Page:
    page = await open_page(path, **options)
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    await page.wait_for_load_state()
    return page


def answer_path(office: House, rest: str = "") -> str:
    with office.sessions() as session:
        return f"/console/answers/{find_revision(session, NAME).answer.id}{rest}"


def queued(office: House, state: str = QUEUED) -> list[tuple[str, str]]:
    with office.sessions() as session:
        return [(each.purpose, each.text) for each in improvement.queue(session, state=state)]


@pytest.mark.parametrize("screen", SCREENS)
async def test_axe_finds_nothing_and_nothing_is_cut_off(office_page: OpenPage, office: House, screen: str) -> None:
    with office.sessions() as session:
        (first, *_) = improvement.candidates(session, since=now().replace(year=2000), at_most=9, labels=[NAME])
        choice = improvement.Choice(first.message_id, first.text, NAME)
        improvement.decide(session, [choice], purpose="training", by_id=1, labels=[NAME])
        session.commit()
    measured = Measured("messages.tsv", FIGURES, {**FIGURES, "right": 0.75, "another": 0.5})
    CheckFolder(office.service.settings.var_dir).write(CheckResult(TRAINING, now()).now_at(DONE, files=(measured,)))
    paths = ["/console/answers", "/console/answers/overdue", "/console/answers/fixed", answer_path(office)]
    paths += [answer_path(office, rest) for rest in ("/new", "/revisions/1", "/revisions/2")]
    paths += [answer_path(office, "/compare?older=1&newer=2"), "/console/improve", "/console/improve/queue"]
    page = await enter(office_page, "/console/improve/check", **SCREENS[screen])
    for path in ("/console/improve/check", *paths):
        await page.goto(re.sub(r"/console/.*", path, page.url))
        results = await Axe().run(page)
        assert [(found["id"], found["nodes"][0]["html"]) for found in results.response["violations"]] == [], path
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


async def test_groups_are_settled_with_one_key_each_and_without_loading_the_page(
    office_page: OpenPage, office: House
) -> None:
    page = await enter(office_page, "/console/improve")
    await page.get_by_label("Text of message 1 of group 1").fill("how many sleeps will she be on this crs")
    await page.keyboard.press("Escape")
    await page.keyboard.press("a")

    await expect(page.locator("main").get_by_role("status")).to_have_text(
        "2 messages queued as examples: How long CRS lasts."
    )
    await page.keyboard.press("d")
    await expect(page.get_by_text("1 message dropped.")).to_be_visible()

    assert sorted(queued(office)) == [("training", LIKE[0]), ("training", "how many sleeps will she be on this crs")]
    assert queued(office, DROPPED) == [("training", OTHER)]


async def test_what_is_refused_leaves_the_group_as_it_is(office_page: OpenPage, office: House) -> None:
    page = await enter(office_page, "/console/improve")
    await page.get_by_label("Text of message 2 of group 1").fill("")
    await page.keyboard.press("Escape")
    await page.keyboard.press("a")

    await expect(page.get_by_role("alert")).to_have_text("The text is empty.")
    await expect(page.get_by_label("Text of message 1 of group 1")).to_be_visible()
    assert queued(office) == []


async def test_a_draft_is_written_previewed_and_published_without_a_script(
    office_page: OpenPage, office: House
) -> None:
    page = await enter(office_page, answer_path(office, "/new?from=1"), "anna", java_script_enabled=False)
    await page.get_by_label("Title").fill("How long CRS takes")
    await page.get_by_label("Review by").fill("2099-01-31")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("heading", name="Preview, not saved")).to_be_visible()
    await page.get_by_role("button", name="Save the draft").click()
    await expect(page.get_by_text("You wrote this revision: somebody else publishes it.")).to_be_visible()

    page = await enter(office_page, answer_path(office, "/revisions/3"), java_script_enabled=False)
    await expect(page.locator("ins").first).to_contain_text("takes")
    await page.get_by_role("button", name="Publish revision 3").click()

    await expect(page.get_by_role("button", name="Publish revision 3")).not_to_be_attached()
    assert office.service.answers.named(NAME).content.title == "How long CRS takes"


async def test_a_check_that_runs_is_followed_to_its_end(office_page: OpenPage, office: House) -> None:
    folder = CheckFolder(office.service.settings.var_dir)
    begun = CheckResult(TRAINING, now(), examples=1)
    with folder.only_one():
        folder.write(begun)
        page = await enter(office_page, "/console/improve/check")
        await expect(page.locator("main").get_by_role("status")).to_contain_text("training a copy")
        folder.write(begun.now_at(DONE, files=(Measured("messages.tsv", FIGURES, FIGURES),)))

    await expect(page.get_by_role("heading", name="messages.tsv")).to_be_visible()
    await expect(page.get_by_role("button", name="Start a check")).to_be_visible()
