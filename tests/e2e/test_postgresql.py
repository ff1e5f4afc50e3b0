"""The whole service on PostgreSQL, as on SQLite: also while the server is gone, and when it has come back."""

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from first_replies import MIXED, Family, assert_first_is_emergency
from postgres import PostgresServer
from project import settings_in

from bot.app import create_app
from bot.service import Service, make_service

SESSIONS, MESSAGES, FEEDBACK = (f"/channels/widget/{name}" for name in ("sessions", "messages", "feedback"))
CONVERSATION = "/channels/widget/conversation"
DURATION = "How long does CRS usually last?"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(
    model: Path, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    service = make_service(settings_in(tmp_path_factory.mktemp("service"), database_url=postgres.emptied()))
    await service.start()
    await service.dialogue.loaded()
    yield service
    await service.stop()


@pytest_asyncio.fixture
async def page(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A browser with a session."""
    transport = httpx.ASGITransport(app=create_app(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        token = (await client.post(SESSIONS)).json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


async def test_a_server_that_crashes_costs_no_message(
    service: Service, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reply to a red flag comes first, the answer follows, and the log has all of it in the end, once."""
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 60)  # a slow disk is forgiven
    family = Family(service)
    assert await family.hears(DURATION) == ["notice", "crs_duration"]
    family.delivered.clear()

    with postgres.down():
        assert await family.hears(MIXED) == ["emergency", "crs_duration"]
        assert service.answers.refresh() is False

    assert_first_is_emergency(service, family.delivered)
    assert service.answers.refresh() is True
    await service.journal.read_back()
    assert await family.log() == [DURATION, "notice", "crs_duration", MIXED, "emergency", "crs_duration"]


async def test_a_conversation_is_kept_judged_and_erased(page: httpx.AsyncClient) -> None:
    body = json.dumps({"id": uuid.uuid4().hex, "text": "NUL \0 and a lone \ud800 surrogate 🙏"})
    sent = await page.post(MESSAGES, content=body)
    reply = sent.json()["replies"][-1]

    opinion = {"reply_id": reply["id"], "helpful": False, "comment": "\0no"}
    assert (await page.post(FEEDBACK, json=opinion)).status_code == 200
    for after in ("", "\0", reply["id"]):
        assert (await page.get(MESSAGES, params={"after": after})).status_code == 200
    history = (await page.get(MESSAGES)).json()["messages"]
    assert history[0]["text"] == "NUL  and a lone ? surrogate 🙏"
    assert {message["at"][-6:] for message in history} == {"+00:00"}

    assert (await page.delete(CONVERSATION)).status_code == 204
    assert (await page.get(MESSAGES)).status_code == 401
