"""The page of a conversation and what navigators do there, over HTTP."""

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from log_entries import add_conversation, add_message, add_reply, at
from project import settings_in
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.answers.setup import load_answers_file
from bot.conversations.models import Conversation, Delivery, ErasedConversation, Feedback, Message, MessageRedFlag
from bot.conversations.review_models import Alert, Correction, Note, QueuedExample, Review
from bot.conversations.reviewing import find_conversation
from bot.service import Service
from bot.staff.models import AuditEvent, User
from bot.storage.database import open_database, session_factory
from console.house import House

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
PATH = "/console/conversations/family"
FORMS = {
    "note": {"text": "Called back"},
    "tag": {"name": "Call back"},
    "untag": {"tag": "1"},
    "assign": {"assignee": "paul"},
    "review": {"state": "reviewed"},
    "messages/asked/topic": {"topic": "what_is_crs"},
    "messages/asked/tier": {"tier": "none"},
    "messages/asked/missed": {"symptom": "seizure", "tier": "T1"},
    "messages/asked/example": {"purpose": "training", "text": "Fever", "topic": "what_is_crs"},
}


@pytest.fixture(scope="session")
def answering_service(bare_service: Service) -> Service:
    """The service of these tests knows the topics."""
    load_answers_file(bare_service.sessions)
    bare_service.answers.refresh()
    return bare_service


@pytest_asyncio.fixture(loop_scope="session")
async def nina(house: House, answering_service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A navigator's browser; one family has written."""
    write_down(house)
    async with house.signed_in("nina") as http:
        yield http


def write_down(house: House) -> None:
    """What the family wrote and was sent, and a conversation before and behind it."""
    with house.sessions() as session:
        family = add_conversation(session, "family", 5, tier="T1")
        asked = add_message(
            session, family, "He has a fever and chills", key="asked", tier="T1", intent="late_crs_at_home"
        )
        asked.confidence, asked.ruleset, asked.milliseconds = 0.834, "ab12cd34", 43.4
        for symptom, detector, start, end in (
            ("fever", "lexicon", 9, 14),
            ("fever", "vitals", 7, 14),
            ("chills", "lexicon", 19, 25),
            ("worsening", "semantic", None, None),
        ):
            session.add(MessageRedFlag(message_id=asked.id, symptom=symptom, detector=detector, start=start, end=end))
        add_reply(session, asked, "Call now.", key="call", kind="emergency", text_id="emergency", revision=2)
        buttons = [{"title": "What CRS is", "token": "what_is_crs"}]
        sent = {"topic": "crs_duration", "revision": 3, "position": 1, "buttons": buttons}
        answer = add_reply(session, asked, "- About **a week**.", key="week", **sent)
        session.add(Delivery(message_id=answer.id, state="undelivered", attempts=5, error="timeout"))
        session.add(Feedback(message_id=answer.id, helpful=False, comment="He is worse", tier="T2"))
        session.add(Alert(conversation_id=family.id, message_id=asked.id, kind="red_flag", tier="T1", goes_out=True))
        add_conversation(session, "newer", 6)
        add_conversation(session, "older", 4)
        session.commit()


def rows(house: House, model: type) -> list:  # type: ignore[type-arg]
    with house.sessions() as session:
        return list(session.scalars(select(model).order_by(*model.__table__.primary_key)))  # type: ignore[attr-defined]


def family_of(session: Session) -> Conversation:
    conversation = find_conversation(session, "family")
    assert conversation is not None
    return conversation


def events(house: House, action: str) -> list[AuditEvent]:
    return [event for event in rows(house, AuditEvent) if event.action == action]


async def test_everything_that_is_known_of_a_conversation_is_there(house: House, nina: httpx.AsyncClient) -> None:
    page = (await nina.get(PATH)).text
    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())

    assert re.findall(r'<mark title="([^"]+)">([^<]+)<', page) == [
        ("Fever (vitals); Fever (lexicon)", "a fever"),
        ("Chills and rigors (lexicon)", "chills"),
    ]
    for part in (
        "T1 · now or unclear",
        "83 % sure",
        "Getting worse, call for help (semantic)",
        "Text emergency, revision 2",
        "Not delivered after 5 tries: timeout",
        "Answered in 43 ms",
        "ab12cd34",
        "What CRS is",
        "Did not help",
        "He is worse",
        "T2 · not about now",
        "Red flag T1",
    ):
        assert part in words, part
    assert 'href="/console/answers/sent/crs_duration/3"' in page
    assert "<li>About <strong>a week</strong>.</li>" in page


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        ({"state": "pending"}, "Waits to be sent"),
        (
            {"state": "pending", "attempts": 1, "next_attempt_at": at(60), "error": "ConnectError"},
            "Waits to be sent, tried 1 time, next try at 2027-01-01 13:00:00 UTC: ConnectError",
        ),
        ({"state": "pending", "attempts": 3, "error": "131056"}, "Waits to be sent, tried 3 times: 131056"),
        ({"state": "sending", "attempts": 2, "next_attempt_at": at(60), "error": "429"}, "Being sent"),
        ({"state": "sent", "attempts": 1, "delivered_at": at(0)}, "Sent, 2027-01-01"),
        ({"state": "delivered", "attempts": 3, "delivered_at": at(0)}, "Delivered after 3 tries, 2027-01-01"),
        ({"state": "read", "attempts": 1, "delivered_at": at(0)}, "Read, 2027-01-01"),
        ({"state": "undelivered", "attempts": 1, "error": "131047"}, "Not delivered: 131047"),
        ({"state": "undelivered", "attempts": 1, "delivered_at": at(0)}, "Not delivered"),  # taken, then reported
        ({"state": "sent", "possibly_repeated": True}, "Sent May have been sent twice"),
    ],
)
async def test_how_far_a_messengers_reply_has_come(house: House, delivery: dict[str, Any], words: str) -> None:
    house.moment = at(60 * 24 * 40)
    with house.sessions() as session:
        family = add_conversation(session, "phone", channel="whatsapp", address="encrypted")
        reply = add_reply(session, add_message(session, family), text_id="notice", revision=1)
        session.add(Delivery(message_id=reply.id, **delivery))
        session.commit()

    async with house.signed_in("nina") as http:
        page = (await http.get("/console/conversations/phone")).text

    (facts,) = re.findall(r'<p class="facts">((?:(?!</p>).)*revision 1.*?)</p>', page, re.S)
    assert " ".join(re.sub(r"<[^>]+>", "", facts).split()) == f"Text notice, revision 1 {words}"
    assert ('<span class="badge urgent">Not delivered</span>' in page) == (delivery["state"] == "undelivered")


@pytest.mark.parametrize(
    ("form", "badge"),
    [
        ("text", None),
        ("edited", "Edited version"),
        ("not_text", "Picture or voice message"),
        ("erase", "Asks for deletion"),
        ("kept", "Does not want deletion"),
    ],
)
async def test_in_which_form_a_message_came(
    house: House, nina: httpx.AsyncClient, form: str, badge: str | None
) -> None:
    with house.sessions() as session:
        add_reply(session, add_message(session, add_conversation(session, "phone", channel="telegram"), form=form))
        session.commit()

    page = (await nina.get("/console/conversations/phone")).text

    (message,) = re.findall(r'<li id="message-[^"]+" class="said family".*?</li>', page, re.S)
    assert re.findall(r'<span class="badge">([^<]+)</span>', message) == ([badge] if badge else [])


async def test_the_revision_that_was_sent_is_a_click_away(house: House, nina: httpx.AsyncClient) -> None:
    load_answers_file(house.sessions)
    with house.sessions() as session:
        for reply in session.scalars(select(Message).where(Message.key == "week")):
            reply.revision = 1
        session.commit()
    (link,) = re.findall(r'href="(/console/answers/sent/[^"]+)"', (await nina.get(PATH)).text)

    page = await nina.get(link, follow_redirects=True)

    assert page.status_code == 200
    assert "crs_duration" in page.text
    assert page.url.path.endswith("/revisions/1")
    assert (await nina.get("/console/answers/sent/nothing/1")).status_code == 404


async def test_each_look_is_recorded(house: House, nina: httpx.AsyncClient) -> None:
    await nina.get(PATH)
    await nina.get(f"{PATH}/messages/asked")

    with house.sessions() as session:
        subject = f"conversation {family_of(session).code}"
    for action in ("conversation.viewed", "message.viewed"):
        (event,) = events(house, action)
        assert (event.actor, event.subject) == ("nina", subject)


async def test_next_and_previous_keep_the_filter(nina: httpx.AsyncClient) -> None:
    page = (await nina.get(f"{PATH}?review=all&sort=oldest")).text

    assert 'href="/console/conversations/older?review=all&amp;sort=oldest" rel="prev"' in page
    assert 'href="/console/conversations/newer?review=all&amp;sort=oldest" rel="next"' in page
    assert 'href="/console/?review=all&amp;sort=oldest"' in page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console/conversations/nobody", 404),
        (f"{PATH}/messages/nothing", 404),
        (f"{PATH}?colour=red", 422),
        (f"{PATH}?earlier=x", 422),
        (f"{PATH}?earlier=1&later=2", 422),
    ],
)
async def test_what_is_not_there(house: House, nina: httpx.AsyncClient, path: str, status: int) -> None:
    page = await nina.get(path)

    assert page.status_code == status
    assert "Traceback" not in page.text
    assert events(house, "conversation.viewed") == []


async def test_a_long_conversation_comes_in_pages(house: House, nina: httpx.AsyncClient) -> None:
    with house.sessions() as session:
        for number in range(200):
            add_message(session, family_of(session), f"Line {number}.")
        session.commit()

    last = (await nina.get(PATH)).text
    link = re.search(r'href="([^"]+earlier=\d+)"', last)
    assert link
    first = (await nina.get(link[1].replace("&amp;", "&"))).text

    assert "He has" not in last
    assert "Line 199." in last
    assert "He has" in first
    assert "Line 199." not in first
    assert "later=" in first


@pytest.mark.parametrize("form", FORMS)
async def test_each_form_leads_back_and_is_recorded_without_words(
    house: House, nina: httpx.AsyncClient, form: str
) -> None:
    before = len(rows(house, AuditEvent))

    done = await nina.post(f"{PATH}/{form}", data={**FORMS[form], "view": "tier=T1&review=all", "part": "earlier=99"})

    anchor = "#message-asked" if "messages" in form else ""
    assert done.status_code == 303
    assert done.headers["location"] == f"{PATH}?review=all&tier=T1&earlier=99{anchor}"
    (event,) = rows(house, AuditEvent)[before:]
    assert event.actor == "nina"
    assert not any(word in str(event.detail) for word in ("Called", "Fever", "Call back"))


async def test_what_the_forms_do(house: House, nina: httpx.AsyncClient) -> None:
    for form, fields in FORMS.items():
        if form != "untag":
            await nina.post(f"{PATH}/{form}", data=fields)

    page = (await nina.get(PATH)).text
    with house.sessions() as session:
        family = family_of(session)
        assert (family.review, session.get(User, family.assignee_id).name, family.tier) == ("reviewed", "paul", "T1")
    assert [note.text for note in rows(house, Note)] == ["Called back"]
    assert [step.state for step in rows(house, Review)] == ["reviewed"]
    assert [(each.kind, each.value) for each in rows(house, Correction)] == [
        ("topic", "what_is_crs"),
        ("tier", None),
        ("missed", "seizure"),
        ("tier", "T1"),
    ]
    assert [(each.text, each.topic) for each in rows(house, QueuedExample)] == [("Fever", "what_is_crs")]
    for part in ("Called back", "call back", "Corrected to", "Training example", "Seizure (navigator)"):
        assert part in page, part

    await nina.post(f"{PATH}/untag", data={"tag": "1"})
    await nina.post(f"{PATH}/assign", data={"assignee": ""})

    with house.sessions() as session:
        assert family_of(session).assignee_id is None
    assert '<span class="tag">call back</span>' not in (await nina.get(PATH)).text


@pytest.mark.parametrize(
    ("form", "fields", "line"),
    [
        ("note", {"text": " "}, "A note needs some words."),
        ("tag", {"name": "x" * 41}, "A tag has 1 to 40 printable characters."),
        ("assign", {"assignee": "stranger"}, "There is nobody called &#39;stranger&#39; who can sign in."),
        ("review", {"state": "lost"}, "A conversation is one of: to review, later, reviewed."),
        ("messages/asked/topic", {"topic": "football"}, "Choose a topic from the list."),
        ("messages/asked/tier", {"tier": "T9"}, "A tier is one of: T1, T2."),
        ("messages/asked/missed", {"symptom": "hiccups", "tier": "T1"}, "Choose a symptom from the list."),
        ("messages/call/topic", {"topic": "what_is_crs"}, "Only a family&#39;s own message can be corrected."),
        ("messages/asked/example", {"purpose": "fun"}, "An example is for one of: training, regression."),
        ("messages/nothing/tier", {"tier": "T1"}, "There is no such message."),
        ("review", {"state": "later", "view": "colour=red"}, "The address of this page has a part"),
    ],
)
async def test_what_cannot_be_done_is_one_line(
    nina: httpx.AsyncClient, form: str, fields: dict[str, str], line: str
) -> None:
    page = await nina.post(f"{PATH}/{form}", data=fields)

    assert page.status_code in (404, 422)
    assert f"<p>{line}" in page.text


async def test_alerts_are_acknowledged_on_the_page(house: House, nina: httpx.AsyncClient) -> None:
    page = (await nina.get(f"{PATH}?tier=T1")).text
    fields = dict(re.findall(r'name="(newest(?:_at)?|view)" value="([^"]*)"', page))

    done = await nina.post("/console/alerts/family/acknowledge", data=fields)

    assert done.headers["location"] == f"{PATH}?tier=T1"
    assert rows(house, Alert)[0].acknowledged_at is not None
    assert "Acknowledged by Nina" in (await nina.get(PATH)).text


async def test_nothing_that_was_stored_becomes_markup(house: House, nina: httpx.AsyncClient) -> None:
    with house.sessions() as session:
        for user in session.scalars(select(User)):
            user.display_name = HOSTILE
        for message in session.scalars(select(Message)):
            message.text = HOSTILE
            message.buttons = [{"title": HOSTILE, "token": HOSTILE}]
            message.intent = HOSTILE
        session.scalars(select(Feedback)).one().comment = HOSTILE
        session.scalars(select(Delivery)).one().error = HOSTILE
        session.commit()
    await nina.post(f"{PATH}/note", data={"text": HOSTILE})
    await nina.post(f"{PATH}/tag", data={"name": HOSTILE[:40]})
    await nina.post(f"{PATH}/review", data={"state": "later"})
    await nina.post(f"{PATH}/assign", data={"assignee": "nina"})

    pages = [
        await nina.get(path) for path in (PATH, f"{PATH}/messages/asked", "/console/?review=later", "/console/alerts")
    ]

    for page in pages:
        assert page.status_code == 200
        for markup in ("<script>alert", "<img"):
            assert markup not in page.text


async def test_the_forms_of_a_message_are_a_page_and_a_part(nina: httpx.AsyncClient) -> None:
    page = (await nina.get(f"{PATH}/messages/asked?tier=T1")).text
    part = (await nina.get(f"{PATH}/messages/asked?tier=T1", headers={"hx-request": "true"})).text

    assert "<html" in page
    assert "<html" not in part
    for text in (page, part):
        assert 'value="out_of_scope"' in text
        assert 'value="talk_to_human"' in text
        assert 'name="view" value="tier=T1"' in text
        assert ">Seizure</option>" in text


async def test_what_is_to_be_learnt_from_has_no_contact_data(house: House, nina: httpx.AsyncClient) -> None:
    with house.sessions() as session:
        asked = session.scalars(select(Message).where(Message.key == "asked")).one()
        asked.text = "How long? Mail anna@example.org"
        session.commit()

    page = (await nina.get(f"{PATH}/messages/asked")).text

    (example,) = re.findall(r'<textarea id="example-text"[^>]*>([^<]*)<', page)
    assert example.startswith("How long? Mail ")
    assert "anna@example.org" not in example


async def test_only_an_admin_erases(house: House, nina: httpx.AsyncClient) -> None:
    assert (await nina.post(f"{PATH}/erase")).status_code == 403
    assert "Erase the conversation" not in (await nina.get(PATH)).text
    assert rows(house, Message) != []


async def test_nothing_is_left_of_what_is_erased(staffed_file: Path, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, secret_key="k" * 32)
    shutil.copy(staffed_file, tmp_path / "bot.sqlite3")
    sessions = session_factory(open_database(settings.database_url))
    house = House(Service(settings, model=tmp_path / "none.tar.gz", sessions=sessions), sessions, settings)
    write_down(house)
    async with house.signed_in("anna") as anna:
        await anna.post(f"{PATH}/note", data={"text": "A note"})
        assert "Erase the conversation" in (await anna.get(PATH)).text
        done = await anna.post(f"{PATH}/erase")
        gone = await anna.get(PATH)
        again = await anna.post(f"{PATH}/erase")
    await house.service.stop()

    assert (done.status_code, done.headers["location"]) == (303, "/console/")
    assert (gone.status_code, again.status_code) == (404, 404)
    assert house.service.journal.is_erased("family")
    assert rows(house, Message) == rows(house, Note) == rows(house, Alert) == []
    assert [erased.key for erased in rows(house, ErasedConversation)] == ["family"]
    (event,) = events(house, "conversation.erased")
    assert event.actor == "anna"
