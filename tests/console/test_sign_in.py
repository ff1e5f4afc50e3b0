"""Signing in and out, as whoever sits at the browser sees it."""

import pytest

from console.house import STAFF, House, csrf_in, sign_in, token_of


@pytest.mark.parametrize("name", STAFF)
async def test_who_signs_in_sees_the_console(house: House, name: str) -> None:
    async with house.visitor() as http:
        response = await sign_in(http, name)
        page = await http.get(response.headers["location"])

    assert (response.status_code, response.headers["location"]) == (303, "/console/")
    assert page.status_code == 200
    assert name.title() in page.text


async def test_without_a_session_the_console_asks_to_sign_in_and_then_goes_on(house: House) -> None:
    async with house.visitor() as http:
        sent = await http.get("/console/account")
        door = await http.get(sent.headers["location"])
        response = await sign_in(http, "nina", next="/console/account")

    assert (sent.status_code, sent.headers["location"]) == (303, "/console/sign-in?next=/console/account")
    assert 'name="next" value="/console/account"' in door.text
    assert response.headers["location"] == "/console/account"


async def test_after_signing_out_the_session_is_worth_nothing(house: House) -> None:
    async with house.signed_in("nina") as http:
        token = token_of(http)
        response = await http.post("/console/sign-out")
        assert (response.status_code, response.headers["location"]) == (303, "/console/sign-in")
        assert token_of(http) == ""

        http.cookies.set("crs_console", token, path="/console")
        assert (await http.get("/console/")).status_code == 303


async def test_each_sign_in_makes_a_new_token_and_ends_the_old_session(house: House) -> None:
    async with house.visitor() as http:
        http.cookies.set("crs_console", "a-token-that-somebody-else-chose", domain="127.0.0.1", path="/console")
        await sign_in(http, "nina")
        first = token_of(http)
        csrf = csrf_in((await http.get("/console/")).text)
        await sign_in(http, "nina")
        second = token_of(http)
        old_form = await http.post("/console/sign-out", data={"csrf": csrf})

    assert len({first, second, "a-token-that-somebody-else-chose"}) == 3
    assert old_form.status_code == 403, "the form of the session before"
    async with house.visitor() as http:
        http.cookies.set("crs_console", first, domain="127.0.0.1", path="/console")
        assert (await http.get("/console/")).status_code == 303
