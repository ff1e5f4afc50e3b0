"""The inbox, its views and the alert bar, over HTTP."""

import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from log_entries import add_conversation, add_message, add_reply
from sqlalchemy import select

from bot.console.inbox_rules import load_inbox_rules
from bot.conversations.inbox import PAGE
from bot.conversations.review_models import Alert, ConversationTag, Tag
from bot.conversations.reviewing import find_conversation
from bot.conversations.search import add_words
from bot.data_file import DataFileError
from bot.staff.models import AuditEvent
from console.house import House, csrf_in

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
HTMX = {"hx-request": "true"}


def fill(house: House) -> None:
    """Two conversations, one urgent with an open alert, both tagged."""
    with house.sessions() as session:
        for key, minutes, tier in (("urgent", 5, "T1"), ("quiet", 1, None)):
            states = {"unsure": tier is None, "undelivered": tier is None}
            conversation = add_conversation(session, key, minutes, tier=tier, **states)
            message = add_message(session, conversation, f"Words of {key} {HOSTILE}", tier=tier)
            add_reply(session, message, topic="crs_duration")
            if tier:
                session.add(
                    Alert(
                        conversation_id=conversation.id,
                        message_id=message.id,
                        kind="red_flag",
                        tier=tier,
                        raised_at=house.moment,
                        goes_out=True,
                    )
                )
            session.add(tag := Tag(name=f"<b>{key}</b>"))
            session.flush()
            session.add(ConversationTag(conversation_id=conversation.id, tag_id=tag.id, added_by_id=1))
        session.commit()


def codes(page: httpx.Response) -> list[str]:
    return re.findall(r'<a class="code"[^>]*>([^<]+)</a>', page.text)


def code_of(house: House, key: str) -> str:
    with house.sessions() as session:
        conversation = find_conversation(session, key)
        assert conversation is not None
        return str(conversation.code)


def audited(house: House) -> list[tuple[str, str, str]]:
    with house.sessions() as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
        return [(event.actor, event.action, event.subject) for event in events if event.action != "sign_in"]


async def test_the_inbox_shows_what_waits_and_records_who_saw_it(house: House) -> None:
    fill(house)
    async with house.signed_in("nina") as http:
        page = await http.get("/console/")

        assert codes(page) == [code_of(house, "urgent"), code_of(house, "quiet")]
        assert "Words of urgent &lt;script&gt;" in page.text
        assert page.text.count('<span class="badge">Not delivered</span>') == 1
        assert re.search(r'href="/console/\?undelivered=yes">Not delivered<span class="count">1<', page.text)
        with house.sessions() as session:
            newest = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
            assert (newest.actor, newest.action) == ("nina", "inbox.viewed")
            assert newest.detail == {"conversations": codes(page)}


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("tier=T1", ["urgent"]),
        ("unsure=yes", ["quiet"]),
        ("undelivered=yes", ["quiet"]),
        ("sort=oldest", ["quiet", "urgent"]),
        ("review=reviewed", []),
        ("assignee=me", []),
        ("tag=1&topic=crs_duration", ["urgent"]),
        # what the form sends
        ("review=all&tier=&topic=&channel=widget&tag=&assignee=nobody&from=&to=&sort=newest", ["urgent", "quiet"]),
    ],
)
async def test_a_filter_is_an_address(house: House, query: str, keys: list[str]) -> None:
    fill(house)
    async with house.signed_in("nina") as http:
        page = await http.get(f"/console/?{query}")

    assert codes(page) == [code_of(house, key) for key in keys]


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("q=fever", "The address of this page has a part that the inbox does not know."),
        ("tier=T7", "&#39;tier&#39; is one of: T1, T2, any."),
        ("tag=99", "There is no such tag any more."),
        ("assignee=stranger", "There is nobody of that name who can sign in."),
    ],
)
async def test_a_wrong_address_is_one_line(house: House, query: str, line: str) -> None:
    async with house.signed_in("nina") as http:
        page = await http.get(f"/console/?{query}")

    assert page.status_code == 422
    assert f"<p>{line}</p>" in page.text


async def test_a_picture_without_words_has_a_row_that_says_so(house: House) -> None:
    with house.sessions() as session:
        for key, text in (("caption", "Is this <b>normal</b>?"), ("bare", "")):
            add_message(session, add_conversation(session, key, channel="whatsapp"), text, form="not_text")
        session.commit()
    async with house.signed_in("nina") as http:
        page = (await http.get("/console/")).text

    excerpts = re.findall(r'<p class="excerpt" dir="auto">(.*?)</p>', page)
    assert excerpts == [
        '<span class="soft">Picture or voice message</span>',
        "Is this &lt;b&gt;normal&lt;/b&gt;?",
    ]
    assert page.count("<span>WhatsApp</span>") == 2


async def test_pages(house: House) -> None:
    with house.sessions() as session:
        for number in range(PAGE + 1):
            add_conversation(session, f"c{number}", number)
        session.commit()
    async with house.signed_in("nina") as http:
        first = await http.get("/console/?review=all")
        following = re.search(r'href="([^"]+)" rel="next"', first.text)
        assert following
        second = await http.get(following[1].replace("&amp;", "&"))
        back = re.search(r'href="([^"]+)" rel="prev"', second.text)
        assert back
        again = await http.get(back[1].replace("&amp;", "&"))

    assert (len(codes(first)), codes(second)) == (PAGE, [code_of(house, "c0")])
    assert codes(again) == codes(first)
    assert 'rel="prev"' not in first.text


async def test_words_are_searched_for_within_the_filter(house: House) -> None:
    fill(house)
    with house.sessions() as session:
        for number in range(PAGE):
            conversation = add_conversation(session, f"c{number}", -number)
            add_words(session, conversation.id, "fever")
        for key in ("urgent", "quiet"):
            add_words(session, find_conversation(session, key).id, "fever")
        session.commit()
    async with house.signed_in("nina") as http:
        urgent = await http.post("/console/search", data={"words": " Fever ", "query": "tier=T1"})
        first = await http.post("/console/search", data={"words": "fev"})
        after = re.search(r'name="after" value="([^"]+)"', first.text)
        assert after
        second = await http.post("/console/search", data={"words": "fev", "after": after[1]})
        none = await http.post("/console/search", data={"words": HOSTILE})
        long = await http.post("/console/search", data={"words": "x" * 201})

    assert codes(urgent) == [code_of(house, "urgent")]
    assert 'value="Fever"' in urgent.text
    assert (len(codes(first)), len(codes(second))) == (PAGE, 2)
    assert set(codes(first)).isdisjoint(codes(second))
    assert (none.status_code, codes(none)) == (200, [])
    assert "<script>alert" not in none.text
    assert long.status_code == 422
    assert not any("fev" in str(event) for event in audited(house))


async def test_nothing_that_was_stored_becomes_markup(house: House) -> None:
    fill(house)
    async with house.signed_in("nina") as http:
        await http.post("/console/views", data={"name": HOSTILE[:60], "query": "tier=T1"})
        page = await http.get("/console/?sort=urgent")

    for markup in ("<script>alert", "<img", "<b>"):
        assert markup not in page.text


async def test_views_are_saved_shared_and_deleted(house: House) -> None:
    async with house.signed_in("nina") as nina, house.signed_in("paul") as paul:
        saved = await nina.post(
            "/console/views", data={"name": "Night", "query": "sort=urgent&tier=any", "shared": "yes"}
        )
        await nina.post("/console/views", data={"name": "My own", "query": "tier=T2"})

        assert (saved.status_code, saved.headers["location"]) == (303, "/console/?tier=any&sort=urgent")
        page = (await paul.get("/console/")).text
        assert 'href="/console/?tier=any&amp;sort=urgent"' in page
        assert "My own" not in page
        assert (await paul.post("/console/views/1/delete")).status_code == 422
        assert (await nina.post("/console/views/1/delete")).status_code == 303
        assert "Night" not in (await paul.get("/console/")).text
        wrong = await nina.post("/console/views", data={"name": "Odd", "query": "q=fever"})
        assert wrong.status_code == 422


async def test_the_bar_answers_only_what_is_new(house: House) -> None:
    fill(house)
    async with house.signed_in("nina") as http:
        bar = await http.get("/console/alerts", headers=HTMX)
        address = re.search(r'hx-get="([^"]+)"', bar.text)
        assert address
        path = address[1].replace("&amp;", "&")
        same = await http.get(path, headers=HTMX)
        with house.sessions() as session:
            quiet = find_conversation(session, "quiet")
            message = add_message(session, quiet)
            raised_at = house.moment + timedelta(seconds=1)
            session.add(
                Alert(
                    conversation_id=quiet.id, message_id=message.id, kind="person", raised_at=raised_at, goes_out=False
                )
            )
            session.commit()
        news = await http.get(path, headers=HTMX)

    assert code_of(house, "urgent") in bar.text
    assert "Words of" not in bar.text
    assert 'role="status"' not in bar.text
    assert same.status_code == 204
    assert "2 conversations wait" in news.text
    assert 'role="status"' in news.text


async def test_the_bar_does_not_keep_a_session_alive(house: House) -> None:
    async with house.signed_in("nina") as http:
        for _ in range(5):
            house.pass_time(minutes=15)
            answer = await http.get("/console/alerts", headers=HTMX)

    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/console/sign-in"


@pytest.mark.parametrize(("minutes", "overdue"), [(9, False), (11, True)])
async def test_an_alert_becomes_overdue(house: House, minutes: int, overdue: bool) -> None:
    fill(house)
    async with house.signed_in("nina") as http:
        house.pass_time(minutes=minutes)
        page = await http.get("/console/alerts")

    assert ("overdue" in page.text) == overdue


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["without a script", "in the bar"])
async def test_what_was_seen_is_acknowledged(house: House, headers: dict[str, str]) -> None:
    fill(house)
    async with house.signed_in("nina") as http:
        page = (await http.get("/console/alerts")).text
        fields = dict(re.findall(r'name="(newest(?:_at)?)" value="([^"]+)"', page))
        done = await http.post("/console/alerts/urgent/acknowledge", data=fields, headers=headers)
        after = (await http.get("/console/alerts")).text

    assert done.status_code == (200 if headers else 303)
    assert "Nobody waits for a navigator" in after
    assert ("nina", "alert.acknowledged", f"conversation {code_of(house, 'urgent')}") in audited(house)
    with house.sessions() as session:
        (alert,) = session.scalars(select(Alert)).all()
        assert alert.acknowledged_by.name == "nina"


@pytest.mark.parametrize(
    ("key", "fields", "status"),
    [
        ("urgent", {}, 422),
        ("urgent", {"newest": "1", "newest_at": "0001-01-01T00:00:00+14:00"}, 422),
        ("urgent", {"newest": "1", "newest_at": "2027-01-01"}, 422),
        ("urgent", {"newest": "x", "newest_at": "2027-01-01T00:00:00+00:00"}, 422),
        ("nobody", {"newest": "1", "newest_at": "2027-01-01T00:00:00+00:00"}, 404),
    ],
)
async def test_what_cannot_be_acknowledged(house: House, key: str, fields: dict[str, str], status: int) -> None:
    fill(house)
    async with house.signed_in("nina") as http:
        answer = await http.post(f"/console/alerts/{key}/acknowledge", data=fields)

    assert answer.status_code == status


async def test_forms_carry_the_token_of_the_session(house: House) -> None:
    fill(house)
    async with house.signed_in("nina") as http:
        assert csrf_in((await http.get("/console/alerts")).text)
        del http.headers["x-csrf-token"]
        assert (await http.post("/console/alerts/urgent/acknowledge", data={"newest": "1"})).status_code == 403


def test_rules_that_are_wrong_name_the_key(tmp_path: Path) -> None:
    file = tmp_path / "inbox.yml"
    file.write_text("overdue_after_minutes:\n  urgent: 0\n  other: 60\n")

    with pytest.raises(DataFileError, match=r"line 2: overdue_after_minutes\.urgent"):
        load_inbox_rules(file)
