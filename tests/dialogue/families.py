"""Families for the tests of the turn: what they send, what is delivered to them, and what is stored of it."""

import asyncio
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from bot.conversations.records import Inbound
from bot.dialogue.turn import TurnResult
from bot.replies import Reply
from bot.service import Service

SOON_S = 30  # far above any limit here: a test that takes as long hangs
ADDRESS = {"address": "encrypted"}  # what makes a message a messenger's
RED_FLAG = "He is shivering. How long does CRS last?"

Restart = Callable[[], Awaitable[Service]]


class Family:
    """One conversation: what is sent, and what is delivered for it."""

    def __init__(self, service: Service, conversation: str = "") -> None:
        self.service = service
        self.conversation = conversation or f"test-{uuid.uuid4().hex}"
        self.delivered: list[Reply] = []

    def message(self, text: str, *, message_id: str = "", **values: Any) -> Inbound:
        return Inbound("test", self.conversation, message_id or uuid.uuid4().hex, text, **values)

    async def send(self, text: str, *, lane: asyncio.Semaphore | None = None, **values: Any) -> TurnResult:
        return await self.service.turn.handle(self.message(text, **values), self.deliver, lane=lane)

    async def hears(self, text: str, **values: Any) -> list[str]:
        """The names of the replies that are delivered for a message."""
        before = len(self.delivered)
        await self.send(text, **values)
        return names(self.delivered[before:])

    async def log(self) -> list[str]:
        """What the log has of the conversation: messages as they are, replies by their names."""
        history = await self.service.journal.history(self.conversation)
        return [names([entry["reply"]])[0] if entry["reply"] else entry["text"] for entry in history]

    def stored(self, columns: str) -> Any:
        """What is stored of the newest message."""
        statement = f"SELECT {columns} FROM message WHERE channel_message_id IS NOT NULL AND conversation_id ="
        statement += " (SELECT id FROM conversation WHERE key = ?) ORDER BY id DESC LIMIT 1"
        (row,) = query(self.service, statement, self.conversation)
        return row

    async def deliver(self, reply: Reply) -> None:
        self.delivered.append(reply)


def names(replies: "list[Reply] | tuple[Reply, ...]") -> list[str]:
    return [reply.topic or reply.text_id for reply in replies]


def query(service: Service, statement: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(service.settings.var_dir / "bot.sqlite3")) as database:
        return database.execute(statement, values).fetchall()


@contextmanager
def locked(service: Service) -> Iterator[None]:
    """The database as another program holds it that writes and does not finish."""
    with closing(sqlite3.connect(service.settings.var_dir / "bot.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
