"""The exact headers of each kind of response, as tests/data/headers.yml has them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from bot.app import create_app
from bot.channels.limits import Limits
from bot.service import Service
from bot.widget.script import widget_script

FILE = Path(__file__).parent / "data" / "headers.yml"
EXPECTED: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
ALLOWED, FOREIGN = "https://www.hospital.example", "https://evil.example"
SESSIONS, MESSAGES = "/channels/widget/sessions", "/channels/widget/messages"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}

# name: method, path, headers of the request
REQUESTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "page": ("GET", "/", {}),
    "file of the page": ("GET", "/page/page.css", {}),
    "script": ("GET", "/widget/crs-chat.js", {}),
    "script for what cannot unpack": ("GET", "/widget/crs-chat.js", {"accept-encoding": "identity"}),
    "script that is known": ("GET", "/widget/crs-chat.js", {"if-none-match": "KNOWN"}),
    "health": ("GET", "/health", {}),
    "session": ("POST", SESSIONS, {}),
    "session for an allowed site": ("POST", SESSIONS, {"origin": ALLOWED}),
    "session for another site": ("POST", SESSIONS, {"origin": FOREIGN}),
    "preflight of an allowed site": ("OPTIONS", MESSAGES, {"origin": ALLOWED, **PREFLIGHT}),
    "preflight of another site": ("OPTIONS", MESSAGES, {"origin": FOREIGN, **PREFLIGHT}),
    "no session": ("GET", MESSAGES, {}),
    "no session for an allowed site": ("GET", MESSAGES, {"origin": ALLOWED}),
    "too many": ("POST", SESSIONS, {"origin": ALLOWED}),
    "not there": ("GET", "/nowhere", {}),
    "not there in the API": ("GET", "/channels/widget/nowhere", {}),
    "another method": ("PUT", MESSAGES, {}),
    "console without a session": ("GET", "/console/", {}),
    "console's door": ("GET", "/console/sign-in", {}),
    "console's door, nobody let in": ("POST", "/console/sign-in", {}),
    "console for an allowed site of the chat": ("GET", "/console/sign-in", {"origin": ALLOWED}),
    "file of the console": ("GET", "/console/static/console.js", {}),
    "not there in the console": ("GET", "/console/nowhere", {}),
    "unexpected": ("POST", SESSIONS, {"origin": ALLOWED}),
    "unexpected elsewhere": ("GET", "/metrics", {}),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def http(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """From an address that has one session left for each test that takes one."""
    settings = service.settings
    service.settings = settings.copy(update={"allowed_origins": ALLOWED})
    transport = httpx.ASGITransport(
        app=create_app(service, limits=Limits()), client=("203.0.113.7", 50_000), raise_app_exceptions=False
    )
    service.settings = settings
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        yield client


def shown(response: httpx.Response) -> dict[str, Any]:
    """Status and headers; values that tell nothing are left open."""
    open_ended = {
        "content-length": r"\d+",
        "etag": r'(W/)?"[0-9a-f]{32}"',
        "last-modified": ".* GMT",
        "retry-after": r"\d+",
    }
    headers = []
    for name, value in response.headers.multi_items():
        if name == "content-type" and "javascript" in value:
            value = "JAVASCRIPT"  # the system says whether it is text/ or application/
        headers.append(f"{name}: {'…' if re.fullmatch(open_ended.get(name, ''), value) else value}")
    return {"status": response.status_code, "headers": sorted(headers)}


def written(name: str) -> dict[str, Any]:
    """What the file has, its groups of headers spelt out."""
    entry = EXPECTED[name]
    groups = [line for group in entry.get("and", ()) for line in EXPECTED["groups"][group]]
    return {"status": entry["status"], "headers": sorted([*groups, *entry.get("headers", ())])}


@pytest.mark.parametrize("name", REQUESTS)
async def test_headers(service: Service, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    method, path, headers = REQUESTS[name]
    if name.startswith("unexpected"):

        def fails(*_arguments: object) -> None:
            raise RuntimeError("a fault of the program")

        monkeypatch.setattr(type(service.metrics), "page", staticmethod(fails))
        monkeypatch.setattr(type(service.texts), "reply", staticmethod(_only_the_apology(service.texts.reply)))
    if name == "too many":
        monkeypatch.setattr(Limits, "session", lambda *_arguments: 7)
    if headers.get("if-none-match"):
        headers = {"if-none-match": (await http.get(path)).headers["etag"]}

    assert shown(await http.request(method, path, headers=headers)) == written(name)


def _only_the_apology(reply: Any) -> Any:
    def fails(name: str) -> Any:
        if name != "apology":
            raise RuntimeError("a fault of the program")
        return reply(name)

    return fails


def test_every_kind_is_in_the_file() -> None:
    assert set(EXPECTED) == {"groups", *REQUESTS}


async def test_an_unexpected_fault_still_says_whom_to_call(
    service: Service, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(service.texts), "reply", staticmethod(_only_the_apology(service.texts.reply)))

    response = await http.post(SESSIONS)

    text = service.texts._texts["apology"].text
    assert (response.status_code, response.json()) == (500, {"error": "something went wrong", "text": text})


async def test_what_is_not_there_is_told_as_json(http: httpx.AsyncClient) -> None:
    answers = [await http.get("/channels/widget/nowhere"), await http.put(MESSAGES)]

    assert [answer.json() for answer in answers] == [{"error": "not found"}, {"error": "method not allowed"}]


@pytest.mark.parametrize(
    ("header", "status"), [("{etag}", 304), ("W/{etag}", 304), ('"x", {etag}', 304), ('"x"', 200), ("", 200)]
)
async def test_a_known_script_is_not_sent_again(http: httpx.AsyncClient, header: str, status: int) -> None:
    first = await http.get("/widget/crs-chat.js")

    again = await http.get(
        "/widget/crs-chat.js", headers={"if-none-match": header.format(etag=first.headers["etag"].removeprefix("W/"))}
    )

    assert (again.status_code, again.content) == (status, first.content if status == 200 else b"")


async def test_the_script_is_the_one_of_the_widget(http: httpx.AsyncClient) -> None:
    assert (await http.get("/widget/crs-chat.js")).content == widget_script()
