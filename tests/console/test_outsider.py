"""Every route of the console, as it is found in the application, against those who must not come in.

A new route is covered by itself; one that takes more than a navigator is named in `LEAST`.
"""

from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import select

from bot.console.access import COOKIE
from bot.security_headers import CONSOLE_HEADERS, SECURITY_HEADERS
from bot.staff.models import ADMIN, APPROVER, NAVIGATOR, ROLES, StaffSession
from console.house import STAFF, House, csrf_in, method_of, path_of, sign_in, token_of

OPEN = {"sign_in", "sign_in_send"}
# The least role of a route, by the first word of its name; of all others it is navigator.
LEAST = {"people": ADMIN, "person": ADMIN, "audit": ADMIN, "erase": ADMIN, "approve": APPROVER}
OF_ROLE = {role: name for name, role in STAFF.items()}
EVIL = "https://evil.example"


def closed(house: House) -> list[tuple[str, str, str]]:
    """Name, method and path of each route that takes a session."""
    return [(route.name, method_of(route), path_of(route)) for route in house.pages() if route.name not in OPEN]


def least(name: str) -> str:
    return LEAST.get(name.partition("_")[0], NAVIGATOR)


async def assert_shut(http: httpx.AsyncClient, house: House) -> None:
    """Each route sends to the door, and htmx too."""
    for name, method, path in closed(house):
        response = await http.request(method, path)
        if method == "GET":
            found = (response.status_code, response.headers["location"])
            assert found == (303, f"/console/sign-in?next={path}"), name
        else:
            assert response.status_code == 401, name
        part = await http.request(method, path, headers={"hx-request": "true"})
        assert (part.status_code, part.headers["hx-redirect"], part.content) == (401, "/console/sign-in", b""), name


def test_all_routes_are_looked_at(house: House) -> None:
    assert {"inbox", "account", "people", "person_disable", "audit", "sign_out"} <= {name for name, *_ in closed(house)}
    names = [route.name for route in house.pages()]
    assert len(names) == len(set(names))


# Without a session that counts


async def test_without_a_session(house: House) -> None:
    async with house.visitor() as http:
        await assert_shut(http, house)


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "é", "' OR 1=1 --", "0" * 64, "../../etc"])
async def test_with_a_token_that_nobody_was_given(house: House, token: str) -> None:
    async with house.visitor() as http:
        http.headers["cookie"] = f"{COOKIE}={token}"
        await assert_shut(http, house)


async def test_the_digest_in_the_database_is_no_token(house: House) -> None:
    async with house.signed_in("anna") as http:
        with house.sessions() as session:
            digest = session.scalars(select(StaffSession.digest)).one()
        assert token_of(http) not in digest
    async with house.visitor() as http:
        http.headers["cookie"] = f"{COOKIE}={digest}"
        await assert_shut(http, house)


ENDINGS: dict[str, Callable[[House], object]] = {
    "not used for an hour": lambda house: house.pass_time(minutes=60),
    "disabled": lambda house: house.change("anna", disabled_at=house.moment),
    "signed out elsewhere": lambda house: end_sessions(house),
}


def end_sessions(house: House) -> None:
    with house.sessions() as session:
        session.scalars(select(StaffSession)).one().revoked_at = house.moment
        session.commit()


@pytest.mark.parametrize("ending", ENDINGS)
async def test_with_a_session_that_has_ended(house: House, ending: str) -> None:
    async with house.signed_in("anna") as http:
        assert (await http.get("/console/people")).status_code == 200
        ENDINGS[ending](house)
        await assert_shut(http, house)


async def test_a_session_ends_after_twelve_hours_whatever_is_done_in_it(house: House) -> None:
    async with house.signed_in("anna") as http:
        for _ in range(14):
            assert (await http.get("/console/people")).status_code == 200
            house.pass_time(minutes=50)
        assert (await http.get("/console/people")).status_code == 200
        house.pass_time(minutes=20)
        await assert_shut(http, house)


# With a session of another


async def test_with_a_role_too_low(house: House) -> None:
    for role in ROLES:
        async with house.signed_in(OF_ROLE[role]) as http:
            for name, method, path in closed(house):
                if name == "sign_out":
                    continue
                status = (await http.request(method, path)).status_code
                if ROLES.index(role) < ROLES.index(least(name)):
                    assert status == 403, (role, name)
                else:
                    assert status in (200, 303, 400, 404, 422), (role, name)


async def test_a_role_that_was_taken_holds_no_longer(house: House) -> None:
    async with house.signed_in("anna") as http:
        house.change("anna", role=APPROVER)
        assert (await http.get("/console/people")).status_code == 403


async def test_what_is_due_comes_first(house: House) -> None:
    for changes, page, reached in (
        ({"must_change_password": True}, "/console/account/password", {"new_password", "new_password_send"}),
        ({"totp_secret": "sealed"}, "/console/second-factor", {"second_factor", "second_factor_send"}),
    ):
        house.change("anna", **{"must_change_password": False, "totp_secret": None, **changes})
        async with house.visitor() as http:
            await sign_in(http, "anna")
            door = await http.get(page)
            assert door.status_code == 200
            assert "/console/people" not in door.text, "no menu"
            for name, method, path in closed(house):
                if name in {*reached, "sign_out"}:
                    continue
                response = await http.request(method, path, headers={"x-csrf-token": csrf_in(door.text)})
                location = response.headers["location"].partition("?")[0]
                assert (response.status_code, location) == (303, page), name


# Requests that a page of another site makes the browser send


@pytest.mark.parametrize("given", ["absent", "empty", "wrong", "of a colleague", "of the session before", "not ASCII"])
async def test_without_the_right_token_nothing_is_changed(house: House, given: str) -> None:
    async with house.signed_in("paul") as colleague, house.signed_in("anna") as http:
        csrf = {
            "absent": None,
            "empty": "",
            "wrong": "0" * 64,
            "of a colleague": colleague.headers["x-csrf-token"],
            "of the session before": http.headers["x-csrf-token"],
            "not ASCII": "é" * 64,
        }[given]
        if given == "of the session before":
            await sign_in(http, "anna")
        del http.headers["x-csrf-token"]
        before = len(house.audited())
        for name, method, path in closed(house):
            if method == "GET":
                continue
            form = {} if csrf is None else {"csrf": csrf}
            assert (await http.request(method, path, data=form)).status_code == 403, name
            if csrf is not None:
                headers = {"x-csrf-token": csrf.encode()}
                assert (await http.request(method, path, headers=headers)).status_code == 403, name
        assert len(house.audited()) == before
        assert (await http.get("/console/people")).status_code == 200, "still signed in"


FOREIGN = [
    {"origin": EVIL},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://127.0.0.1.evil.example"},
    {"origin": "http://127.0.0.1:8001"},
    {"origin": "http://evil.example\\@127.0.0.1"},
    {"origin": "http://[127.0.0.1"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "same-origin", "origin": EVIL},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_from_another_site_not_even_the_right_token_helps(house: House, headers: dict[str, str]) -> None:
    async with house.signed_in("anna") as http:
        before = len(house.audited())
        for name, method, path in closed(house):
            if method != "GET":
                assert (await http.request(method, path, headers=headers)).status_code == 403, name
        assert len(house.audited()) == before
    async with house.visitor() as http:
        http.headers.update(headers)
        assert (await sign_in(http, "anna")).status_code == 403, "nor does it sign anybody in"


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://127.0.0.1"}, {"sec-fetch-site": "same-origin", "origin": "https://127.0.0.1"}]
)
async def test_from_here_the_right_token_is_enough(house: House, headers: dict[str, str]) -> None:
    async with house.signed_in("anna") as http:
        csrf = http.headers.pop("x-csrf-token")
        response = await http.post("/console/sign-out", data={"csrf": csrf}, headers=headers)
    assert response.status_code == 303


async def test_no_other_site_may_read_the_console(house: House) -> None:
    async with house.signed_in("anna") as http:
        for _, method, path in closed(house):
            asking = {"origin": EVIL, "access-control-request-method": method}
            response = await http.request("OPTIONS", path, headers=asking)
            assert not [name for name in response.headers if name.startswith("access-control-")]
            response = await http.get(path, headers={"origin": EVIL})
            assert "access-control-allow-origin" not in response.headers


# What every response bears


async def test_no_response_is_kept_and_every_one_bears_the_policy(house: House) -> None:
    expected = {**SECURITY_HEADERS, **CONSOLE_HEADERS}
    paths = [path_of(route) for route in house.pages()] + ["/console", "/console/nowhere", "/console/static/nowhere"]
    async with house.visitor() as stranger, house.signed_in("anna") as http:
        for path in paths:
            for client in (stranger, http):
                for method in ("GET", "PUT"):
                    response = await client.request(method, path)
                    assert expected.items() <= dict(response.headers).items(), (method, path)
                    assert "Traceback" not in response.text


async def test_a_number_that_no_row_has_is_not_there(house: House) -> None:
    async with house.signed_in("anna") as http:
        pages = [(name, method, path) for name, method, path in closed(house) if "999999" in path]
        assert len(pages) > 10
        for name, method, path in pages:
            response = await http.request(method, path.replace("999999", "9" * 30))
            assert response.status_code == 404, name


async def test_files_are_asked_about_each_time(house: House) -> None:
    async with house.visitor() as http:
        first = await http.get("/console/static/console.js")
        again = await http.get("/console/static/console.js", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, first.headers["cache-control"], again.status_code) == (200, "no-cache", 304)


async def test_an_export_of_the_audit_is_in_the_audit(house: House) -> None:
    async with house.signed_in("anna") as http:
        await http.post("/console/audit/export")
    assert house.audited() == [("anna", "sign_in.done", "user anna"), ("anna", "audit.exported", "audit")]
