"""The page of numbers over HTTP: figures, choices, downloads, and what is refused."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.console.charts import HEIGHT, Series, round_top, stacked_bars
from bot.console.number_tables import in_words
from bot.conversations.records import Inbound, Outcome
from bot.conversations.store import ConversationStore
from bot.replies import ANSWER, EMERGENCY, Reply
from bot.staff.models import AuditEvent
from console.house import House

FORMULA = "=cmd|'/c calc'!A0"


def write(house: House, *, tier: str | None = None, topic: str = "crs_duration", channel: str = "widget") -> None:
    """A message, written now by the clock of the house."""
    replies = (Reply(EMERGENCY, "Call.", 1), Reply(ANSWER, "Text.", 1, topic=topic, at=house.moment))
    inbound = Inbound(channel, f"family of {channel}", house.moment.isoformat(), "secret", received_at=house.moment)
    ConversationStore(house.sessions).record(inbound, Outcome(replies, "x", 0.9, None, tier, "abc", 9.0))
    house.pass_time(microseconds=1)


def figures(page: httpx.Response) -> dict[str, str]:
    """The large figures at the top."""
    assert page.status_code == 200, page.text
    return dict(re.findall(r"<dt>(.+?)</dt><dd>(.+?)</dd>", page.text))


async def test_figures_charts_and_tables(house: House) -> None:
    write(house)
    write(house, tier="T1", topic="fever")
    async with house.signed_in("nina") as http:
        page = await http.get("/console/numbers")

    assert figures(page) == {"Messages": "2", "Conversations begun": "1", "Red flags T1": "1", "Red flags T2": "0"}
    today = f"{house.moment:%d %b %Y}"
    assert f"<title>{today}, Messages: 2</title>" in page.text
    assert f"<title>{today}, T1, now or unclear: 1</title>" in page.text
    assert f'aria-label="Messages a day. Messages: 2. The most on a day: 2, on {today}."' in page.text
    assert "secret" not in page.text
    assert '<option value="widget">Website</option>' in page.text
    assert '<th scope="row">Website</th>' in page.text


async def test_which_days_and_which_channel(house: House) -> None:
    write(house)
    house.pass_time(days=10)
    write(house)
    write(house, channel="sms")
    long_ago = (house.moment - timedelta(days=10)).date()
    async with house.signed_in("nina") as http:
        for query, messages in {
            "": "3",
            "?days=7": "2",
            "?days=30&channel=widget": "2",
            "?days=7&channel=widget": "1",
            "?channel=": "3",
            f"?from={long_ago}&to={long_ago}": "1",
        }.items():
            assert figures(await http.get(f"/console/numbers{query}"))["Messages"] == messages


@pytest.mark.parametrize(
    ("query", "status", "line"),
    [
        ("days=8", 422, "Choose 7, 30, 90 days"),
        ("days=x", 422, "Choose 7, 30, 90 days"),
        ("from=2026-03-01", 422, "Give a first and a last day"),
        ("from=2026-02-30&to=2026-03-01", 422, "Give a first and a last day"),
        ("from=2026-03-02&to=2026-03-01", 422, "the last day must not be before the first"),
        ("from=2020-03-01&to=2026-03-01", 422, "366 days at most"),
        ("from=0001-01-01&to=0001-01-02", 422, "days of this century"),
        ("colour=red", 422, "Numbers are not chosen by"),
        ("channel=%3Cscript%3E", 404, "Nobody has written over such a channel"),
    ],
)
async def test_what_cannot_be_counted_is_told(house: House, query: str, status: int, line: str) -> None:
    async with house.signed_in("nina") as http:
        page = await http.get(f"/console/numbers?{query}")

    assert (page.status_code, line in page.text) == (status, True)
    assert "<script>" not in page.text


async def test_figures_are_counted_anew_after_a_minute(house: House) -> None:
    async with house.signed_in("nina") as http:
        write(house)
        seen = [figures(await http.get("/console/numbers"))["Messages"]]
        write(house)
        seen.append(figures(await http.get("/console/numbers"))["Messages"])
        house.pass_time(seconds=61)
        seen.append(figures(await http.get("/console/numbers"))["Messages"])

    assert seen == ["1", "1", "2"]


async def test_each_table_is_downloaded_and_recorded(house: House) -> None:
    write(house, tier="T1", channel="=1+1")
    write(house, topic=FORMULA)
    async with house.signed_in("nina") as http:
        page = await http.get("/console/numbers")
        forms = re.findall(r'name="table" value="(\w+)"', page.text)
        found = {name: await export(http, page, name) for name in forms}

    assert set(found) == {"days", "outcomes", "topics", "channels", "acknowledging"}
    assert found["days"][-1] == [str(house.moment.date()), "2", "2", "1", "0", "0"]
    assert found["outcomes"][1] == ["Answered", "2", "100.0"]
    assert found["topics"][1:] == [[f"'{FORMULA}", "1", "50.0", "0", "0"], ["crs_duration", "1", "50.0", "0", "0"]]
    assert found["channels"][1] == ["'=1+1", "1", "1", "0"]
    assert found["acknowledging"][1] == ["Red flags T1, now or unclear", "1", "0", "", ""]
    with house.sessions() as session:
        recorded = session.scalars(select(AuditEvent).where(AuditEvent.action == "numbers.exported")).all()
    assert [(event.actor, event.subject.split()[:2]) for event in recorded] == [
        ("nina", ["numbers", name]) for name in forms
    ]


async def export(http: httpx.AsyncClient, page: httpx.Response, table: str) -> list[list[str]]:
    """Press the button of a table."""
    fields: dict[str, Any] = dict(re.findall(r'type="hidden" name="(from|to|channel)" value="(.*?)"', page.text))
    response = await http.post("/console/numbers/export", data={**fields, "table": table})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/csv")
    assert re.fullmatch(rf'attachment; filename="{table}-[\d-]+\.csv"', response.headers["content-disposition"])
    return list(csv.reader(io.StringIO(response.text)))


async def test_an_unknown_table_is_refused(house: House) -> None:
    async with house.signed_in("nina") as http:
        assert (await http.post("/console/numbers/export", data={"table": "__class__"})).status_code == 422


# The drawing


def test_bars_stand_on_each_other() -> None:
    chart = stacked_bars(["Mon", "Tue"], Series("low", "a", [1, 0]), Series("high", "b", [3, 0]))

    assert (chart.top, chart.width) == (4, 2)
    assert [(bar.kind, bar.y, bar.height) for bar in chart.bars] == [("a", 75, 25), ("b", 0, 75)]
    assert all(0 <= bar.y <= bar.y + bar.height <= HEIGHT for bar in chart.bars)
    assert chart.summary == "low: 1; high: 3. The most on a day: 4, on Mon."
    assert stacked_bars(["Mon"], Series("low", "a", [0])).summary == "None in this period."


@pytest.mark.parametrize(
    ("value", "top"), [(0, 2), (1, 2), (2, 2), (3, 4), (9, 10), (10, 10), (11, 20), (81, 100), (4100, 6000)]
)
def test_the_scale_ends_at_a_round_figure(value: int, top: int) -> None:
    assert round_top(value) == top


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ({"seconds": 0}, "0 s"),
        ({"seconds": 59.6}, "1 min"),
        ({"seconds": 61}, "1 min 1 s"),
        ({"hours": 2}, "2 h"),
        ({"hours": 26, "minutes": 5}, "1 d 2 h"),
    ],
)
def test_times_in_words(time: dict[str, float], words: str) -> None:
    assert in_words(timedelta(**time)) == words
    assert in_words(None) == "–"
