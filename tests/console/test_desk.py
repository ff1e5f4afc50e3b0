"""bot.console.desk and forms: work and its audit in one commit, forms within their limits, faults as one clear line."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from bot.console.access import Visit
from bot.console.desk import Desk
from bot.console.forms import BODY_MAXIMUM, FIELDS_MAXIMUM
from bot.staff import audit
from bot.staff.models import User
from bot.storage import transactions
from console.house import House, sign_in

VISIT = Visit(1, "nina", "Nina", "navigator", "c" * 64, 1)
FORM = {"content-type": "application/x-www-form-urlencoded"}
Act = Callable[[Desk, Callable[[Session], Any]], Awaitable[Any]]
ACTS: dict[str, Act] = {
    "look": lambda desk, work: desk.look(VISIT, "user.viewed", "user nina", work),
    "change": lambda desk, work: desk.change(VISIT, "user.changed", "user nina", work, {"field": "name"}),
}


@pytest.fixture
def desk(each_house: House) -> Desk:
    return each_house.console.desk


def rename(session: Session) -> str:
    user = session.scalars(select(User).where(User.name == "nina")).one()
    user.display_name = "Renamed"
    return str(user.name)


@pytest.mark.parametrize("act", ACTS)
async def test_work_and_its_event_are_committed_together(each_house: House, desk: Desk, act: str) -> None:
    assert await ACTS[act](desk, rename) == "nina"

    assert each_house.user("nina").display_name == "Renamed"
    assert [(actor, subject) for actor, _, subject in each_house.audited()] == [("nina", "user nina")]


@pytest.mark.parametrize("act", ACTS)
async def test_what_fails_is_not_recorded(each_house: House, desk: Desk, act: str) -> None:
    def fail(session: Session) -> None:
        rename(session)
        session.flush()
        raise LookupError

    with pytest.raises(LookupError):
        await ACTS[act](desk, fail)

    assert (each_house.user("nina").display_name, each_house.audited()) == ("Nina", [])


@pytest.mark.parametrize("act", ACTS)
async def test_what_cannot_be_recorded_is_neither_done_nor_shown(
    each_house: House, desk: Desk, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OperationalError("INSERT", {}, Exception("the disk is full"))

    monkeypatch.setattr("bot.staff.audit.record", fail)
    with pytest.raises(OperationalError):
        await ACTS[act](desk, rename)

    assert each_house.user("nina").display_name == "Nina"


async def test_a_read_commits_nothing(each_house: House, desk: Desk) -> None:
    await desk.read(rename)

    assert each_house.user("nina").display_name == "Nina"


# A database in use


def locked(folder: Path) -> sqlite3.Connection:
    """A connection that holds the write lock of the house's file."""
    other = sqlite3.connect(folder / "bot.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


async def test_a_locked_database_is_one_clear_line(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "TRIES", 1)
    async with house.signed_in("anna") as http:
        with closing(locked(tmp_path)):
            page = await http.post("/console/people/2/disable")
            part = await http.post("/console/people/2/disable", headers={"hx-request": "true"})
            shown = await http.get("/console/people")
        assert (page.status_code, part.status_code, shown.status_code) == (503, 503, 200)
        assert "The database cannot be used just now: try again in a moment." in page.text
        assert part.text == "<p>The database cannot be used just now: try again in a moment.</p>"
        assert (await http.post("/console/people/2/disable")).status_code == 303


async def test_a_change_waits_for_another_and_is_done_once(
    each_house: House, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    def pause(_seconds: float) -> None:
        nonlocal tries
        tries += 1
        other.rollback()  # what was in the way has ended

    monkeypatch.setattr(transactions, "time", SimpleNamespace(sleep=pause))
    with each_house.sessions() as other:
        audit.hold(other)
        await desk.change(VISIT, "user.changed", "user nina", rename)

    assert (tries, len(each_house.audited())) == (1, 1)


async def test_without_a_database_the_door_says_so(house: House, tmp_path: Path) -> None:
    async with house.visitor() as http:
        house.sessions.kw["bind"].dispose()
        (tmp_path / "bot.sqlite3").write_text("This is no database, but a text as long as the header of one. " * 9)
        for extra in ("-wal", "-shm"):
            (tmp_path / f"bot.sqlite3{extra}").unlink(missing_ok=True)
        response = await sign_in(http, "nina")
    assert (response.status_code, "The database cannot be used just now" in response.text) == (503, True)


# Forms


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"name=" + b"x" * BODY_MAXIMUM, FORM, 413),
        (b"&".join(b"a%d=1" % number for number in range(FIELDS_MAXIMUM + 1)), FORM, 400),
        (b"name=%00", FORM, 400),
        (b"n%00me=x", FORM, 400),
        (b"name=%ff", FORM, 400),
        (b"name=\xff", FORM, 400),
        (b'{"name": "x"}', {"content-type": "application/json"}, 415),
        (b"name=x", {}, 415),
        (b"name=x", {"content-type": "multipart/form-data; boundary=x"}, 415),
        (b"name=x", {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, 401),
        (b"", {}, 401),
        (b"&&&==&", FORM, 401),
    ],
)
async def test_forms_that_are_none(house: House, body: bytes, headers: dict[str, str], status: int) -> None:
    async with house.visitor() as http:
        response = await http.post("/console/sign-in", content=body, headers=headers)
    assert response.status_code == status
    assert "Traceback" not in response.text


@pytest.mark.parametrize("path", ["/console/audit%00", "/console/sign-in?next=%00"])
async def test_an_address_with_a_nul(house: House, path: str) -> None:
    async with house.visitor() as http:
        assert (await http.get(path)).status_code in (400, 404)


async def test_htmx_gets_a_line_where_a_browser_gets_a_page(house: House) -> None:
    async with house.signed_in("nina") as http:
        page = await http.get("/console/people")
        part: httpx.Response = await http.get("/console/people", headers={"hx-request": "true"})
    assert "<!doctype html>" in page.text
    assert part.text == "<p>This page is for the role admin, and yours is navigator.</p>"
    assert (page.status_code, part.status_code) == (403, 403)
