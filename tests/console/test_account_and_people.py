"""One's own account, and the accounts of all for an admin."""

import asyncio
import re

import httpx
import pytest

from bot.staff.sessions import live_of
from console.house import PASSWORD, RULES, STAFF, House, csrf_in, sign_in

NEW = "nine green umbrellas"
FORM = {"current": PASSWORD, "new": NEW, "again": NEW}


def sessions_of(house: House, name: str) -> int:
    with house.sessions() as session:
        return len(live_of(session, house.user(name).id, RULES.sessions, house.moment))


def path_of(house: House, name: str, action: str) -> str:
    return f"/console/people/{house.user(name).id}/{action}"


# One's own


async def test_a_new_password_holds_from_then_on_and_ends_other_sessions(each_house: House) -> None:
    house = each_house
    async with house.signed_in("nina") as other, house.signed_in("nina") as http, house.visitor() as door:
        response = await http.post("/console/account/password", data=FORM)
        assert (response.status_code, response.headers["location"]) == (303, "/console/account")
        assert (await http.get("/console/")).status_code == 200
        assert (await other.get("/console/")).status_code == 303
        assert (await sign_in(door, "nina")).status_code == 401
        assert (await sign_in(door, "nina", NEW)).status_code == 303
    assert ("nina", "user.password", "user nina") in house.audited()
    assert NEW not in str(house.audited())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"current": "another password"}, "That is not your password."),
        ({"again": "nine green umbrella"}, "The new password was typed in two ways."),
        ({"new": "short", "again": "short"}, "Not good enough: the password must have 12 to 128 characters."),
        ({"new": "nina and umbrellas", "again": "nina and umbrellas"}, "must not contain the name"),
        ({"new": PASSWORD, "again": PASSWORD}, "The new password must differ from the one before."),
        ({"new": "", "again": ""}, "must have 12 to 128 characters"),
    ],
)
async def test_a_password_that_is_not_changed(house: House, fields: dict[str, str], message: str) -> None:
    before = house.user("nina").password_hash
    async with house.signed_in("nina") as http:
        response = await http.post("/console/account/password", data={**FORM, **fields})
    assert (response.status_code, message in response.text) == (422, True)
    assert house.user("nina").password_hash == before
    assert NEW not in response.text


async def test_an_open_browser_is_no_way_to_guess_the_password(house: House) -> None:
    async with house.signed_in("nina") as http:
        for _ in range(RULES.lock_out.failures):
            await http.post("/console/account/password", data={**FORM, "current": "another password"})
        assert (await http.post("/console/account/password", data=FORM)).status_code == 422
        house.pass_time(minutes=RULES.lock_out.locked_minutes)
        assert (await http.post("/console/account/password", data=FORM)).status_code == 303


async def test_own_sessions_are_listed_and_can_be_ended(house: House) -> None:
    async with (
        house.signed_in("nina") as other,
        house.signed_in("paul") as colleague,
        house.signed_in("nina") as http,
    ):
        page = (await http.get("/console/account")).text
        (path,) = re.findall(r'action="(/console/account/sessions/\d+/end)"', page)
        assert "this browser" in page
        assert (await colleague.post(path)).status_code == 404, "it is not theirs"
        assert (await other.get("/console/")).status_code == 200
        assert (await http.post(path)).status_code == 303
        assert (await other.get("/console/")).status_code == 303
        assert (await http.get("/console/")).status_code == 200
    assert sessions_of(house, "nina") == 1


# Everybody's


async def test_from_adding_somebody_to_their_own_password(each_house: House) -> None:
    house = each_house
    form = {"name": "Maya", "display_name": "Maya  B.", "role": "navigator", "password": NEW}
    async with house.signed_in("anna") as admin, house.visitor() as http:
        assert (await admin.post("/console/people", data=form)).status_code == 303
        assert "Maya B." in (await admin.get("/console/people")).text

        await sign_in(http, "maya", NEW)
        assert (await http.get("/console/")).headers["location"] == "/console/account/password?next=/console/"
        page = await http.get("/console/account/password")
        assert "Somebody else set your password." in page.text
        own = {"csrf": csrf_in(page.text), "current": NEW, "new": PASSWORD, "again": PASSWORD}
        assert (await http.post("/console/account/password", data=own)).status_code == 303
        assert (await http.get("/console/")).status_code == 200
    assert [event for event in house.audited() if "maya" in event[2]] == [
        ("anna", "user.added", "user maya"),
        ("maya", "sign_in.done", "user maya"),
        ("maya", "user.password", "user maya"),
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "nina"}, "there is a user &#39;nina&#39; already"),
        ({"name": ""}, "a name has 2 to 64 characters"),
        ({"name": "<b>maya</b>"}, "a name has 2 to 64 characters"),
        ({"role": "boss"}, "a role is one of navigator, approver, admin"),
        ({"role": ""}, "a role is one of"),
        ({"password": "short"}, "the password must have 12 to 128 characters"),
        ({"display_name": "x" * 81}, "a display name has 80 printable characters at most"),
    ],
)
async def test_somebody_who_is_not_added(house: House, fields: dict[str, str], message: str) -> None:
    form = {"name": "maya", "display_name": "Maya", "role": "navigator", "password": NEW}
    async with house.signed_in("anna") as http:
        response = await http.post("/console/people", data={**form, **fields})
    assert (response.status_code, f"Not added: {message}" in response.text) == (422, True)
    assert NEW not in response.text
    assert [event[1] for event in house.audited()] == ["sign_in.done"], "nor recorded as added"


async def test_who_is_disabled_is_out_at_once(house: House) -> None:
    async with house.signed_in("nina") as http, house.signed_in("anna") as admin:
        assert (await admin.post(path_of(house, "nina", "disable"))).status_code == 303
        assert (await http.get("/console/")).status_code == 303
        assert (await sign_in(http, "nina")).status_code == 401
        assert (await admin.post(path_of(house, "nina", "disable"))).status_code == 422
        assert (await admin.post(path_of(house, "nina", "enable"))).status_code == 303
        assert (await http.get("/console/")).status_code == 303, "the old session stays ended"
        assert (await sign_in(http, "nina")).status_code == 303


async def test_a_password_set_by_an_admin_unlocks_and_must_be_changed(house: House) -> None:
    async with house.signed_in("nina") as http, house.signed_in("anna") as admin:
        for _ in range(RULES.lock_out.failures):
            await sign_in(http, "nina", "another password")
        assert "locked for some minutes" in (await admin.get("/console/people")).text
        assert (await admin.post(path_of(house, "nina", "password"), data={"password": "x"})).status_code == 422
        assert (await admin.post(path_of(house, "nina", "password"), data={"password": NEW})).status_code == 303
        assert sessions_of(house, "nina") == 0
        assert (await sign_in(http, "nina", NEW)).status_code == 303
        assert (await http.get("/console/")).headers["location"] == "/console/account/password?next=/console/"


async def test_a_role_is_changed_and_recorded_with_the_one_before(house: House) -> None:
    async with house.signed_in("nina") as http, house.signed_in("anna") as admin:
        assert (await admin.post(path_of(house, "nina", "role"), data={"role": "boss"})).status_code == 422
        assert (await admin.post(path_of(house, "nina", "role"), data={"role": "admin"})).status_code == 303
        assert (await http.get("/console/people")).status_code == 200
        assert "before: navigator, role: admin" in (await admin.get("/console/audit")).text


async def test_the_last_admin_stays(house: House) -> None:
    async with house.signed_in("anna") as http:
        for action, form in (("disable", {}), ("role", {"role": "navigator"})):
            response = await http.post(path_of(house, "anna", action), data=form)
            assert (response.status_code, "is the last admin" in response.text) == (422, True), action
        assert (await http.get("/console/people")).status_code == 200
    assert [event[1] for event in house.audited()] == ["sign_in.done"]


async def test_two_admins_cannot_disable_each_other_at_once(each_house: House) -> None:
    house = each_house
    house.change("nina", role="admin")

    async def disable(http: httpx.AsyncClient, name: str) -> int:
        return (await http.post(path_of(house, name, "disable"))).status_code

    async with house.signed_in("nina") as nina, house.signed_in("anna") as anna:
        statuses = await asyncio.gather(disable(nina, "anna"), disable(anna, "nina"))
    assert sorted(statuses) in ([303, 401], [303, 422])
    assert [house.user(name).disabled_at is None for name in ("anna", "nina")].count(True) == 1


async def test_signing_somebody_out_everywhere(house: House) -> None:
    async with house.signed_in("nina"), house.signed_in("nina"), house.signed_in("anna") as admin:
        assert sessions_of(house, "nina") == 2
        assert (await admin.post(path_of(house, "nina", "sign-out"))).status_code == 303
        assert (sessions_of(house, "nina"), sessions_of(house, "anna")) == (0, 1)


async def test_every_account_has_its_page(house: House) -> None:
    async with house.signed_in("anna") as http:
        for name in STAFF:
            page = await http.get(f"/console/people/{house.user(name).id}")
            assert (page.status_code, name.title() in page.text) == (200, True)
        assert (await http.get("/console/people/999")).status_code == 404
