"""Signing in and out, as whoever sits at the browser sees it; guessing leads nowhere."""

import re
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from project import settings_in

from bot.console.sign_in import WRONG
from bot.staff.sign_in import is_locked
from console.house import HASH, PASSWORD, PASSWORDS, RULES, STAFF, House, csrf_in, sign_in, token_of

LOCK_OUT = RULES.lock_out
FAILURES = LOCK_OUT.failures


@pytest.mark.parametrize("name", STAFF)
async def test_who_signs_in_sees_the_console(each_house: House, name: str) -> None:
    async with each_house.visitor() as http:
        response = await sign_in(http, f" {name.upper()} ")
        page = await http.get(response.headers["location"])

    assert (response.status_code, response.headers["location"]) == (303, "/console/")
    assert page.status_code == 200
    assert name.title() in page.text
    assert each_house.audited() == [(name, "sign_in.done", f"user {name}"), (name, "inbox.viewed", "inbox")]


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
    chosen = "a-token-that-somebody-else-chose"
    async with house.visitor() as http:
        http.cookies.set("crs_console", chosen, domain="127.0.0.1", path="/console")
        await sign_in(http, "nina")
        first = token_of(http)
        csrf = csrf_in((await http.get("/console/")).text)
        await sign_in(http, "nina")
        second = token_of(http)
        old_form = await http.post("/console/sign-out", data={"csrf": csrf})

    assert len({first, second, chosen}) == 3
    assert old_form.status_code == 403, "the form of the session before"
    for token in (chosen, first):
        async with house.visitor() as http:
            http.headers["cookie"] = f"crs_console={token}"
            assert (await http.get("/console/")).status_code == 303


# Where to go on


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/console/account", "/console/account"),
        ("/console/people/3", "/console/people/3"),
        ("/console/conversations/K7QM-3XPA", "/console/conversations/K7QM-3XPA"),
        ("", "/console/"),
        ("/", "/console/"),
        ("/console", "/console/"),
        ("//evil.example", "/console/"),
        ("/\\evil.example", "/console/"),
        ("\\\\evil.example", "/console/"),
        ("https://evil.example", "/console/"),
        ("https:evil.example", "/console/"),
        ("javascript:alert(1)", "/console/"),
        ("%2f%2fevil.example", "/console/"),
        ("/console/%2f%2fevil.example", "/console/"),
        ("/console//evil.example", "/console/"),
        ("/console/\\evil.example", "/console/"),
        ("/console/../channels", "/console/"),
        ("/console/.//evil.example", "/console/"),
        ("/console/@evil.example", "/console/"),
        ("/console/?x=//evil.example", "/console/"),
        ("/console/\r\nset-cookie: x=y", "/console/"),
        ("/console/\tevil", "/console/"),
        (" /console/account", "/console/"),
        ("/console.evil.example/", "/console/"),
        ('/console/"><script>', "/console/"),
        ("/console/" + "a/" * 5000 + "!", "/console/"),
    ],
)
async def test_signing_in_leads_nowhere_else(house: House, given: str, path: str) -> None:
    async with house.visitor() as http:
        door = await http.get("/console/sign-in", params={"next": given})
        response = await sign_in(http, "nina", next=given)

    assert f'name="next" value="{path}"' in door.text
    assert (response.status_code, response.headers["location"]) == (303, path)


# The cookie


@pytest.mark.parametrize(
    ("site", "address", "secure"),
    [
        ("http://127.0.0.1", "127.0.0.1", False),
        ("http://localhost:8000", "::1", False),
        ("https://127.0.0.1", "127.0.0.1", True),
        ("https://chat.hospital.example", "203.0.113.7", True),
        ("http://chat.hospital.example", "203.0.113.7", True),
        ("http://chat.hospital.example", "testclient", True),
    ],
)
async def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_lines(
    house: House, site: str, address: str, secure: bool
) -> None:
    async with house.visitor(site=site, address=address) as http:
        cookie = (await sign_in(http, "nina")).headers["set-cookie"]

    value, *flags = cookie.split("; ")
    assert value.startswith("crs_console=")
    assert len(value) > len("crs_console=") + 40
    assert sorted(flags) == ["HttpOnly", "Path=/console", "SameSite=lax", *(["Secure"] if secure else [])]


async def test_behind_a_proxy_on_the_same_machine_the_cookie_is_kept_from_plain_lines(
    house: House, tmp_path: Path
) -> None:
    settings = settings_in(tmp_path, console_url="https://chat.hospital.example/console")
    async with House(house.service, house.sessions, settings).visitor() as http:
        cookie = (await sign_in(http, "nina")).headers["set-cookie"]

    assert "Secure" in cookie.split("; ")


# Guessing


class Counting(PasswordHasher):
    """Counts how often a password is verified: that is what takes the time."""

    verified = 0

    def verify(self, *arguments: bytes | str) -> bool:  # type: ignore[override]
        self.verified += 1
        return super().verify(*arguments)  # type: ignore[arg-type]


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(PASSWORDS, "_hasher", hasher)
    return hasher


WHO = {
    "a wrong password": ("nina", "not her password", {}),
    "an unknown name": ("nobody", PASSWORD, {}),
    "no name": ("", PASSWORD, {}),
    "a name in other bytes": ("ni\ud83dna".encode("utf-8", "replace").decode(), PASSWORD, {}),
    "a long name": ("n" * 10_000, PASSWORD, {}),
    "disabled": ("nina", PASSWORD, {"disabled_at": True}),
    "locked": ("nina", PASSWORD, {"locked_until": True}),
    "without a password": ("nina", PASSWORD, {"password_hash": None}),
}


@pytest.mark.parametrize("who", WHO)
async def test_who_is_refused_learns_nothing(house: House, counting: Counting, who: str) -> None:
    name, password, changes = WHO[who]
    until = house.moment + LOCK_OUT.locked
    house.change("nina", **{column: until if value else value for column, value in changes.items()})
    async with house.visitor() as http:
        expected = without_name((await sign_in(http, "somebody", "x" * 12)).text)
        before, events = counting.verified, len(house.audited())
        response = await sign_in(http, name, password)

    page = without_name(response.text)
    assert (response.status_code, page) == (401, expected)
    assert WRONG in page
    assert counting.verified == before + 1, "it takes as long"
    assert len(house.audited()) == events + 1, "and writes as much"
    assert "set-cookie" not in response.headers
    assert PASSWORD not in str(house.audited())


def without_name(page: str) -> str:
    """The page without the name as it was typed, which stands in its field again."""
    return re.sub(r'(<input id="name"[^>]*? value=")[^"]*', r"\1", page)


async def guess(http: httpx.AsyncClient, name: str, times: int) -> None:
    for _ in range(times):
        assert (await sign_in(http, name, "a wrong password")).status_code == 401


async def test_after_five_wrong_passwords_the_right_one_is_refused_for_a_while(each_house: House) -> None:
    house = each_house
    async with house.visitor() as http:
        await guess(http, "nina", FAILURES)
        assert (await sign_in(http, "nina")).status_code == 401
        house.pass_time(minutes=LOCK_OUT.locked_minutes - 1)
        assert (await sign_in(http, "nina")).status_code == 401
        assert (await sign_in(http, "paul")).status_code == 303, "others are not locked"
        house.pass_time(minutes=1)
        assert (await sign_in(http, "nina")).status_code == 303
    assert ("unknown", "user.locked", "user nina") in house.audited()


async def test_a_sign_in_that_goes_well_forgets_the_failures(house: House) -> None:
    async with house.visitor() as http:
        for _ in range(3):
            await guess(http, "nina", FAILURES - 1)
            assert (await sign_in(http, "nina")).status_code == 303


async def test_after_a_lock_the_count_begins_anew(house: House) -> None:
    async with house.visitor() as http:
        await guess(http, "nina", FAILURES)
        house.pass_time(minutes=LOCK_OUT.locked_minutes)
        await guess(http, "nina", FAILURES - 1)
        assert not is_locked(house.user("nina"), house.moment)
        await guess(http, "nina", 1)
        assert is_locked(house.user("nina"), house.moment)


async def test_an_address_may_not_try_without_end(house: House) -> None:
    limit = RULES.sign_ins_of_address
    async with house.visitor(address="203.0.113.7") as http, house.visitor(address="203.0.113.8") as other:
        for number in range(limit.burst):
            assert (await sign_in(http, f"name{number}")).status_code == 401
        refused = await sign_in(http, "nina")
        assert (refused.status_code, token_of(http)) == (429, "")
        assert f"wait {limit.every_s:.0f} s" in refused.text
        assert (await sign_in(other, "nina")).status_code == 303
        house.ticks += limit.every_s
        assert (await sign_in(http, "nina")).status_code == 303


async def test_a_hash_of_other_parameters_is_replaced(house: House) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    house.change("nina", password_hash=old)
    async with house.visitor() as http:
        await sign_in(http, "nina")
        new = house.user("nina").password_hash
        assert new != old
        assert new.split("$")[3] == HASH.split("$")[3]
        assert (await sign_in(http, "nina")).status_code == 303


async def test_a_name_is_shown_again_as_text(house: House) -> None:
    async with house.visitor() as http:
        page = (await sign_in(http, '"><script>alert(1)</script>')).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
