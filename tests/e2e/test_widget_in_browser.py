"""The widget in a real browser on the running service: what a family asks, presses, reloads, copies and erases."""

import pytest
from axe_playwright_python.async_playwright import Axe
from browser import DESKTOP, PHONE, OpenPage, browser, chromium, open_chat, say
from playwright.async_api import Page, Request, expect
from server_process import MESSAGES, Server
from widget_pages import (
    EMERGENCY_LINES,
    answer_lines,
    open_and_wait,
    open_page,
    shared_server,
    shown_lines,
    source_line,
    stored,
    token_of,
)

__all__ = ["browser", "chromium", "open_page", "shared_server"]  # fixtures

DURATION = "How long does CRS usually last?"
MIXED = "his lips are blue and how long does CRS last?"
MARKUP = '<img src=x onerror="window.hacked = true"><script>window.hacked = true</script> **x**'
WATCH = """
    window.said = [];
    window.violated = [];
    document.addEventListener("securitypolicyviolation", (event) => violated.push(event.violatedDirective));
    addEventListener("DOMContentLoaded", () => customElements.whenDefined("crs-chat").then(() => {
        const region = document.querySelector("crs-chat").shadowRoot.querySelector("[aria-live=assertive]");
        new MutationObserver(() => said.push(region.textContent)).observe(region, { childList: true });
    }));
"""


async def watched(page: Page) -> None:
    """Load the page anew, and let it remember what is announced and what its policy refused."""
    await page.add_init_script(WATCH)
    await page.reload()


async def test_a_question_gets_the_approved_answer_with_its_sources(open_page: OpenPage) -> None:
    page = await open_page()
    await open_chat(page)
    await say(page, DURATION)

    answer = page.locator(".entry.answer")
    await expect(answer).to_be_visible()
    assert await shown_lines(answer) == answer_lines("crs_duration")
    assert await answer.locator(".sources").text_content() == source_line("crs_duration")
    await expect(page.locator(".entry.notice")).to_contain_text("I am an automated service, not a person.")
    await expect(page.locator(".status")).to_be_empty()


async def test_the_emergency_reply_stands_first_and_is_announced_once(open_page: OpenPage) -> None:
    page = await open_page()
    await watched(page)
    await open_chat(page)
    await say(page, MIXED)
    await expect(page.locator(".entry.answer")).to_be_visible()

    replies = page.locator(".entry.service")
    await expect(replies.first).to_have_class("entry service emergency")
    assert await shown_lines(replies.first) == EMERGENCY_LINES
    assert await replies.first.locator("h3").text_content() == "Emergency"
    dialled = [await link.get_attribute("href") for link in await replies.first.locator("a").all()]
    assert dialled == ["tel:+18005550199", "tel:+18005550142", "tel:120", "tel:999", "tel:911"]
    assert await shown_lines(page.locator(".entry.answer")) == answer_lines("crs_duration")
    await expect(page.locator("[aria-live=assertive]")).not_to_be_empty()
    (said,) = await page.evaluate("said")
    assert [line for line in said.splitlines() if line] == [f"Emergency. {EMERGENCY_LINES[0]}", *EMERGENCY_LINES[1:]]


async def test_a_suggestion_a_follow_up_and_feedback(open_page: OpenPage, shared_server: Server) -> None:
    page = await open_page()
    await open_chat(page)
    await say(page, DURATION)
    answers = page.locator(".entry.answer")
    await page.get_by_role("button", name="Cost and hospital stay").click()
    await expect(answers).to_have_count(2)
    assert await shown_lines(answers.last) == answer_lines("cost_and_stay")

    await say(page, "tell me more")
    await expect(answers).to_have_count(3)
    assert await shown_lines(answers.last) == answer_lines("cancerfax_services")

    for number, (choice, comment) in enumerate([("Yes", ""), ("No", "too long")]):
        await answers.nth(number).get_by_role("button", name=choice, exact=True).click()
        field = answers.nth(number).get_by_label("Comment (optional)")
        await expect(field).to_be_visible()
        if comment:
            await field.fill(comment)
            await answers.nth(number).get_by_role("button", name="Send comment").click()
            await expect(field).to_have_count(0)
    history = shared_server.history(await token_of(page))
    assert [entry.get("helpful") for entry in history if entry.get("kind") == "answer"] == [True, False, None]
    await page.reload()
    await expect(answers).to_have_count(3)
    for number, choice in enumerate(["Yes", "No"]):
        button = answers.nth(number).get_by_role("button", name=choice, exact=True)
        await expect(button).to_have_attribute("aria-pressed", "true")


async def test_clearing_everywhere_erases_it_and_begins_anew(open_page: OpenPage, shared_server: Server) -> None:
    page = await open_page()
    await open_chat(page)
    text = "How long does CRS last, asks the family to be erased?"
    await say(page, text)
    await expect(page.locator(".entry.answer")).to_be_visible()
    before, count = await token_of(page), stored(shared_server, text)
    await page.get_by_role("button", name="Menu").click()
    await page.get_by_role("button", name="Clear this chat").click()
    await page.get_by_role("button", name="Erase on the server too").click()
    await expect(page.locator(".status")).to_have_text("Cleared.")

    await expect(page.locator(".entry")).to_have_count(0)
    assert (count, stored(shared_server, text)) == (1, 0)
    headers = {"authorization": f"Bearer {before}"}
    assert shared_server.http.get(MESSAGES, headers=headers).status_code == 401
    await say(page, DURATION)
    await expect(page.locator(".entry.answer")).to_be_visible()
    assert len(shared_server.history(await token_of(page))) == 3


async def test_a_reload_brings_everything_back_once_and_silently(open_page: OpenPage) -> None:
    page = await open_page()
    await open_chat(page)
    await say(page, MIXED)
    await expect(page.locator(".entry.answer")).to_be_visible()
    before = await page.locator(".entry").all_text_contents()
    await page.clock.install()
    await watched(page)
    await expect(page.locator(".entry")).to_have_count(len(before))
    await page.clock.run_for(1000)  # whatever is announced is announced by then

    await expect(page.locator(".log")).to_have_attribute("aria-live", "polite")
    assert await page.locator(".entry").all_text_contents() == before
    assert await page.evaluate("said") == []


async def test_a_copy_of_the_tab_shows_the_same_and_both_stay_whole(open_page: OpenPage) -> None:
    page = await open_page()
    await open_chat(page)
    await say(page, DURATION)
    await expect(page.locator(".entry.answer")).to_be_visible()
    # A tab that a page opens has a copy of its sessionStorage, as a duplicated one has.
    async with page.expect_popup() as opened:
        await page.evaluate("open(location.href, '_blank')")
    copy = await opened.value
    await expect(copy.locator(".entry.answer")).to_be_visible()
    assert await copy.locator(".entry").all_text_contents() == await page.locator(".entry").all_text_contents()

    await say(copy, "What does it cost?")
    await say(page, "Is CRS a good or bad sign?")
    for tab in (page, copy):
        await expect(tab.locator(".entry.answer")).to_have_count(3)
    for tab in (page, copy):
        await tab.reload()
        await expect(tab.locator(".log")).to_have_attribute("aria-live", "polite")
        await expect(tab.locator(".entry.family")).to_have_count(3)
        await expect(tab.locator(".entry.answer")).to_have_count(3)
    assert await copy.locator(".entry").all_text_contents() == await page.locator(".entry").all_text_contents()


async def test_what_was_written_offline_is_sent_once(open_page: OpenPage, shared_server: Server) -> None:
    page = await open_page()
    await open_and_wait(page)
    await page.context.set_offline(True)
    texts = ["How long does CRS last, asks the family in the tunnel?", "What does it cost, in the tunnel?"]
    for text in texts:
        await say(page, text)
    await expect(page.locator(".unsent")).to_have_count(2)
    assert (await shown_lines(page.locator(".entry.note")))[1:] == EMERGENCY_LINES
    await page.context.set_offline(False)

    await expect(page.locator(".entry.answer")).to_have_count(2)
    await expect(page.locator(".note, .unsent")).to_have_count(0)
    assert [stored(shared_server, text) for text in texts] == [1, 1]


async def test_markup_that_a_family_writes_is_text(open_page: OpenPage) -> None:
    page = await open_page()
    await open_chat(page)
    await say(page, MARKUP)
    await expect(page.locator(".entry.service")).not_to_have_count(0)
    before = page.locator(".entry.family .line")
    assert await before.text_content() == MARKUP
    await page.reload()

    await expect(page.locator(".entry.family .line")).to_have_text(MARKUP)
    assert await page.locator(".log :is(img, script)").count() == 0
    assert await page.evaluate("window.hacked") is None


async def test_the_page_calls_nobody_else_and_keeps_its_policy(open_page: OpenPage) -> None:
    """Open_page fails where the console tells of a violation."""
    page = await open_page()
    called: list[str] = []

    def remember(request: Request) -> None:
        called.append(request.url)

    page.on("request", remember)
    await watched(page)
    policy = await page.evaluate("fetch('/').then((page) => page.headers.get('content-security-policy'))")
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
    await open_chat(page)
    await say(page, MIXED)
    await expect(page.locator(".entry.answer")).to_be_visible()
    await page.get_by_role("button", name="Yes").click()
    await expect(page.locator(".outcome")).to_contain_text("Thank you.")

    origin = await page.evaluate("location.origin")
    assert len(called) > 5
    assert [url for url in called if not url.startswith(f"{origin}/")] == []
    assert await page.evaluate("violated") == []


SCREENS = {"desktop": DESKTOP, "phone": PHONE}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
async def test_axe_finds_nothing_in_a_whole_conversation(open_page: OpenPage, screen: str, scheme: str) -> None:
    page = await open_page(viewport=SCREENS[screen], color_scheme=scheme)
    faults: list[tuple[str, str, str]] = []

    async def check(state: str) -> None:
        results = await Axe().run(page)
        faults.extend((state, found["id"], found["nodes"][0]["html"]) for found in results.response["violations"])

    await expect(page.locator(".launcher")).to_be_visible()
    await check("closed")
    await open_and_wait(page)
    await check("open")
    await say(page, DURATION)
    await expect(page.locator(".entry.answer")).to_have_count(1)
    await check("answered")
    await say(page, MIXED)
    await expect(page.locator(".entry.answer")).to_have_count(2)
    await check("emergency")

    assert faults == []
