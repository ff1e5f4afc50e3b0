"""The whole service with its five messengers, whose vendors the test plays: what tests of messaging share."""

import asyncio
import contextlib
import itertools
import re
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from databases import other_tool
from project import settings_in
from vendor import Request, VendorServer
from vendors_say import SPEAKERS, Post, Speaker, channel_settings

from bot.answers.setup import prepare_storage
from bot.app import Application, create_app
from bot.channels.messaging.rules import FILE, load_rules
from bot.service import Service

QUESTION, TOPIC = "How long does CRS usually last?", "crs_duration"
RED_FLAG = "My husband is shivering"
ONLY_BY_MEANING = "there is nobody in there when I look at dad"  # no word of the lexicon
DELETE = "Delete my data."

_numbers = itertools.count(1)


class House:
    """A running service, its vendors, and families that write."""

    def __init__(self, service: Service, app: Application, http: httpx.AsyncClient, vendor: VendorServer) -> None:
        self.service = service
        self.app = app
        self.http = http
        self.vendor = vendor

    @property
    def messaging(self) -> Any:
        return self.app.messaging

    async def post(self, speaker: Speaker, said: Post) -> int:
        """Deliver a webhook; the status of the answer."""
        response = await self.http.post(speaker.path, content=said.content, headers=dict(said.headers))
        return response.status_code

    async def idle(self) -> None:
        """Wait until all turns are over, and all replies have gone out or will not."""
        await self.messaging.intake.finished()
        await self.messaging.courier.finished()

    async def hears(self, speaker: Speaker, said: Post) -> list[Request]:
        """Deliver a webhook and wait; what was sent for it."""
        before = len(self.sent_by(speaker))
        assert await self.post(speaker, said) == 200
        await self.idle()
        return self.sent_by(speaker)[before:]

    def sent_by(self, speaker: Speaker, family: str = "") -> list[Request]:
        """What a vendor was told to send, to one family or all."""
        requests = self.vendor.to(speaker.send_path)
        return [request for request in requests if not family or speaker.recipient(request) == family]

    def words_to(self, speaker: Speaker, family: str) -> list[str]:
        """The texts that one family was sent."""
        return [speaker.words(request) for request in self.sent_by(speaker, family)]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """What another program reads from the database."""
        with other_tool(self.service.settings.database_url) as database:
            return [dict(row) for row in database.exec_driver_sql(sql).mappings()]

    def deliveries(self) -> list[dict[str, Any]]:
        """The replies in the log, with how far they have come."""
        return self.rows(
            "SELECT m.kind, m.text_id, m.topic, m.channel, d.state, d.attempts, d.error, d.possibly_repeated"
            " FROM message m JOIN delivery d ON d.message_id = m.id ORDER BY m.id"
        )


OpenHouse = Callable[..., contextlib.AbstractAsyncContextManager[House]]


def new_family(speaker: Speaker) -> str:
    """A family that no test has spoken for."""
    return speaker.family(next(_numbers))


def new_id() -> str:
    return f"{next(_numbers):06}"


def service_in(folder: Path, answers_file: Path, model: Path, vendor: VendorServer, **changed: Any) -> Service:
    """A service on a database in a folder, with all five channels; it goes on where one in that folder stopped."""
    if not (folder / "bot.sqlite3").exists():
        shutil.copy(answers_file, folder / "bot.sqlite3")
    contacts = {"ward_phone": "+44 1632 960111", "phone_24h": "+44 1632 960222", "emergency_number": "UK 999"}
    settings = settings_in(folder, **{**channel_settings(vendor.url), **contacts, "turn_timeout_s": 60, **changed})
    return Service(settings, model=model, sessions=prepare_storage(settings))


@contextlib.asynccontextmanager
async def running(service: Service, vendor: VendorServer) -> AsyncIterator[House]:
    """The application of a service, from its start to its end."""
    app = create_app(service)
    async with (
        _lifespan(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url="http://bot"
        ) as http,
    ):
        await service.dialogue.loaded()
        await service._background[0]  # what was left over is answered: another process's work would be taken for it
        yield House(service, app, http, vendor)


@contextlib.asynccontextmanager
async def _lifespan(app: Application) -> AsyncIterator[None]:
    """What a server does around the life of an application."""
    to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
    task = asyncio.create_task(app(scope, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
        await task


def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgive a slow machine: no limit of time is reached where the test is not about it."""
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 60)
    monkeypatch.setattr("bot.channels.messaging.courier.RELEASED_WITHIN_S", 60)
    monkeypatch.setattr("bot.redflags.gate.SECOND_LIMIT_S", 60)
    monkeypatch.setattr("bot.redflags.gate.WAIT_LIMIT_S", 60)


def hasty(monkeypatch: pytest.MonkeyPatch, folder: Path, **delivery: float) -> None:
    """Try again and look again soon, as data/channels.yml could say."""
    text, file = FILE.read_text(), folder / "channels.yml"
    for name, value in {"first_s": 0.02, "longest_s": 0.05, **delivery}.items():
        text = re.sub(rf"(?m)^  {name}: .*$", f"  {name}: {value}", text)
    file.write_text(text)
    monkeypatch.setattr("bot.channels.messaging.messaging.load_rules", lambda: load_rules(file))
    monkeypatch.setattr("bot.channels.messaging.messaging.LOOK_EVERY_S", 0.05)
    monkeypatch.setattr("bot.conversations.store.AT_ONCE", timedelta(seconds=0.5))


async def until(condition: Any, limit_s: float = 20.0) -> None:
    """Wait for what no event tells, such as a row in the database."""

    async def come() -> None:
        while not condition():  # noqa: ASYNC110 - nothing says so by itself
            await asyncio.sleep(0.01)

    await asyncio.wait_for(come(), limit_s)


def every_speaker(speakers: Sequence[Speaker] = SPEAKERS) -> pytest.MarkDecorator:
    """Run a test once for each vendor."""
    return pytest.mark.parametrize("speaker", speakers, ids=[speaker.name for speaker in speakers])
