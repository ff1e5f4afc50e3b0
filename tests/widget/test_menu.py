"""The widget in a real browser: copy, print, clear, the code, feedback, languages, the attributes and methods."""

import pytest
from browser import OpenPage, open_chat, say
from playwright.async_api import Page, expect

from widget.stub import StubService


async def choose(page: Page, name: str) -> None:
    await page.get_by_role("button", name="Menu").click()
    await page.get_by_role("button", name=name).click()


async def conversation(page: Page) -> None:
    await open_chat(page)
    await say(page, "he has a fever")
    await expect(page.locator(".entry.answer")).to_be_visible()


async def test_the_conversation_is_copied_as_text(open_page: OpenPage) -> None:
    page = await open_page()
    await conversation(page)
    await choose(page, "Copy the conversation")
    await expect(page.locator(".status")).to_have_text("Copied.")

    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("You: he has a fever\n")
    assert "Emergency\nCall the hospital or emergency services now.\nWard: +1 (800) 555-0199" in copied
    assert "Mild CRS may last only a few days.\n" in copied
    assert "helpful" not in copied


async def test_the_conversation_is_printed_without_the_page(open_page: OpenPage) -> None:
    page = await open_page()
    await conversation(page)
    await page.evaluate(
        """() => { const { append } = Element.prototype; Element.prototype.append = function (...nodes) {
            append.apply(this, nodes);
            const frame = nodes.find((node) => node.localName === "iframe");
            if (frame) frame.contentWindow.print = () => { window.printed = frame.contentDocument.body.innerText };
        } }"""
    )
    await choose(page, "Print the conversation")

    printed = await page.evaluate("window.printed")
    assert printed.startswith("CRS family chat")
    assert "You: he has a fever" in printed
    assert "A link of the page" not in printed


async def test_the_code_is_in_the_menu(open_page: OpenPage) -> None:
    page = await open_page()
    await open_chat(page)
    await page.get_by_role("button", name="Menu").click()

    await expect(page.locator(".code")).to_have_text("Conversation code: K7QM-3XPA")


@pytest.mark.parametrize(
    ("choice", "erased"), [("Clear on this screen", False), ("Erase on the server too", True)], ids=["here", "server"]
)
async def test_clearing_begins_anew(open_page: OpenPage, stub: StubService, choice: str, erased: bool) -> None:
    page = await open_page()
    await conversation(page)
    await choose(page, "Clear this chat")
    await page.get_by_role("button", name=choice).click()

    await expect(page.locator(".status")).to_have_text("Cleared.")
    await expect(page.locator(".entry")).to_have_count(0)
    await expect(page.locator("#question")).to_be_focused()
    assert ("token-1" not in stub.logs) == erased
    await say(page, "hello")
    await expect(page.locator(".entry.answer")).to_have_count(1)
    await page.reload()
    await expect(page.locator(".entry")).to_have_count(2)
    assert len(stub.sent("POST", "sessions")) == 2


async def test_cancelling_keeps_everything(open_page: OpenPage) -> None:
    page = await open_page()
    await conversation(page)
    await choose(page, "Clear this chat")
    await page.get_by_role("button", name="Cancel").click()

    await expect(page.locator(".entry")).to_have_count(3)


async def test_what_could_not_be_erased_is_not_cleared(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await conversation(page)
    stub.fail("DELETE", "conversation", 503)
    await choose(page, "Clear this chat")
    await page.get_by_role("button", name="Erase on the server too").click()

    await expect(page.locator(".status")).to_have_text("Not erased. Please try again.")
    await expect(page.locator(".entry")).to_have_count(3)


async def test_feedback_with_a_comment(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await conversation(page)
    await page.get_by_role("button", name="No", exact=True).click()
    await page.get_by_label("Comment (optional)").fill("too short")
    await page.get_by_role("button", name="Send comment").click()
    await expect(page.get_by_label("Comment (optional)")).to_have_count(0)

    feedback = [(sent["helpful"], sent["comment"]) for sent in stub.sent("POST", "feedback")]
    assert feedback == [(False, ""), (False, "too short")]
    await page.reload()
    await expect(page.get_by_role("button", name="No", exact=True)).to_have_attribute("aria-pressed", "true")


async def test_a_red_flag_in_a_comment_is_answered(open_page: OpenPage) -> None:
    page = await open_page()
    await conversation(page)
    await page.get_by_role("button", name="Yes").click()
    await page.get_by_label("Comment (optional)").fill("now a fever")
    await page.get_by_role("button", name="Send comment").click()

    await expect(page.locator(".entry.emergency")).to_have_count(2)


async def test_feedback_that_is_not_saved_says_whom_to_call(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await conversation(page)
    stub.fail("POST", "feedback", 503)
    await page.get_by_role("button", name="Yes").click()

    await expect(page.locator(".status")).to_have_text("Not saved.")
    await expect(page.locator(".note a[href='tel:911']")).to_be_visible()


async def test_a_language_is_added_by_a_table(open_page: OpenPage, stub: StubService) -> None:
    stub.page = '<crs-chat lang="de-AT"></crs-chat>'
    page = await open_page()
    await page.evaluate(
        "customElements.whenDefined('crs-chat').then((Chat) => Chat.addLanguage('de', { send: 'Senden' }))"
    )
    await open_chat(page)

    await expect(page.locator(".send")).to_have_text("Senden")
    assert await page.locator("label[for=question]").text_content() == "Your question"
    assert await page.locator(".widget").get_attribute("lang") == "de"


async def test_attributes_change_the_open_chat(open_page: OpenPage) -> None:
    page = await open_page()
    await page.evaluate("document.querySelector('crs-chat').setAttribute('open', '')")
    await expect(page.locator("dialog.frame")).to_be_visible()
    assert await page.evaluate("document.activeElement.localName") == "body"
    await page.evaluate("document.querySelector('crs-chat').title = 'Fragen'")
    await expect(page.locator("h2")).to_have_text("Fragen")
    await page.evaluate("document.querySelector('crs-chat').setAttribute('position', 'left')")
    box = await page.locator("dialog.frame").bounding_box()
    assert box
    assert box["x"] < 100
    await page.evaluate("document.querySelector('crs-chat').removeAttribute('open')")
    await expect(page.locator("dialog.frame")).to_be_hidden()


async def test_the_fallback_is_seen_without_the_script_alone(open_page: OpenPage) -> None:
    page = await open_page()
    await expect(page.get_by_text("Fallback text")).to_be_hidden()
    without = await open_page(java_script_enabled=False)
    await expect(without.get_by_text("Fallback text")).to_be_visible()
