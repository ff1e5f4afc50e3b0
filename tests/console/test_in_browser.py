"""The console in a real browser: signing in, the keys, axe on each page, small screens, and without a script."""

import re
from typing import Any

import pyotp
import pytest
from axe_playwright_python.async_playwright import Axe
from browser import DESKTOP, PHONE, OpenPage
from log_entries import add_conversation, add_message, add_reply, at
from playwright.async_api import Page, expect

from bot.conversations.models import Delivery
from bot.staff import audit
from bot.staff.audit import Actor
from console.house import PASSWORD, House

SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": DESKTOP},
    "dark phone": {"viewport": PHONE, "color_scheme": "dark", "has_touch": True},
    "forced colors": {"viewport": PHONE, "forced_colors": "active"},
}
PAGES = ("/console/", "/console/conversations/phone", "/console/alerts", "/console/numbers")
PAGES += ("/console/account", "/console/account/password", "/console/account/second-factor")
ADMIN_PAGES = ("/console/people", "/console/people/1", "/console/audit", "/console/nowhere")


async def enter(open_page: OpenPage, path: str = "/console/", name: str = "anna", **options: Any) -> Page:
    page = await open_page(path, **options)
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    await page.wait_for_load_state()  # only then are there keys
    return page


async def test_signing_in_and_out(open_page: OpenPage) -> None:
    page = await enter(open_page, "/console/people")
    await expect(page).to_have_url(re.compile("/console/people$"))
    await expect(page.get_by_role("link", name="People")).to_have_attribute("aria-current", "page")

    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_label("Password")).to_be_visible()


async def test_a_second_factor_by_its_picture(open_page: OpenPage, house: House) -> None:
    page = await enter(open_page, "/console/account/second-factor", name="nina")
    assert await page.locator("img.picture").evaluate("image => image.complete && image.naturalWidth > 100")
    secret = (await page.locator("code").inner_text()).replace(" ", "")
    await page.get_by_label("Code").fill(pyotp.TOTP(secret).at(house.moment))
    await page.get_by_label("Your password").fill(PASSWORD)
    await page.get_by_role("button", name="Set it up").click()

    await expect(page.get_by_text("Signing in takes a one-time code as well.")).to_be_visible()


@pytest.mark.parametrize("screen", SCREENS)
async def test_axe_finds_nothing_and_nothing_is_cut_off(open_page: OpenPage, house: House, screen: str) -> None:
    write_by_phone(house)
    page = await open_page("/console/sign-in", **SCREENS[screen])
    await assert_fits(page, "the door")
    page = await enter(open_page, **SCREENS[screen])
    for path in (*PAGES, *ADMIN_PAGES):
        await page.goto(re.sub(r"/console/.*", path, page.url))
        await assert_fits(page, path)


def write_by_phone(house: House) -> None:
    """A messenger's conversation with all that a reply can have on its way."""
    with house.sessions() as session:
        values = {"channel": "whatsapp", "address": "no key reads it", "undelivered": True}
        family = add_conversation(session, "phone", **values)
        for form, delivery in (
            ("not_text", {"state": "pending", "attempts": 3, "next_attempt_at": at(1), "error": "ConnectTimeout"}),
            ("edited", {"state": "delivered", "delivered_at": at(2), "possibly_repeated": True}),
            ("erase", {"state": "undelivered", "attempts": 9, "error": "131047"}),
        ):
            reply = add_reply(session, add_message(session, family, "", form=form))
            session.add(Delivery(message_id=reply.id, **delivery))
        session.commit()


async def assert_fits(page: Page, path: str) -> None:
    results = await Axe().run(page)
    assert [(found["id"], found["nodes"][0]["html"]) for found in results.response["violations"]] == [], path
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the screen"


async def test_targets_are_large_enough_for_a_finger(open_page: OpenPage) -> None:
    page = await enter(open_page, "/console/people", **SCREENS["dark phone"])

    heights = await page.locator("header a, button:visible, input:visible, select").evaluate_all(
        "elements => elements.map(each => [each.outerHTML.slice(0, 60), each.getBoundingClientRect().height])"
    )

    assert [(html, height) for html, height in heights if height < 44] == []


# Keys


async def test_rows_are_walked_and_opened_by_keys(open_page: OpenPage) -> None:
    page = await enter(open_page, "/console/people")
    current = page.locator("[data-row][aria-current=true]")

    await page.keyboard.press("j")
    await expect(current).to_contain_text("anna")
    await page.keyboard.press("j")
    await expect(current).to_contain_text("nina")
    await page.keyboard.press("k")
    await page.keyboard.press("k")
    await expect(current).to_contain_text("anna")
    for _ in range(5):
        await page.keyboard.press("j")
    await expect(current).to_contain_text("paul")
    await expect(current).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Paul")).to_be_visible()


async def test_keys_of_the_page_are_used_listed_and_leave_fields_alone(open_page: OpenPage, house: House) -> None:
    with house.sessions() as session:
        for number in range(60):
            audit.record(session, Actor("nina", "navigator"), "conversation.viewed", f"conversation {number}")
        session.commit()
    page = await enter(open_page, "/console/audit")

    await page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys of this page")
    await expect(keys).to_contain_text("Next page")
    await expect(keys).not_to_contain_text("Previous page")
    await page.keyboard.press("Escape")
    await expect(keys).to_be_hidden()

    await page.get_by_label("Who").focus()
    await page.keyboard.type("nj?")
    await expect(page.get_by_label("Who")).to_have_value("nj?")
    await page.keyboard.press("Escape")
    await expect(page.get_by_label("Who")).not_to_be_focused()
    await page.keyboard.press("n")
    await expect(page).to_have_url(re.compile(r"before=\d+"))
    await page.wait_for_load_state()
    await page.keyboard.press("p")
    await expect(page).not_to_have_url(re.compile("before"))


async def test_a_form_is_sent_once_however_often_its_button_is_pressed(open_page: OpenPage, house: House) -> None:
    page = await enter(open_page, "/console/people")
    await page.get_by_label("Name").fill("maya")
    await page.get_by_label("First password").fill("nine green umbrellas")
    await page.get_by_role("button", name="Add").dblclick()

    await expect(page.get_by_role("link", name="maya")).to_be_visible()
    assert [event[1] for event in house.audited()].count("user.added") == 1


async def test_without_a_script_everything_works(open_page: OpenPage, house: House) -> None:
    page = await enter(open_page, f"/console/people/{house.user('nina').id}", java_script_enabled=False)
    await page.locator("summary", has_text="Disable").click()
    await page.get_by_role("button", name="Disable").click()

    await expect(page.get_by_text("can sign in again")).to_be_attached()
    assert house.user("nina").disabled_at is not None
