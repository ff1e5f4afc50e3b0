"""The console's pages of approved answers: from the list to a draft that a second person publishes."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from bot.answers.content import read_answers_file
from bot.answers.setup import ANSWERS_FILE, load_answers_file
from bot.answers.workflow import add_draft, find_revision
from console.house import House
from console.offices import office_in

CONTENTS = {content.name: content for content in read_answers_file(ANSWERS_FILE)}
NAME = "crs_duration"
ADDED = "It can also last less than a day."


@pytest_asyncio.fixture(loop_scope="session")
async def office(house: House, tmp_path: Path) -> AsyncIterator[House]:
    async with office_in(tmp_path, house.sessions) as office:
        yield office


@pytest_asyncio.fixture(loop_scope="session")
async def each_office(each_house: House, tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """The same on both kinds of database."""
    async with office_in(tmp_path, each_house.sessions, database_url=database_url) as office:
        yield office


def answer_page(house: House, name: str = NAME, rest: str = "") -> str:
    with house.sessions() as session:
        return f"/console/answers/{find_revision(session, name).answer.id}{rest}"


def filled(name: str = NAME, **changes: Any) -> dict[str, Any]:
    """The form of a new wording, filled in from the project's answer."""
    content = CONTENTS[name]
    return {
        "begun_with": "1",
        "title": content.title,
        "question": content.question,
        "text": f"{content.text}\n\n{ADDED}",
        "document": [source.document for source in content.sources],
        "section": [source.section for source in content.sources],
        "related": list(content.related),
        "review_by": "2099-05-31",
        "action": "save",
        **changes,
    }


async def write(house: House, who: str = "nina", **changes: Any) -> httpx.Response:
    async with house.signed_in(who) as http:
        return await http.post(answer_page(house, rest="/new"), data=filled(**changes))


async def publish(house: House, who: str, number: int, seen: int) -> httpx.Response:
    async with house.signed_in(who) as http:
        path = answer_page(house, rest=f"/revisions/{number}/publish")
        return await http.post(path, data={"published": str(seen)})


def published(house: House, name: str = NAME) -> tuple[int, str] | None:
    """What the running service sends."""
    found = house.service.answers.named(name)
    return (found.revision, found.content.text) if found else None


def events(house: House) -> list[tuple[str, str, str]]:
    return [event for event in house.audited() if event[1].startswith("answer.")]


async def test_the_list_shows_what_is_published_what_waits_and_what_is_overdue(office: House) -> None:
    async with office.signed_in("nina") as http:
        page = (await http.get("/console/answers")).text
        assert page.count("<tr data-row>") == len(CONTENTS)
        assert "No published answer is overdue." in (await http.get("/console/answers/overdue")).text

        with office.sessions() as session:
            answer = find_revision(session, NAME).answer
            add_draft(session, answer, CONTENTS[NAME], author="nina", origin="console")
            session.commit()
        assert "revision 2 waits" in (await http.get("/console/answers")).text


async def test_an_answer_is_overdue_when_its_day_is_over(office: House) -> None:
    days = sorted({content.review_by for content in CONTENTS.values()})
    office.moment = office.moment.replace(year=days[-1].year, month=days[-1].month, day=days[-1].day)
    for passed, expected in ((0, 0), (1, len(CONTENTS))):
        office.moment += timedelta(days=passed)
        async with office.signed_in("nina") as http:
            page = (await http.get("/console/answers/overdue")).text
        assert page.count("<tr data-row>") == page.count('<span class="badge urgent">overdue</span>') == expected
        assert f"Overdue for review ({expected})" in page


async def test_a_draft_is_published_by_a_second_person_and_families_get_it_at_once(each_office: House) -> None:
    office = each_office
    saved = await write(office)
    assert (saved.status_code, saved.headers["location"]) == (303, answer_page(office, rest="/revisions/2"))
    assert published(office) == (1, CONTENTS[NAME].text)

    async with office.signed_in("paul") as http:
        page = (await http.get(saved.headers["location"])).text
    assert f"added: </span>\n\n{ADDED}" in page.replace("&#39;", "'")
    assert "Families get it at once, instead of revision 1." in page

    done = await publish(office, "paul", 2, seen=1)

    assert done.status_code == 303
    assert published(office) == (2, f"{CONTENTS[NAME].text}\n\n{ADDED}")
    assert events(office) == [
        ("nina", "answer.drafted", "answer crs_duration 2"),
        ("paul", "answer.published", "answer crs_duration 2"),
    ]
    with office.sessions() as session:
        revision = find_revision(session, NAME)
        assert (revision.author, revision.published_by, revision.origin) == ("nina", "paul", "console")


async def test_the_next_start_keeps_what_was_published_here(office: House) -> None:
    await write(office)
    await publish(office, "paul", 2, seen=1)

    report = load_answers_file(office.sessions)

    office.service.answers.refresh()
    assert (report.changed, published(office)) == ((), (2, f"{CONTENTS[NAME].text}\n\n{ADDED}"))


@pytest.mark.parametrize(
    ("author", "who", "status", "said"),
    [
        ("paul", "paul", 422, "Revision 2 was written by paul: somebody else publishes it."),
        ("nina", "nina", 403, "This page is for the role approver, and yours is navigator."),
        ("anna", "paul", 303, ""),
    ],
)
async def test_who_may_publish(office: House, author: str, who: str, status: int, said: str) -> None:
    await write(office, author)

    done = await publish(office, who, 2, seen=1)

    assert done.status_code == status
    assert said in done.text
    assert published(office)[0] == (2 if status == 303 else 1)


@pytest.mark.parametrize(
    ("author", "who", "offered", "said"),
    [
        ("paul", "paul", False, "You wrote this revision: somebody else publishes it."),
        ("paul", "nina", False, "An approver publishes it."),
        ("nina", "paul", True, "Publish revision 2"),
    ],
)
async def test_the_page_offers_what_may_be_done(office: House, author: str, who: str, offered: bool, said: str) -> None:
    await write(office, author)
    async with office.signed_in(who) as http:
        page = (await http.get(answer_page(office, rest="/revisions/2"))).text

    assert said in page
    assert ("/revisions/2/publish" in page) is offered


async def test_publishing_on_a_page_that_is_out_of_date_asks_again(office: House) -> None:
    await write(office)
    await write(office, "anna", text=f"{CONTENTS[NAME].text}\n\nAnother end.")
    await publish(office, "paul", 3, seen=1)

    stale = await publish(office, "paul", 2, seen=1)

    assert stale.status_code == 409
    assert "Nothing was done: meanwhile paul published revision 3." in stale.text
    assert '<input type="hidden" name="published" value="3">' in stale.text
    assert "What it changes in revision 3" in stale.text
    assert published(office)[0] == 3

    assert (await publish(office, "paul", 2, seen=3)).status_code == 303
    assert published(office)[0] == 2


async def test_retiring(office: House) -> None:
    name = "crs_grading/grade_2"
    path = answer_page(office, name, "/revisions/1/retire")
    for who, seen, status in (("nina", 1, 403), ("paul", 0, 409), ("paul", 1, 303), ("paul", 0, 422)):
        async with office.signed_in(who) as http:
            done = await http.post(path, data={"published": str(seen)})
        assert done.status_code == status, done.text

    assert published(office, name) is None
    assert events(office) == [("paul", "answer.retired", f"answer {name} 1")]
    async with office.signed_in("nina") as http:
        assert "No revision is published" in (await http.get(answer_page(office, name))).text
        assert '<span class="badge urgent">none</span>' in (await http.get("/console/answers")).text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": ""}, "Title: is missing."),
        ({"text": "Too short."}, "Text: has 2 words; it needs 40 to 180."),
        ({"question": "No."}, "Question: must end with a question mark."),
        ({"document": ["", ""], "section": ["", ""]}, "Sources: name at least one."),
        ({"related": [NAME]}, "Related: &#39;crs_duration&#39; is no other answer."),
        ({"review_by": "soon"}, "Review by: must be a day such as 2027-05-31."),
    ],
)
async def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_lost(
    office: House, changes: dict[str, Any], said: str
) -> None:
    refused = await write(office, **{"text": f"{CONTENTS[NAME].text}\n\n{ADDED}", "title": "My own title", **changes})

    assert refused.status_code == 422
    assert re.findall(r'<(?:span|p) class="wrong" id="\w+-problem">([^<]+)<', refused.text) == [said]
    assert "The draft was not saved: 1 field needs another look." in refused.text
    kept = {"title": 'value="My own title"', "text": ADDED}
    assert all(shown in refused.text for field, shown in kept.items() if field not in changes)
    for value in changes.values():
        assert not isinstance(value, str) or not value or value in refused.text
    with office.sessions() as session:
        assert find_revision(session, NAME).number == 1


async def test_a_preview_shows_both_channels_and_saves_nothing(office: House) -> None:
    text = "**Call** [us](https://ward.example/).\n\n- <script>alert(1)</script>\n- two"
    shown = await write(office, action="preview", text=text, title="My own title")

    assert shown.status_code == 200
    assert '<strong>Call</strong> <a href="https://ward.example/" rel="noopener noreferrer"' in shown.text
    assert "<li>&lt;script&gt;alert(1)&lt;/script&gt;</li>" in shown.text
    whatsapp = shown.text[shown.text.index(">On WhatsApp<") :]
    (message,) = re.findall(r'<div class="card message" dir="auto">(.*?)</div>', whatsapp, re.S)
    assert message == "*Call* us (https://ward.example/).\n\n• &lt;script&gt;alert(1)&lt;/script&gt;\n• two"
    assert 'value="My own title"' in shown.text
    with office.sessions() as session:
        assert find_revision(session, NAME).number == 1


async def test_the_form_begins_with_the_revision_that_was_asked_for(office: House) -> None:
    await write(office, title="Another title")
    async with office.signed_in("nina") as http:
        for given, title in (("", CONTENTS[NAME].title), ("?from=2", "Another title")):
            page = (await http.get(answer_page(office, rest=f"/new{given}"))).text
            assert f'value="{title}"' in page
        sources = CONTENTS[NAME].sources
        assert page.count('<select id="document-') == max(5, len(sources) + 2)
        assert page.count(" selected>") == len(sources) + len(CONTENTS[NAME].related)


async def test_any_two_revisions_are_compared(office: House) -> None:
    await write(office, title="Another title")
    async with office.signed_in("nina") as http:
        page = (await http.get(answer_page(office, rest="/compare?older=2&newer=1"))).text

    assert re.findall(r"added: </span>([^<]*)<", page)[0] == CONTENTS[NAME].title
    assert f"removed: </span>\n\n{ADDED}<" in page
    assert page.count('<dd class="hint">unchanged</dd>') == 3


async def test_the_fixed_texts_are_shown_with_revision_and_signature(office: House) -> None:
    async with office.signed_in("nina") as http:
        page = (await http.get("/console/answers/fixed")).text

    texts = office.service.texts.all()
    assert page.count('<section class="card"') == len(texts)
    assert page.count("nobody has signed it") == sum(not text.signed_by for text in texts)
    assert "<form" not in page.partition("<main")[2].partition("</main>")[0]


@pytest.mark.parametrize(
    ("method", "path", "data", "status"),
    [
        ("GET", "/console/answers/999", None, 404),
        ("GET", "/console/answers/99999999999999999999", None, 404),
        ("GET", "/console/answers/1/revisions/7", None, 404),
        ("GET", "/console/answers/1/new?from=7", None, 404),
        ("GET", "/console/answers/1/compare", None, 404),
        ("GET", "/console/answers/1/compare?older=1&newer=x", None, 404),
        ("POST", "/console/answers/1/new", {}, 422),
        ("POST", "/console/answers/999/new", filled(), 404),
        ("POST", "/console/answers/1/revisions/1/publish", {}, 422),
        ("POST", "/console/answers/1/revisions/1/publish", {"published": "²"}, 422),
        ("POST", "/console/answers/1/revisions/9/publish", {"published": "1"}, 404),
    ],
)
async def test_what_is_not_there_or_not_whole_is_told_in_a_line(
    office: House, method: str, path: str, data: dict[str, Any] | None, status: int
) -> None:
    async with office.signed_in("anna") as http:
        done = await http.request(method, path, data=data)

    assert done.status_code == status
    assert "Traceback" not in done.text
