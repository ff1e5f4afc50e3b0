"""The widget in a real browser: messages and replies, reloads, copies of the tab, faults of the service and network."""

import re

import pytest
from browser import OpenPage, open_chat, say
from playwright.async_api import expect

from widget.stub import CONTACT, StubService

FIRST_LINE = CONTACT.split("\n")[0]
EVENT_NAMES = ["open", "close", "send", "reply", "emergency"]


async def test_a_question_is_answered(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await open_chat(page)
    await say(page, "How long does CRS last?")

    answer = page.locator(".entry.answer")
    await expect(answer).to_contain_text("Most CRS is over within one to two weeks.")
    assert await answer.locator("strong").all_text_contents() == ["one to two weeks"]
    assert await answer.locator("li").count() == 2
    assert await answer.locator("a").get_attribute("rel") == "noopener noreferrer"
    assert await answer.locator(".sources").text_content() == "Source: Managing CRS: A Family Guide"
    assert await answer.locator("time").count() == 1
    await expect(page.locator(".status")).to_be_empty()
    assert [message["text"] for message in stub.sent("POST", "messages")] == ["How long does CRS last?"]


async def test_no_request_before_the_chat_is_opened(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await expect(page.locator(".launcher")).to_be_visible()

    assert stub.requests == []


async def test_a_suggestion_is_sent_once_and_vanishes(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await open_chat(page)
    await say(page, "How long?")
    await page.get_by_role("button", name="Cost of CRS").click()

    await expect(page.locator(".entry.answer")).to_have_count(2)
    await expect(page.locator(".quick-reply")).to_have_count(1)
    assert stub.sent("POST", "messages")[1]["button"] == "answer/crs_cost"
    await expect(page.locator("#question")).to_be_focused()


async def test_a_reload_brings_everything_back_once_and_silently(open_page: OpenPage) -> None:
    page = await open_page()
    await open_chat(page)
    await say(page, "he has a fever")
    await expect(page.locator(".entry.answer")).to_be_visible()
    before = await page.locator(".entry").all_text_contents()
    await page.add_init_script("""
        window.spoken = [];
        new MutationObserver(() => {
            const root = document.querySelector("crs-chat")?.shadowRoot;
            const log = root?.querySelector(".log");
            if (!log || log.watched) return;
            log.watched = true;
            new MutationObserver(() => spoken.push(log.ariaLive)).observe(log, { childList: true });
        }).observe(document, { childList: true, subtree: true, attributes: true });
    """)
    await page.reload()
    await expect(page.locator(".entry")).to_have_count(3)
    await expect(page.locator(".log")).to_have_attribute("aria-live", "polite")

    assert await page.locator(".entry").all_text_contents() == before
    assert await page.locator("[aria-live=assertive]").text_content() == ""
    assert "polite" not in await page.evaluate("spoken")


async def test_a_message_on_its_way_at_a_reload_is_answered_once(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await open_chat(page)
    stub.fail("POST", "messages")
    await say(page, "How long?")
    await expect(page.locator(".status")).to_have_text("Finding an answer…")
    await page.reload()
    stub.mend()

    await expect(page.locator(".entry.answer")).to_have_count(1)
    await expect(page.locator(".entry.family")).to_have_count(1)
    assert len({message["id"] for message in stub.sent("POST", "messages")}) == 1


async def test_a_copy_of_the_tab_doubles_nothing(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await open_chat(page)
    stub.fail("POST", "messages")
    await say(page, "How long?")
    await expect(page.locator(".status")).to_have_text("Finding an answer…")
    # A tab that a page opens has a copy of its sessionStorage, as a duplicated one has.
    async with page.expect_popup() as opened:
        await page.evaluate("open(location.href, '_blank')")
    copy = await opened.value
    await expect(copy.locator(".entry.family")).to_have_count(1)
    stub.mend()

    for tab in (page, copy):
        await expect(tab.locator(".entry.answer")).to_have_count(1)
        await expect(tab.locator(".entry.family")).to_have_count(1)
    (log,) = stub.logs.values()
    assert [entry["from"] for entry in log] == ["family", "service"]


async def test_after_four_seconds_of_silence_it_says_whom_to_call(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await page.clock.install(time=0)
    await open_chat(page)
    await expect(page.locator(".privacy")).to_contain_text("90 days")
    stub.fail("POST", "messages")
    await page.clock.pause_at(3_600_000)  # from here the page's time goes on only when it is told to
    await say(page, "How long?")
    await page.clock.run_for(3900)
    await expect(page.locator(".note")).to_have_count(0)
    await page.clock.run_for(200)

    await expect(page.locator(".family .unsent")).to_have_text("Not sent, will retry.")
    await expect(page.locator(".note")).to_contain_text(FIRST_LINE)
    await expect(page.locator(".note a[href='tel:911']")).to_be_visible()
    stub.mend()
    await page.clock.resume()
    await expect(page.locator(".entry.answer")).to_be_visible()
    await expect(page.locator(".note, .unsent")).to_have_count(0)


async def test_offline_and_back(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await open_chat(page)
    await expect(page.locator(".privacy")).to_contain_text("90 days")
    await page.context.set_offline(True)
    await expect(page.locator(".status")).to_have_text("You are offline.")
    await expect(page.locator(".note")).to_contain_text(FIRST_LINE)
    await say(page, "How long?")
    await expect(page.locator(".family .unsent")).to_have_text("Not sent, will retry.")
    await expect(page.locator(".family .unsent")).to_be_in_viewport(ratio=1)
    await page.context.set_offline(False)

    await expect(page.locator(".entry.answer")).to_have_count(1)
    await expect(page.locator(".note, .unsent")).to_have_count(0)
    assert len(stub.sent("POST", "messages")) == 1


async def test_without_any_session_the_text_between_the_tags_says_whom_to_call(
    open_page: OpenPage, stub: StubService
) -> None:
    stub.fail("POST", "sessions", 503)
    page = await open_page()
    await open_chat(page)

    await expect(page.locator(".note")).to_contain_text("Fallback text")


async def test_without_a_text_between_the_tags_the_built_in_one_stands(open_page: OpenPage, stub: StubService) -> None:
    stub.page = "<crs-chat></crs-chat>"
    stub.fail("POST", "sessions", 503)
    page = await open_page()
    await open_chat(page)

    await expect(page.locator(".note")).to_contain_text("Anywhere else: your local emergency number.")


@pytest.mark.parametrize(
    ("status", "headers"), [(503, {}), (429, {"retry-after": "7"}), (500, {})], ids=["503", "429", "500"]
)
async def test_a_refused_message_is_sent_again(
    open_page: OpenPage, stub: StubService, status: int, headers: dict[str, str]
) -> None:
    page = await open_page()
    await page.clock.install()
    await open_chat(page)
    stub.fail("POST", "messages", status, headers=headers, times=1)
    await say(page, "How long?")
    await expect(page.locator(".note")).to_contain_text(FIRST_LINE)
    if status == 429:
        await page.clock.run_for(5000)
        assert len(stub.sent("POST", "messages")) == 1
    await page.clock.run_for(7000)

    await expect(page.locator(".entry.answer")).to_have_count(1)
    await expect(page.locator(".note, .unsent")).to_have_count(0)


async def test_that_a_message_is_not_sent_is_said_once(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await page.clock.install()
    await open_chat(page)
    stub.fail("POST", "messages", 503)
    await say(page, "How long?")
    mark = await page.locator(".unsent").element_handle()
    for _ in range(100):
        if len(stub.sent("POST", "messages")) < 3:
            await page.clock.run_for(5000)

    assert len(stub.sent("POST", "messages")) == 3
    assert mark
    assert await mark.evaluate("(mark) => mark.isConnected"), "a new one would be read aloud anew"


async def test_a_message_that_is_too_long_is_not_tried_again(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await open_chat(page)
    stub.fail("POST", "messages", 413)
    await say(page, "long")

    await expect(page.locator(".family .unsent")).to_contain_text("Not sent.")
    await expect(page.locator(".family .unsent")).to_contain_text(FIRST_LINE)
    assert await page.evaluate("Object.values(sessionStorage).every((text) => !JSON.parse(text).queue.length)")


async def test_an_expired_session_is_renewed_and_said(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await open_chat(page)
    await say(page, "How long?")
    await expect(page.locator(".entry.answer")).to_have_count(1)
    stub.logs.clear()
    await say(page, "And the cost?")

    await expect(page.locator(".entry.answer")).to_have_count(2)
    await expect(page.locator(".entry.note")).to_contain_text("Your earlier conversation has ended.")
    assert len(stub.sent("POST", "sessions")) == 2


async def test_the_rest_follows_an_early_emergency_reply(open_page: OpenPage, stub: StubService) -> None:
    stub.early = True
    page = await open_page()
    await open_chat(page)
    await say(page, "he has a fever, how long?")

    await expect(page.locator(".entry.emergency")).to_have_count(1)
    await expect(page.locator(".entry.answer")).to_have_count(1)
    assert len({message["id"] for message in stub.sent("POST", "messages")}) == 1


async def test_a_later_reply_arrives_by_the_stream_once(open_page: OpenPage, stub: StubService) -> None:
    page = await open_page()
    await open_chat(page)
    await say(page, "How long?")
    await expect(page.locator(".entry.answer")).to_have_count(1)
    (token,) = stub.logs
    stub.push(token, "Later")
    await expect(page.locator(".entry.answer")).to_have_count(2)
    await page.get_by_role("button", name="Close the chat").click()
    stub.push(token, "While closed")
    await open_chat(page)

    await expect(page.locator(".entry.answer")).to_have_count(3)
    await expect(page.locator(".entry.answer").last).to_contain_text("While closed")


async def test_the_page_hears_of_everything_but_the_words(open_page: OpenPage) -> None:
    page = await open_page()
    await page.evaluate(
        """(names) => { window.heard = []; for (const name of names)
            addEventListener(`crs-chat:${name}`, ({ type, detail }) => heard.push([type.slice(9), detail])) }""",
        EVENT_NAMES,
    )
    await page.evaluate("document.querySelector('crs-chat').send('he has a fever')")
    await expect(page.locator(".entry.answer")).to_be_visible()
    await page.evaluate("document.querySelector('crs-chat').close()")

    heard = await page.evaluate("heard")
    assert sorted(name for name, _ in heard) == ["close", "emergency", "open", "reply", "reply", "send"]
    assert not re.search("fever|weeks|hospital", str(heard))
