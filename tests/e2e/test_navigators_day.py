"""A navigator's day in a real browser on the running service: by keyboard alone, from an alert to a new answer."""

import asyncio
import csv
import re
from dataclasses import dataclass

import pytest
from browser import PHONE, OpenPage, browser, chromium
from navigators import Inspector, add_staff, enter, press, shown, sign_in, tab_to, write
from playwright.async_api import Download, Page, expect
from server_process import Server
from widget_pages import becomes, open_page, shared_server

__all__ = ["browser", "chromium", "open_page", "shared_server"]  # fixtures

QUESTION = "How long does CRS usually last?"
RED_FLAG = "His lips are blue and how long does CRS last?"
UNANSWERABLE = "can the dog of my brother come along too"
REWORDED = "Most CRS is over within a fortnight or less."


@pytest.fixture(scope="module")
def staffed(shared_server: Server) -> Server:
    add_staff(shared_server)
    return shared_server


@dataclass(frozen=True)
class Desk:
    """A page of the console, the service behind it, and who looks for faults."""

    page: Page
    server: Server
    inspector: Inspector

    async def is_sound(self, state: str) -> None:
        await self.inspector.look(self.page, state)

    async def downloads(self, key: str) -> str:
        """What the browser saves when a key is pressed."""
        async with self.page.expect_download() as saving:
            await self.page.keyboard.press(key)
        saved: Download = await saving.value
        return await asyncio.to_thread((await saved.path()).read_text, encoding="utf-8")


def family_writes(server: Server, text: str) -> str:
    """One message of a new family.

    Returns:
        its conversation's code.
    """
    session = server.http.post("/channels/widget/sessions").json()
    server.say(session["token"], text)
    return str(session["code"])


def family_complains(server: Server) -> None:
    session = server.http.post("/channels/widget/sessions").json()
    answer = next(reply for reply in server.say(session["token"], QUESTION) if reply["kind"] == "answer")
    body = {"reply_id": answer["id"], "helpful": False, "comment": "too long"}
    headers = {"authorization": f"Bearer {session['token']}"}
    assert server.http.post("/channels/widget/feedback", json=body, headers=headers).status_code == 200


async def test_a_day_at_a_desk(open_page: OpenPage, staffed: Server) -> None:
    desk = Desk(await open_page("/console/"), staffed, Inspector())
    await desk.is_sound("the door")
    await sign_in(desk.page, "nina")
    code = await an_alert_comes_and_is_acknowledged(desk)
    await the_conversation_is_reviewed(desk)
    await a_family_that_asks_for_a_person_is_acknowledged_in_the_bar(desk)
    family_complains(staffed)
    await a_view_is_saved(desk)
    await the_conversation_is_found_by_a_word(desk, code)
    await an_unanswered_message_becomes_an_example(desk)
    await an_answer_is_reworded(desk)
    approver = Desk(await open_page("/console/answers"), staffed, desk.inspector)
    await sign_in(approver.page, "paul")
    await the_rewording_is_published(approver)
    await becomes(lambda: REWORDED in family_reads(staffed))
    await the_numbers_show_the_day(desk)
    await signing_out_leaves_nothing(desk)
    admin = Desk(await open_page("/console/audit"), staffed, desk.inspector)
    await sign_in(admin.page, "anna")
    await the_audit_has_all_of_it(admin, code)

    assert desk.inspector.faults == []


async def test_the_main_path_on_a_phone(open_page: OpenPage, staffed: Server) -> None:
    desk = Desk(await open_page("/console/", viewport=PHONE, has_touch=True), staffed, Inspector())
    await sign_in(desk.page, "nina")
    await an_alert_comes_and_is_acknowledged(desk)
    await the_conversation_is_reviewed(desk)
    await signing_out_leaves_nothing(desk)

    assert desk.inspector.faults == []


async def an_alert_comes_and_is_acknowledged(desk: Desk) -> str:
    """A family writes while the inbox is open."""
    page = desk.page
    await expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    await expect(page.locator("#alerts")).to_contain_text("No open alerts")
    await desk.is_sound("the inbox")
    code = family_writes(desk.server, RED_FLAG)
    alert = page.locator("#alerts").get_by_role("link", name=code)
    await shown(page, alert)
    await expect(page.get_by_role("status")).to_contain_text("A new alert.")
    await desk.is_sound("an alert")
    await enter(page, alert)
    await shown(page, page.get_by_role("heading", name=code))
    await expect(page.locator("mark")).to_contain_text("lips are blue")
    await desk.is_sound("the conversation")
    await press(page, "e", page.get_by_text("Acknowledged by Nina"))
    await expect(page.locator("#alerts")).to_contain_text("No open alerts")
    return code


async def the_conversation_is_reviewed(desk: Desk) -> None:
    page = desk.page
    await page.keyboard.press("m")
    await page.keyboard.press("c")
    finder = page.get_by_label("Find a topic")
    await expect(finder).to_be_focused()
    await desk.is_sound("the picker of topics")
    await page.keyboard.type("cost and")
    await press(page, "Enter", page.get_by_text("Corrected to Cost and hospital stay by Nina"))
    await page.keyboard.press("n")
    await expect(page.get_by_label("A note for other navigators")).to_be_focused()
    await page.keyboard.type("The ward knows of the blue lips.")
    await enter(page, page.get_by_role("button", name="Add note"))
    await shown(page, page.locator(".note"))
    await page.keyboard.press("t")
    await page.keyboard.type("call back")
    await press(page, "Enter", page.get_by_role("button", name="Remove the tag call back"))
    await page.keyboard.press("a")
    await expect(page.get_by_role("button", name="Assign to me")).to_have_count(0)
    await page.wait_for_load_state()
    await press(page, "r", page.locator(".head").get_by_text("Reviewed"))
    await desk.is_sound("the reviewed conversation")
    await press(page, "u", page.get_by_role("heading", name="Inbox"))


async def a_family_that_asks_for_a_person_is_acknowledged_in_the_bar(desk: Desk) -> None:
    bar = desk.page.locator("#alerts")
    code = family_writes(desk.server, "I want to talk to a real person")
    await shown(desk.page, bar.get_by_role("link", name=code), bar.get_by_text("Wants a person"))
    await enter(desk.page, bar.get_by_role("button", name=f"Acknowledge {code}"))
    await expect(bar).to_contain_text("No open alerts")
    assert desk.page.url.endswith("/console/")


async def a_view_is_saved(desk: Desk) -> None:
    """Conversations that did not help, under a name."""
    page = desk.page
    await page.keyboard.press("f")
    await tab_to(page, page.get_by_label("Review"))
    await page.keyboard.type("All")
    await tab_to(page, page.get_by_role("checkbox", name="Did not help"))
    await page.keyboard.press("Space")
    await desk.is_sound("the filter")
    await enter(page, page.get_by_role("button", name="Show"))
    await shown(page, page.get_by_text("All · Did not help"))
    await enter(page, page.locator("summary", has_text="Save this view"))
    await write(page, page.get_by_label("Name of the view"), "Complaints")
    await desk.is_sound("saving a view")
    await page.keyboard.press("Enter")
    view = page.get_by_role("link", name="Complaints")
    await shown(page, view)
    await expect(view).to_have_attribute("aria-current", "true")
    await expect(page.locator(".conversation")).to_have_count(1)


async def the_conversation_is_found_by_a_word(desk: Desk, code: str) -> None:
    page = desk.page
    await enter(page, page.get_by_role("link", name="All", exact=True))
    await shown(page, page.locator(".conversation").nth(1))
    await page.keyboard.press("/")
    await page.keyboard.type("blue lips ward")
    await press(page, "Enter", page.get_by_role("link", name="Clear").first)
    await expect(page.locator(".conversation")).to_have_count(1)
    assert "blue" not in page.url
    await desk.is_sound("a search")
    await page.keyboard.press("j")
    await expect(page.get_by_role("link", name=code)).to_be_focused()
    await press(page, "Enter", page.locator(".note"), page.get_by_role("heading", name=code))


async def an_unanswered_message_becomes_an_example(desk: Desk) -> None:
    page = desk.page
    family_writes(desk.server, UNANSWERABLE)
    await enter(page, page.get_by_role("link", name="Improve"))
    await shown(page, page.get_by_role("heading", name="Improve"))
    await desk.is_sound("messages to learn from")
    group = page.locator("form.card", has_text=UNANSWERABLE)
    while not await group.evaluate("group => group === document.querySelector('[data-row][aria-current=true]')"):
        await page.keyboard.press("j")
    await page.keyboard.press("c")
    await page.keyboard.type("Out of scope")
    await page.keyboard.press("Escape")
    await press(page, "a", page.get_by_text("1 message queued as examples: Out of scope."))
    await press(page, "q", page.get_by_role("link", name="Download the patch"))
    await desk.is_sound("the queue")
    patch = await desk.downloads("s")
    assert re.search(rf"^\+ +- {UNANSWERABLE}$", patch, re.M)


async def an_answer_is_reworded(desk: Desk) -> None:
    """Whoever wrote it cannot publish it."""
    page = desk.page
    await enter(page, page.get_by_role("link", name="Answers", exact=True))
    await shown(page, page.get_by_role("heading", name="Answers"))
    await desk.is_sound("the answers")
    await enter(page, page.get_by_role("link", name="How long CRS lasts", exact=True))
    await shown(page, page.get_by_role("link", name="Write a new draft"))
    await desk.is_sound("an answer")
    await press(page, "n", page.get_by_role("heading", name="New draft of crs_duration"))
    await tab_to(page, page.get_by_label("Text", exact=True))
    await page.keyboard.press("Control+Home")
    await page.keyboard.press("Shift+End")
    await page.keyboard.type(REWORDED)
    await desk.is_sound("a draft")
    await enter(page, page.get_by_role("button", name="Preview"))
    await shown(page, page.get_by_role("heading", name="Preview, not saved"))
    await enter(page, page.get_by_role("button", name="Save the draft"))
    await shown(page, page.get_by_text("You wrote this revision: somebody else publishes it."))
    await expect(page.get_by_role("button", name=re.compile("Publish"))).to_have_count(0)
    await desk.is_sound("a revision")


async def the_rewording_is_published(desk: Desk) -> None:
    page = desk.page
    await enter(page, page.get_by_role("link", name="revision 2 waits"))
    await shown(page, page.locator("ins", has_text="a fortnight or less"))
    await enter(page, page.get_by_role("button", name="Publish revision 2"))
    await shown(page, page.locator("dl").get_by_text("published", exact=True))


def family_reads(server: Server) -> str:
    """The answer that a new family gets to the question."""
    return "".join(reply["text"] for reply in server.say(server.token(), QUESTION) if reply["kind"] == "answer")


async def the_numbers_show_the_day(desk: Desk) -> None:
    page = desk.page
    await enter(page, page.get_by_role("link", name="Numbers"))
    await shown(page, page.get_by_role("heading", name="Numbers"))
    await desk.is_sound("the numbers")
    await expect(page.locator("tr", has_text="How long CRS lasts")).to_be_visible()
    await tab_to(page, page.get_by_role("button", name=re.compile("^Download as CSV.*days")))
    rows = list(csv.DictReader((await desk.downloads("Enter")).splitlines()))
    assert len(rows) == 30
    assert int(rows[-1]["Red flags T1"]) >= 1


async def the_audit_has_all_of_it(desk: Desk, code: str) -> None:
    page = desk.page
    await shown(page, page.get_by_role("heading", name="Audit"))
    await desk.is_sound("the audit")
    exported = page.get_by_role("button", name="Export these as CSV")
    await tab_to(page, exported)
    events = list(csv.DictReader((await desk.downloads("Enter")).splitlines()))
    done = {(event["actor"], event["action"], event["subject"]) for event in events}
    of_conversation = ("viewed", "noted", "tagged", "assigned", "reviewed")
    expected = {("nina", f"conversation.{each}", f"conversation {code}") for each in of_conversation}
    expected |= {("nina", each, f"conversation {code}") for each in ("alert.acknowledged", "message.topic_corrected")}
    expected |= {("nina", "view.saved", "inbox"), ("nina", "improve.training", "messages to learn from")}
    draft = "answer crs_duration 2"
    expected |= {("nina", "answer.drafted", draft), ("paul", "answer.published", draft)}
    assert expected - done == set()
    assert {"numbers.exported", "queue.patch"} - {action for _, action, _ in done} == set()
    assert not any(word in str(events) for word in ("lips", "fortnight", "dog"))


async def signing_out_leaves_nothing(desk: Desk) -> None:
    page = desk.page
    await enter(page, page.get_by_role("button", name="Sign out"))
    await shown(page, page.get_by_role("heading", name="Sign in"))
    await page.keyboard.press("Alt+ArrowLeft")
    await shown(page, page.get_by_role("heading", name="Sign in"))
    await page.go_back()
    await shown(page, page.get_by_label("Password"))
    await expect(page.locator("body")).not_to_contain_text("lips")
