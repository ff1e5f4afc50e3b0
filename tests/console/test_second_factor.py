"""The second factor: set up with a picture, asked for at the door, each code good once."""

import re
from html import unescape
from pathlib import Path

import httpx
import pyotp
import pytest
from project import settings_in

from bot.console.sign_in import WRONG_CODE
from bot.staff.sign_in import is_locked
from bot.staff.totp import SecondFactorError, SecretBox
from console.house import PASSWORD, RULES, House, csrf_in, sign_in, token_of

PAGE = "/console/account/second-factor"


def code(house: House, secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(house.moment, counter_offset=steps)


async def set_up(house: House, http: httpx.AsyncClient) -> str:
    """Set up the second factor of whoever is signed in; gives back its secret."""
    page = (await http.get(PAGE)).text
    secret = re.sub(r"\s", "", re.findall(r"<code>(.*?)</code>", page)[0])
    form = {"pending": pending_in(page), "code": code(house, secret), "password": PASSWORD}
    response = await http.post(PAGE, data=form)
    assert (response.status_code, response.headers["location"]) == (303, "/console/account")
    return secret


def pending_in(page: str) -> str:
    return unescape(re.findall(r'name="pending" value="([^"]+)"', page)[0])


async def send(http: httpx.AsyncClient, typed: str) -> httpx.Response:
    page = await http.get("/console/second-factor")
    return await http.post("/console/second-factor", data={"csrf": csrf_in(page.text), "code": typed})


async def test_from_setting_it_up_to_signing_in_with_it(each_house: House) -> None:
    house = each_house
    async with house.signed_in("nina") as http:
        secret = await set_up(house, http)
        assert "set up" in (await http.get("/console/account")).text
    stored = house.user("nina").totp_secret
    assert secret not in stored, "it is encrypted"

    house.pass_time(minutes=1)
    async with house.visitor() as http:
        await sign_in(http, "nina")
        waiting = token_of(http)
        assert (await http.get("/console/")).headers["location"] == "/console/second-factor?next=/console/"
        response = await send(http, " ".join(code(house, secret)))
        assert (response.status_code, response.headers["location"]) == (303, "/console/")
        assert token_of(http) != waiting
        assert (await http.get("/console/account")).status_code == 200
    async with house.visitor() as http:
        http.headers["cookie"] = f"crs_console={waiting}"
        assert "/console/sign-in" in (await http.get("/console/")).headers["location"]
    assert [event[1] for event in house.audited()] == [
        "sign_in.done",
        "second_factor.set_up",
        "sign_in.password",
        "sign_in.done",
    ]


async def test_the_picture_is_the_key_for_an_app(house: House) -> None:
    async with house.signed_in("nina") as http:
        page = await http.get(PAGE)
    assert '<img class="picture" src="data:image/svg+xml' in page.text
    assert "img-src 'self' data:" in page.headers["content-security-policy"]


async def test_behind_the_code_is_the_page_that_was_asked_for(house: House) -> None:
    """As that of the conversation whose alert called a navigator."""
    async with house.signed_in("nina") as http:
        await set_up(house, http)
    async with house.visitor() as http:
        asked = await sign_in(http, "nina", next="/console/conversations/family")

        door = await http.get((await http.get(asked.headers["location"])).headers["location"])

        assert 'name="next" value="/console/conversations/family"' in door.text


async def test_a_code_is_good_once_and_only_around_its_time(house: House) -> None:
    async with house.signed_in("nina") as http:
        secret = await set_up(house, http)
        used = code(house, secret)
    async with house.visitor() as http:
        await sign_in(http, "nina")
        assert (await send(http, used)).status_code == 401, "used to set it up"
        for steps in (-2, 2):
            assert (await send(http, code(house, secret, steps))).status_code == 401, steps
        late = code(house, secret, 1)
        assert (await send(http, late)).status_code == 303, "a clock that is ahead"
    async with house.visitor() as http:
        await sign_in(http, "nina")
        refused = await send(http, late)
        assert (refused.status_code, WRONG_CODE in refused.text) == (401, True)
        house.pass_time(seconds=60)
        assert (await send(http, late)).status_code == 401, "still in time, but used"
        assert (await send(http, code(house, secret))).status_code == 303


@pytest.mark.parametrize("typed", ["", "12345", "abcdef", "é" * 6, "1" * 500, "\U0001f600"], ids=ascii)
async def test_guessing_codes_locks_the_name_and_ends_the_session(house: House, typed: str) -> None:
    async with house.signed_in("nina") as http:
        await set_up(house, http)
    async with house.visitor() as http:
        await sign_in(http, "nina")
        for _ in range(RULES.lock_out.failures):
            assert (await send(http, typed)).status_code == 401
        assert is_locked(house.user("nina"), house.moment)
        assert (await http.get("/console/second-factor")).headers["location"].startswith("/console/sign-in")
        assert (await sign_in(http, "nina")).status_code == 401


async def test_the_door_does_not_wait_long_for_a_code(house: House) -> None:
    async with house.signed_in("nina") as http:
        await set_up(house, http)
    async with house.visitor() as http:
        await sign_in(http, "nina")
        house.pass_time(minutes=RULES.sessions.second_factor_minutes)
        assert (await http.get("/console/second-factor")).headers["location"].startswith("/console/sign-in")


async def test_setting_it_up_ends_the_other_sessions(house: House) -> None:
    async with house.signed_in("nina") as other, house.signed_in("nina") as http:
        await set_up(house, http)
        assert (await http.get("/console/")).status_code == 200
        assert (await other.get("/console/")).status_code == 303


async def test_what_does_not_set_it_up(house: House) -> None:
    async with house.signed_in("paul") as colleague, house.signed_in("nina") as http:
        page = (await http.get(PAGE)).text
        theirs = pending_in((await colleague.get(PAGE)).text)
        secret = re.sub(r"\s", "", re.findall(r"<code>(.*?)</code>", page)[0])
        right = {"pending": pending_in(page), "code": code(house, secret), "password": PASSWORD}
        for wrong, message in (
            ({"code": code(house, secret, 5)}, "That code does not fit."),
            ({"password": "another password"}, "That is not your password."),
            ({"pending": "x"}, "The second factor cannot be read"),
            ({"pending": theirs}, "The second factor was begun for another account"),
        ):
            response = await http.post(PAGE, data={**right, **wrong})
            assert (response.status_code, message in response.text) == (422, True), wrong
        assert house.user("nina").totp_secret is None
        await set_up(house, http)
        again = await http.get(PAGE)
        assert (again.status_code, "You have a second factor already" in again.text) == (409, True)


async def test_removing_it_takes_the_password(house: House) -> None:
    async with house.signed_in("nina") as http:
        await set_up(house, http)
        assert (await http.post(f"{PAGE}/remove", data={"password": "another"})).status_code == 422
        assert house.user("nina").totp_secret is not None
        assert (await http.post(f"{PAGE}/remove", data={"password": PASSWORD})).status_code == 303
        assert house.user("nina").totp_secret is None
        assert (await http.post(f"{PAGE}/remove", data={"password": PASSWORD})).status_code == 422


async def test_an_admin_can_remove_it(house: House) -> None:
    async with house.signed_in("nina") as http:
        await set_up(house, http)
    async with house.signed_in("anna") as http:
        path = f"/console/people/{house.user('nina').id}/second-factor/remove"
        assert (await http.post(path)).status_code == 303
    async with house.visitor() as http:
        assert (await sign_in(http, "nina")).headers["location"] == "/console/"
        assert (await http.get("/console/")).status_code == 200


async def test_whoever_waits_for_a_code_that_nobody_asks_for_any_more_signs_in_again(house: House) -> None:
    """As a navigator does who lost the phone, and sees so only at the door."""
    async with house.signed_in("nina") as http:
        await set_up(house, http)
    async with house.visitor() as door, house.signed_in("anna") as http:
        await sign_in(door, "nina")
        page = await door.get("/console/second-factor")
        await http.post(f"/console/people/{house.user('nina').id}/second-factor/remove")

        sent = await door.post("/console/second-factor", data={"csrf": csrf_in(page.text), "code": "123456"})

        assert (sent.status_code, "sign in again" in sent.text) == (401, True)
        assert (await sign_in(door, "nina")).headers["location"] == "/console/"


async def test_without_a_key_none_can_be_set_up(house: House, tmp_path: Path) -> None:
    keyless = House(house.service, house.sessions, settings_in(tmp_path))
    async with keyless.signed_in("nina") as http:
        page = await http.get(PAGE)
    assert (page.status_code, "BOT_SECRET_KEY is missing" in page.text) == (422, True)


async def test_signing_in_encrypts_the_secret_with_the_newest_key(house: House, tmp_path: Path) -> None:
    async with house.signed_in("nina") as http:
        secret = await set_up(house, http)
    old, new = house.service.settings.secret_key, "n" * 32
    renewed = House(house.service, house.sessions, settings_in(tmp_path, secret_key=f"{new},{old}"))
    renewed.pass_time(minutes=5)
    async with renewed.visitor() as http:
        await sign_in(http, "nina")
        assert (await send(http, code(renewed, secret))).status_code == 303
    assert SecretBox(new).open(house.user("nina").totp_secret) == secret


def test_a_secret_outlives_the_replacement_of_the_key() -> None:
    old, new = "o" * 32, "n" * 32
    sealed = SecretBox(old).seal("secret")

    assert SecretBox(new, old).open(sealed) == "secret"
    assert SecretBox(new).open(SecretBox(new, old).seal("secret")) == "secret", "the first encrypts"
    for box in (SecretBox(new), SecretBox()):
        with pytest.raises(SecondFactorError, match="BOT_SECRET_KEY has changed"):
            box.open(sealed)
    assert len(sealed) <= 300, "the column's length"
