"""What the failure tests share: a family whose replies are kept in the order, and with the time, of their delivery."""

import os
import time
import uuid
from collections.abc import Callable
from typing import Any

from bot.conversations.records import Inbound
from bot.dialogue.turn import TurnResult
from bot.replies import Reply
from bot.service import Service

REPORT = "My husband is shivering"
MIXED = "He is shivering. How long does CRS last?"


class Family:
    """One conversation with a service."""

    def __init__(self, service: Service) -> None:
        self.conversation = f"test-{uuid.uuid4().hex}"
        self.delivered: list[Reply] = []
        self.seconds: list[float] = []  # from sending a message to each reply
        self._service = service

    async def send(self, text: str, *, message_id: str = "", button: str = "") -> TurnResult:
        started = time.perf_counter()

        async def deliver(reply: Reply) -> None:
            self.seconds.append(time.perf_counter() - started)
            self.delivered.append(reply)

        inbound = Inbound("test", self.conversation, message_id or uuid.uuid4().hex, text, button)
        return await self._service.turn.handle(inbound, deliver)

    async def hears(self, text: str, *, button: str = "") -> list[str]:
        """The names of the replies to a message."""
        before = len(self.delivered)
        await self.send(text, button=button)
        return names(self.delivered[before:])

    async def log(self) -> list[str]:
        """What the log has: messages as they are, replies by their names."""
        history = await self._service.journal.history(self.conversation)
        return [names([entry["reply"]])[0] if entry["reply"] else entry["text"] for entry in history]


def names(replies: list[Reply]) -> list[str]:
    return [reply.topic or reply.text_id for reply in replies]


def emergency(service: Service) -> bytes:
    return service.texts.reply("emergency").text.encode()


def assert_first_is_emergency(service: Service, delivered: list[Reply]) -> None:
    assert delivered[0].text.encode() == emergency(service)
    assert [reply.text_id for reply in delivered].count("emergency") == 1


def fails(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def within(seconds: float) -> float:
    """A limit of time; twice as long where the machine has more to do than it can."""
    return seconds * 2 if os.getloadavg()[0] > (os.cpu_count() or 1) else seconds
