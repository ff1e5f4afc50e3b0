"""The widget in a real browser: axe in each state, the keyboard alone, live regions, small screens and large text."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from browser import DESKTOP, PHONE, OpenPage, open_chat, say
from playwright.async_api import Page, expect

from widget.stub import StubService

FOCUSED = """() => {
    const inside = document.activeElement.shadowRoot?.activeElement;
    return inside ? inside.ariaLabel || inside.id || inside.textContent : document.activeElement.tagName;
}"""


async def closed(page: Page, stub: StubService) -> None:
    await expect(page.locator(".launcher")).to_be_visible()


async def opened(page: Page, stub: StubService) -> None:
    await open_chat(page)
    await expect(page.locator(".privacy")).to_contain_text("90 days")


async def emergency(page: Page, stub: StubService) -> None:
    await open_chat(page)
    await say(page, "he has a fever")
    await expect(page.locator(".entry.answer")).to_be_visible()


async def strip(page: Page, stub: StubService) -> None:
    await emergency(page, stub)
    for _ in range(2):
        await say(page, "and then?")
    await expect(page.locator(".entry.answer")).to_have_count(3)
    await expect(page.locator(".strip")).to_be_visible()


async def crisis(page: Page, stub: StubService) -> None:
    await opened(page, stub)
    (token,) = stub.logs
    await say(page, "hello")
    await expect(page.locator(".entry.answer")).to_be_visible()
    stub.push(token, "Please call someone now.\n\nEmergency number: 911", kind="crisis")
    await expect(page.locator(".entry.crisis")).to_be_visible()


async def offline(page: Page, stub: StubService) -> None:
    await emergency(page, stub)
    await page.context.set_offline(True)
    await say(page, "is anyone there?")
    await expect(page.locator(".unsent")).to_be_visible()


async def feedback(page: Page, stub: StubService) -> None:
    await emergency(page, stub)
    await page.get_by_role("button", name="No", exact=True).click()
    await expect(page.get_by_label("Comment (optional)")).to_be_visible()


async def menu(page: Page, stub: StubService) -> None:
    await opened(page, stub)
    await page.get_by_role("button", name="Menu").click()


async def clearing(page: Page, stub: StubService) -> None:
    await menu(page, stub)
    await page.get_by_role("button", name="Clear this chat").click()


STATES = [closed, opened, emergency, strip, crisis, offline, feedback, menu, clearing]
SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": DESKTOP},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE},
    "dark phone": {"viewport": PHONE, "color_scheme": "dark"},
    "forced colors": {"viewport": PHONE, "forced_colors": "active"},
}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
async def test_axe_finds_nothing(
    open_page: OpenPage, stub: StubService, state: Callable[..., Awaitable[None]], screen: str
) -> None:
    page = await open_page(**SCREENS[screen])
    await state(page, stub)

    results = await Axe().run(page)

    assert [(found["id"], found["nodes"][0]["html"]) for found in results.response["violations"]] == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing_from_right_to_left(
    open_page: OpenPage, stub: StubService, viewport: dict[str, int]
) -> None:
    stub.page = '<crs-chat lang="ar"></crs-chat>'
    page = await open_page(viewport=viewport)
    await page.evaluate(
        """customElements.whenDefined("crs-chat")
            .then((Chat) => Chat.addLanguage("ar", { title: "محادثة", send: "إرسال" }))"""
    )
    await strip(page, stub)

    results = await Axe().run(page)

    assert results.response["violations"] == []
    assert await page.locator(".widget").get_attribute("dir") == "rtl"
    send, field = [await page.locator(name).bounding_box() for name in (".send", "#question")]
    assert send
    assert field
    assert send["x"] < field["x"]
    assert await page.locator(".send").text_content() == "إرسال"
    assert await page.locator("label[for=question]").text_content() == "Your question"


async def test_everything_is_reached_with_the_keyboard(open_page: OpenPage) -> None:
    page = await open_page()
    for _ in range(2):
        await page.keyboard.press("Tab")
    assert await page.evaluate(FOCUSED) == "CRS family chat"
    await page.keyboard.press("Enter")
    assert await page.evaluate(FOCUSED) == "question"
    await page.keyboard.type("he has a fever")
    await page.keyboard.press("Enter")
    await expect(page.locator(".entry.answer")).to_be_visible()

    reached = set()
    for _ in range(14):
        await page.keyboard.press("Shift+Tab")
        reached.add(await page.evaluate(FOCUSED))
    assert reached >= {"Cost of CRS", "Yes", "No", "Conversation", "Menu", "Close the chat", "+1 (800) 555-0199", "911"}

    await page.locator("#question").focus()
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog.frame")).to_be_hidden()
    assert await page.evaluate(FOCUSED) == "CRS family chat"


async def test_escape_closes_the_menu_alone(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await menu(page, stub)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Escape")

    await expect(page.locator(".menu-list")).to_be_hidden()
    await expect(page.locator("dialog.frame")).to_be_visible()
    assert await page.evaluate(FOCUSED) == "Menu"


async def test_full_screen_keeps_the_focus_inside_and_the_page_inert(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page(viewport=PHONE)
    await opened(page, stub)

    await expect(page.locator("dialog.frame")).to_have_attribute("aria-modal", "true")
    for key in ["Tab"] * 9 + ["Shift+Tab"] * 9:
        await page.keyboard.press(key)
        assert await page.evaluate("document.activeElement.localName") == "crs-chat"
    await page.evaluate("document.querySelector('main a').focus()")
    assert await page.evaluate("document.activeElement.localName") == "crs-chat"


async def test_as_a_panel_it_is_not_modal(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await opened(page, stub)

    assert await page.locator("dialog.frame").get_attribute("aria-modal") is None
    await page.locator("main a").focus()
    await expect(page.locator("main a")).to_be_focused()


async def test_turning_a_phone_changes_the_mode_and_keeps_the_focus(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page(viewport=PHONE)
    await opened(page, stub)
    for size, modal in ((DESKTOP, 0), (PHONE, 1)):
        await page.set_viewport_size(size)
        await expect(page.locator("dialog.frame[aria-modal]")).to_have_count(modal)
        await expect(page.locator("#question")).to_be_focused()


async def test_an_emergency_is_announced_once_outside_the_log(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await emergency(page, stub)
    region = page.locator("[aria-live=assertive]")

    await expect(region).to_have_count(1)
    await expect(region).to_contain_text("Emergency. Call the hospital or emergency services now.")
    assert await page.locator(".log [aria-live=assertive]").count() == 0
    assert await page.locator(".entry.emergency").get_attribute("aria-live") == "off"
    await say(page, "and then?")
    await expect(region).to_be_empty()


async def test_a_dismissed_strip_stays_away_after_a_reload(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await strip(page, stub)
    await page.get_by_role("button", name="Dismiss").click()
    await expect(page.locator(".strip")).to_be_hidden()
    await expect(page.locator("#question")).to_be_focused()
    await page.reload()
    await expect(page.locator(".entry.answer")).to_have_count(3)

    await expect(page.locator(".strip")).to_be_hidden()


@pytest.mark.parametrize("text_size", ["100%", "200%"])
async def test_the_strip_covers_neither_the_focus_nor_the_field(
    open_page: OpenPage, stub: StubService, text_size: str
) -> None:
    page = await open_page(viewport={"width": 320, "height": 568})
    await page.evaluate("(size) => document.documentElement.style.setProperty('font-size', size)", text_size)
    await strip(page, stub)

    box = await page.locator(".strip").bounding_box()
    assert box
    assert box["height"] <= 568 * 0.25 + 1
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    for _ in range(20):
        await page.keyboard.press("Shift+Tab")
        assert await page.evaluate(
            """() => {
                const root = document.activeElement.shadowRoot, focused = root.activeElement;
                const strip = root.querySelector(".strip"), field = root.querySelector("#question");
                if (strip.hidden || strip.contains(focused)) return true;
                const [own, pinned, below] = [focused, strip, field].map((each) => each.getBoundingClientRect());
                const covers = (one) => one.top < pinned.bottom - 1 && one.bottom > pinned.top + 1;
                // What scrolls as a whole, and is higher than what is left, cannot be free of it.
                return focused.matches(".conversation") || (!covers(own) && !covers(below));
            }"""
        ), await page.evaluate(FOCUSED)


async def test_what_can_be_pressed_is_large_enough(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page(viewport=PHONE)
    await strip(page, stub)

    small = await page.evaluate(
        """() => [...document.querySelector("crs-chat").shadowRoot.querySelectorAll("button, textarea, .phone")]
            .filter((each) => each.getClientRects().length)
            .map((each) => [each.textContent, each.getBoundingClientRect()])
            .filter(([, box]) => box.width < 44 || box.height < 44)"""
    )
    assert small == []
