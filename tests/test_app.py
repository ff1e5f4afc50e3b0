"""bot.app: the page and its files, health, readiness and metrics, and the headers on all of them."""

import re
from collections.abc import AsyncIterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from project import settings_in
from sqlalchemy.orm import Session, sessionmaker

from bot.alerts.calling import NOBODY
from bot.answers.setup import load_answers_file, prepare_storage
from bot.answers.workflow import find_revision, retire_revision
from bot.app import PAGE, READINESS_TOPIC, create_app
from bot.dialogue.worker import DialogueUnavailable
from bot.security_headers import SECURITY_HEADERS
from bot.service import Service
from bot.settings import Settings

TEXTS = ("How long does CRS usually last?", "he has a fever of 39.5 xylophonist", "quokka breeding in Lisbon")


def client(service: Service, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(service), **options)
    return httpx.AsyncClient(transport=transport, base_url="http://bot")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def http(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with client(service) as http:
        yield http


async def say(http: httpx.AsyncClient, *texts: str) -> None:
    """In a new conversation."""
    token = (await http.post("/channels/widget/sessions")).json()["token"]
    for number, text in enumerate(texts):
        body = {"id": str(number), "text": text}
        headers = {"authorization": f"Bearer {token}"}
        assert (await http.post("/channels/widget/messages", json=body, headers=headers)).status_code == 200


# The page


async def test_the_page_comes_with_every_file_that_it_names(http: httpx.AsyncClient) -> None:
    page = await http.get("/")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.content == (PAGE / "index.html").read_bytes()
    named = re.findall(r'(?:href|src)="([^"#]+)"', page.text)
    assert {Path(name).suffix for name in named} == {".css", ".js", ".svg"}
    for name in named:
        file = await http.get(name)
        assert file.status_code == 200
        # The system says whether JavaScript is text/ or application/; a browser runs both, and nothing else.
        assert re.fullmatch(r"text/css.*|(text|application)/javascript.*|image/svg\+xml", file.headers["content-type"])


async def test_the_page_keeps_to_its_own_security_policy(http: httpx.AsyncClient) -> None:
    """No script or style in the page itself, none of another site: the policy would keep it from running."""
    page = (await http.get("/")).text

    assert not re.findall(r"<style|\bstyle=|\bon\w+=|<script(?![^>]*\bsrc=\"/)|(?:href|src)=\"(?:https?:)?//", page)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/index.html", 404),
        ("GET", "/page/", 404),
        ("GET", "/page/nowhere.js", 404),
        ("GET", "/page/../app.py", 404),
        ("GET", "/page/%2e%2e/%2e%2e/app.py", 404),
        ("GET", "/page/..%2f..%2fapp.py", 404),
        ("GET", "/.env", 404),
        ("GET", "/health/", 200),
        ("GET", "/console", 200),
        ("GET", "/console/", 200),
        ("GET", "/console/nowhere", 404),
        ("GET", "/console/static/../app.py", 404),
        ("POST", "/", 405),
        ("POST", "/health", 405),
        ("DELETE", "/metrics", 405),
        ("HEAD", "/", 200),
        ("HEAD", "/health", 200),
    ],
)
async def test_what_is_served(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    response = await http.request(method, path, follow_redirects=True)

    assert response.status_code == status
    assert "Traceback" not in response.text
    assert "starlette" not in response.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/page/page.css", 200),
        ("/health", 200),
        ("/ready", 200),
        ("/metrics", 200),
        ("/nowhere", 404),
    ],
)
async def test_every_response_bears_the_security_headers(http: httpx.AsyncClient, path: str, status: int) -> None:
    response = await http.get(path)

    assert response.status_code == status
    assert SECURITY_HEADERS.items() <= dict(response.headers).items()
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "cache-control" not in response.headers


async def test_answers_of_the_api_are_not_kept(http: httpx.AsyncClient) -> None:
    for response in (await http.post("/channels/widget/sessions"), await http.get("/channels/widget/messages")):
        assert response.headers["cache-control"] == "no-store"
        assert SECURITY_HEADERS.items() <= dict(response.headers).items()


# Health and readiness


async def test_health(http: httpx.AsyncClient) -> None:
    response = await http.get("/health")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_ready(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        response = await http.get("/ready")
        body = {"status": "ready", "red_flags": "both detectors", "alerts": NOBODY, "channels": ["widget"]}
        assert (response.status_code, response.json()) == (200, body)


async def test_asking_for_readiness_counts_and_stores_nothing(service: Service, http: httpx.AsyncClient) -> None:
    before = turns(await metrics(http))

    await http.get("/ready")

    assert turns(await metrics(http)) == before
    assert await service.journal.history("readiness") == []


async def test_without_a_model_it_is_alive_and_not_ready(
    settings: Settings, sessions: "sessionmaker[Session]", tmp_path: Path
) -> None:
    service = Service(settings, model=tmp_path / "missing.tar.gz", sessions=sessions)
    with pytest.raises(DialogueUnavailable):
        await service.dialogue.loaded()
    async with client(service) as http:
        health, ready = await http.get("/health"), await http.get("/ready")
    await service.stop()

    assert health.status_code == 200
    assert (ready.status_code, ready.json()) == (
        503,
        {"status": "not ready", "reason": f"{tmp_path}/missing.tar.gz is no trained model: run `bot train`"},
    )


async def test_while_the_model_loads_it_is_not_ready(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.dialogue._worker, "loaded", Future())
    async with client(service) as http:
        ready = await http.get("/ready")

    assert (ready.status_code, ready.json()["reason"]) == (503, "the model is still loading")


async def test_a_broken_component_is_told_by_its_kind_alone(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def parse(text: str) -> None:
        raise ValueError(f"cannot read {text}")

    monkeypatch.setattr(type(service.dialogue), "parse", staticmethod(parse))
    async with client(service) as http:
        ready = await http.get("/ready")

    assert (ready.status_code, ready.json()["reason"]) == (503, "understanding failed: ValueError")


async def test_without_the_answer_it_is_not_ready(model: Path, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    sessions = prepare_storage(settings)
    load_answers_file(sessions)
    with sessions() as session:
        retire_revision(session, find_revision(session, READINESS_TOPIC), by="clinician")
        session.commit()
    service = Service(settings, model=model, sessions=sessions)
    await service.dialogue.loaded()
    async with client(service) as http:
        ready = await http.get("/ready")
    await service.stop()

    assert (ready.status_code, ready.json()["reason"]) == (
        503,
        "no answer on crs_duration: is it published? (`bot answers list`)",
    )


# Metrics


Figures = dict[str, float]


async def metrics(http: httpx.AsyncClient) -> Figures:
    """Every figure by its name and labels."""
    response = await http.get("/metrics")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def turns(figures: Figures) -> float:
    return sum(value for name, value in figures.items() if name.startswith("bot_turns_total"))


async def test_each_turn_is_counted_by_what_came_of_it(http: httpx.AsyncClient) -> None:
    before = await metrics(http)
    await say(http, *TEXTS)
    after = await metrics(http)

    counts = {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0) and not re.search("_created|_bucket|_sum|_left_out", name)
    }
    assert counts == {
        'bot_turns_total{channel="widget"}': 3,
        'bot_replies_total{kind="notice"}': 1,
        'bot_replies_total{kind="answer"}': 1,
        'bot_replies_total{kind="emergency"}': 1,
        'bot_replies_total{kind="fallback"}': 1,
        'bot_red_flags_total{tier="T1"}': 1,
        "bot_turn_seconds_count": 3,
    }


async def test_a_repeat_is_not_counted(http: httpx.AsyncClient) -> None:
    token = (await http.post("/channels/widget/sessions")).json()["token"]
    before = turns(await metrics(http))
    for _ in range(3):
        body, headers = {"id": "same", "text": TEXTS[0]}, {"authorization": f"Bearer {token}"}
        await http.post("/channels/widget/messages", json=body, headers=headers)

    assert turns(await metrics(http)) == before + 1


async def test_failures_are_counted(service: Service, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_arguments: object) -> None:
        raise ValueError

    before = await metrics(http)
    monkeypatch.setattr(type(service.dialogue), "parse", staticmethod(fails))
    await say(http, TEXTS[0])
    monkeypatch.setattr("bot.redflags.detector.RedFlagDetector.detect", fails)
    await say(http, TEXTS[0])
    after = await metrics(http)

    assert after["bot_apologies_total"] - before["bot_apologies_total"] == 1
    assert after["bot_gate_failures_total"] - before["bot_gate_failures_total"] == 1


async def test_no_word_of_a_message_is_in_the_metrics(http: httpx.AsyncClient) -> None:
    await say(http, *TEXTS)

    page = (await http.get("/metrics")).text

    for text in TEXTS:
        assert text not in page
    assert not re.search(r"xylophonist|quokka|Lisbon|fever|39|web-", re.sub(r"(?m)^#.*|\S+$", "", page))
    labels = {label for labels in re.findall(r"\{(.*?)\}", page) for label in re.findall(r"(\w+)=", labels)}
    assert labels <= {"channel", "kind", "tier", "le", "reason"}
