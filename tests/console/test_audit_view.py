"""The audit's pages: filtered, paged, exported; and what the console itself records."""

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest

from bot.console.audit_view import COLUMNS, SHOWN
from bot.csv_lines import csv_line
from bot.staff import audit
from bot.staff.audit import Actor
from bot.storage.base import now
from console.house import House

VIEWED = "conversation.viewed"
NINA = Actor("nina", "navigator")


def record(
    house: House, count: int, action: str = "conversation.viewed", actor: Actor = NINA, **detail: object
) -> None:
    with house.sessions() as session:
        for number in range(count):
            audit.record(session, actor, action, f"conversation {number:03}", detail)
        session.commit()


def subjects(page: str) -> list[str]:
    return re.findall(r"<td>(conversation \d+)</td>", page)


def link(page: str, relation: str) -> str:
    return unescape(re.findall(rf'href="([^"]+)" rel="{relation}"', page)[0])


async def test_pages_stay_where_they_are_while_events_are_added(each_house: House) -> None:
    house = each_house
    record(house, SHOWN + 3)
    async with house.signed_in("anna") as http:
        first = (await http.get("/console/audit?actor=nina")).text
        record(house, 5)
        second = (await http.get(link(first, "next"))).text
        newest = (await http.get(link(second, "prev"))).text

    assert subjects(first) == [f"conversation {number:03}" for number in reversed(range(3, SHOWN + 3))]
    assert subjects(second) == ["conversation 002", "conversation 001", "conversation 000"]
    assert 'rel="next"' not in second
    assert subjects(newest)[:5] == [f"conversation {number:03}" for number in reversed(range(5))]


async def test_filters(each_house: House) -> None:
    house, today = each_house, now().date()
    wrong = ["since=yesterday", "until=2026-02-30", "before=x", "before=-1", f"before={2**31}", "before=1e3"]
    record(house, 1)
    record(house, 2, "user.role", Actor("paul", "approver"))
    async with house.signed_in("anna") as http:
        for query, found in (
            ("", 4),
            ("actor=paul", 2),
            ("actor=paul&action=conversation.viewed", 0),
            ("action=conversation.viewed", 1),
            ("action=user.", 2),
            ("action=user", 0),
            ("action=%25.", 0),
            (f"since={today}", 4),
            (f"until={today}", 4),
            (f"since={today + timedelta(days=1)}", 0),
            (f"until={today - timedelta(days=1)}", 0),
            ("until=9999-12-31", 4),
            ("since=0001-01-01", 4),
            ("before=1", 0),
        ):
            page = await http.get(f"/console/audit?{query}")
            assert (page.status_code, page.text.count("<tr data-row")) == (200, found), query
        for query in wrong:
            assert (await http.get(f"/console/audit?{query}")).status_code == 422, query
        assert (await http.get("/console/audit?actor=%00")).status_code == 400


async def test_an_export_is_whole_and_harmless(each_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house = each_house
    monkeypatch.setattr("bot.console.audit_view.EXPORTED_AT_ONCE", 2)
    record(house, 5, **{"note": 'x, "y"'})
    record(house, 1, "=cmd|' /C calc'!A0", Actor("+nina", "navigator"))
    async with house.signed_in("anna") as http:
        response = await http.post("/console/audit/export", data={"actor": "", "since": ""})

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert tuple(rows[0]) == COLUMNS
    assert [row["action"] for row in rows] == [
        "audit.exported",
        "sign_in.done",
        "'=cmd|' /C calc'!A0",
        *["conversation.viewed"] * 5,
    ]
    assert rows[2]["actor"] == "'+nina"
    assert rows[3]["detail"] == '{"note": "x, \\"y\\""}'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2", "'-2"),
        (-2, "-2"),
        ("\t=1", "'\t=1"),
        ("a, b", '"a, b"'),
        ("", ""),
        (None, ""),
        (0, "0"),
        ("two\nlines", '"two\nlines"'),
    ],
)
def test_a_spreadsheet_runs_nothing(value: object, written: str) -> None:
    assert csv_line([value, "x"]) == f"{written},x\r\n"


async def test_what_stands_in_an_event_is_text(house: House) -> None:
    record(house, 1, "<b>bold</b>", Actor("<script>", "navigator"), note="<img src=x>")
    async with house.signed_in("anna") as http:
        page = (await http.get("/console/audit")).text
    assert not re.search(r"<b>bold|<script>|<img", page)
    assert "&lt;script&gt;" in page
