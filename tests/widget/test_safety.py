"""The widget in a real browser: hostile texts and attributes, the strictest policy, numbers that may be dialled."""

import pytest
from browser import PHONE, OpenPage, open_chat, say
from playwright.async_api import Page, expect

from widget.stub import POLICY, StubService

MARKUP = '<img src=x onerror="window.hacked = true"><script>window.hacked = true</script>'
ADDRESSES = [
    "javascript:window.hacked=true",
    "JaVaScRiPt:window.hacked=true",
    "data:text/html,<script>window.hacked=true</script>",
    "vbscript:x",
    "//example.org/relative",
    "blob:https://example.org/1",
]


async def hacked(page: Page) -> bool:
    return bool(await page.evaluate("window.hacked === true"))


async def test_markup_in_a_message_or_an_answer_is_text(open_page: OpenPage, stub: StubService) -> None:
    stub.answer = f"**{MARKUP}**\n\n- {MARKUP}\n\n[{MARKUP}](https://example.org)"
    stub.policy = "connect-src *"  # nothing but the script itself keeps the markup from running
    page = await open_page()
    await open_chat(page)
    await say(page, MARKUP)
    await expect(page.locator(".entry.answer")).to_contain_text("onerror")

    assert await page.locator(".entry.family .line").text_content() == MARKUP
    assert await page.locator(".log :is(img, script)").count() == 0
    assert not await hacked(page)


@pytest.mark.parametrize("target", ADDRESSES)
async def test_an_address_that_may_not_be_followed_is_text(open_page: OpenPage, stub: StubService, target: str) -> None:
    stub.answer = f"[a title]({target}) and more"
    page = await open_page()
    await open_chat(page)
    await say(page, "How long?")

    await expect(page.locator(".entry.answer")).to_contain_text("and more")
    assert await page.locator(".entry.answer a").count() == 0


@pytest.mark.parametrize("target", ["https://example.org/a?b=c", "http://example.org/", "mailto:a@b.org", "tel:112"])
async def test_an_allowed_address_is_a_link(open_page: OpenPage, stub: StubService, target: str) -> None:
    stub.answer = f"[a title]({target}) and more"
    page = await open_page()
    await open_chat(page)
    await say(page, "How long?")

    link = page.locator(".entry.answer").get_by_role("link", name="a title")
    assert await link.get_attribute("href") == target
    assert await link.get_attribute("rel") == "noopener noreferrer"


async def test_hostile_attributes_do_nothing(open_page: OpenPage, stub: StubService) -> None:
    stub.policy = "connect-src *"
    quoted = MARKUP.replace('"', "&quot;")
    values = {
        "title": quoted,
        "color": f"red;background:url(x)}}{quoted}",
        "position": f"left&quot;] * {{}} {quoted}",
        "lang": quoted,
        "server": "javascript:window.hacked=true",
    }
    attributes = " ".join(f'{name}="{value}"' for name, value in values.items())
    stub.page = f"<crs-chat {attributes}></crs-chat>"
    page = await open_page()
    await expect(page.locator(".launcher")).to_have_text(MARKUP)
    await open_chat(page)

    assert await page.locator("h2").text_content() == MARKUP
    assert await page.locator(".widget").get_attribute("lang") == "en"
    assert (
        await page.evaluate("document.querySelector('crs-chat').shadowRoot.querySelectorAll('img, script').length") == 0
    )
    assert not await hacked(page)


async def test_the_strictest_policy_is_not_violated(open_page: OpenPage, stub: StubService) -> None:
    """Open_page fails where the console tells of a violation."""
    assert "unsafe" not in POLICY
    stub.page = '<crs-chat color="#7a1f5c" position="left" title="Questions?"></crs-chat>'
    page = await open_page()
    await page.evaluate(
        "window.violated = []; document.addEventListener('securitypolicyviolation', (e) => violated.push(e.blockedURI))"
    )
    await open_chat(page)
    await say(page, "he has a fever")
    await expect(page.locator(".entry.answer")).to_be_visible()
    await page.get_by_role("button", name="Yes").click()
    await expect(page.locator(".outcome")).to_contain_text("Thank you.")
    await page.get_by_role("button", name="Menu").click()

    assert await page.evaluate("violated") == []
    color = await page.locator(".send").evaluate("(button) => getComputedStyle(button).backgroundColor")
    assert color == "rgb(122, 31, 92)"


async def test_the_page_is_not_styled_and_does_not_style(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    before = await page.locator("h1").evaluate("(heading) => getComputedStyle(heading).fontSize")
    await open_chat(page)

    assert await page.locator("h1").evaluate("(heading) => getComputedStyle(heading).fontSize") == before
    assert await page.evaluate("document.adoptedStyleSheets.length") == 0


@pytest.mark.parametrize(
    ("text", "dialled"),
    [
        ("Ward: +1 (800) 555-0199", ["tel:+18005550199"]),
        ("Ward: +44 (0)20 7946 0123", ["tel:+442079460123"]),
        ("Emergency number: 911", ["tel:911"]),
        ("Ward: 555-0199 ext. 12", ["tel:5550199"]),
        ("Call 24h, from 8:30", []),
        ("Call 112 or 555 0123", ["tel:112", "tel:5550123"]),
        ("Hong Kong 999 · UK 999 · US 911", ["tel:999", "tel:999", "tel:911"]),
        ("Ward +1 555-0199", ["tel:+15550199"]),
        ("Ward Ext. 1234", []),
        ("Ward EXT 1234", []),
        ("Ward 7B, Room 120b", []),
    ],
)
async def test_a_link_never_dials_a_stranger(
    open_page: OpenPage, stub: StubService, text: str, dialled: list[str]
) -> None:
    page = await open_page()
    await open_chat(page)
    await say(page, "hello")
    await expect(page.locator(".entry.answer")).to_be_visible()
    (token,) = stub.logs
    stub.push(token, text, kind="emergency")
    card = page.locator(".entry.emergency")
    await expect(card).to_contain_text(text)

    assert [await link.get_attribute("href") for link in await card.locator("a").all()] == dialled


async def test_a_number_stays_with_the_name_of_its_country(open_page: OpenPage, stub: StubService) -> None:
    """In the strip a number stands alone: 999 is nothing to call where 911 is."""
    stub.contact = "Call now.\n\nEmergency number: China 120 · Hong Kong 999 · US 911"
    page = await open_page(viewport=PHONE)
    await open_chat(page)
    await say(page, "he has a fever")
    await expect(page.locator(".entry.answer")).to_be_visible()
    await say(page, "and then?")
    await expect(page.locator(".strip")).to_be_visible()

    assert await page.locator(".strip .phone").all_text_contents() == ["China 120", "Hong Kong 999", "US 911"]
