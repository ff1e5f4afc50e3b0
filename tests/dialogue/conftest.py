"""What the tests of the turn share: see `families.Family`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from families import Family, Restart
from sqlalchemy.orm import Session, sessionmaker

from bot.dialogue.agent import RasaDialogue
from bot.service import Service
from bot.settings import Settings


@pytest.fixture
def forgiven_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow disk is forgiven; the lock of another program still costs 300 ms at most."""
    monkeypatch.setattr("bot.conversations.journal.WRITE_LIMIT_S", 60)


@pytest.fixture
def family(service: Service) -> Family:
    return Family(service)


@pytest_asyncio.fixture
async def restart(model: Path, settings: Settings, sessions: "sessionmaker[Session]") -> AsyncIterator[Restart]:
    """Starts a service on a database of the test's own, without background work, and ends the one before."""
    running: list[Service] = []

    async def restart() -> Service:
        await end()
        service = Service(settings, model=model, sessions=sessions)
        running.append(service)
        await service.dialogue.loaded()
        return service

    async def end() -> None:
        while running:
            await running.pop().stop()

    yield restart
    await end()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that Rasa was asked to understand."""
    texts: list[str] = []
    parse = RasaDialogue.parse

    def noted(self: RasaDialogue, text: str) -> Any:
        texts.append(text)
        return parse(self, text)

    monkeypatch.setattr(RasaDialogue, "parse", noted)
    return texts
