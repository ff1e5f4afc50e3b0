"""`kill -9` under load, again and again: what was acknowledged is in the log once, with its replies."""

import random
import signal
import threading
import uuid
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from databases import locked
from server_process import MESSAGES, server
from sqlalchemy import func, select

from bot.conversations.models import (
    ANSWERED,
    DELIVERED,
    INBOUND,
    OPEN,
    OUTBOUND,
    PENDING,
    Delivery,
    Message,
)
from bot.storage.database import open_database, session_factory

pytestmark = pytest.mark.usefixtures("model")  # trained before, not in the first life

LIVES = 20
FAMILIES = 6
LOCKED_LIFE = LIVES // 2  # in this one another program holds the database, and the spool takes what families write
ENOUGH = 8  # acknowledgements in a life before it ends
SOON_S = 120  # on a machine that does much else
TEXTS = ("What is CRS?", "How long does CRS last?", "My father has a fever of 39.5", "Hello", "Is it snowing?")


class Family:
    """Sends message after message, each until it is acknowledged, over all lives of the service."""

    def __init__(self, number: int) -> None:
        self.token = ""
        self.sent: list[str] = []  # ids, in the order in which they were first sent
        self.acknowledged: list[str] = []
        self._numbers = random.Random(number)
        self._waiting: tuple[str, str] | None = None

    def live(self, port: int, ended: threading.Event, acknowledged: threading.Semaphore) -> None:
        """Write until the service is gone."""
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            while not ended.is_set():
                try:
                    done = self._say(http)
                except httpx.TransportError:  # killed, or not listening yet
                    done = False
                if done:
                    acknowledged.release()
                else:
                    ended.wait(0.05)

    def finish(self, port: int) -> None:
        """Get the last message acknowledged as well."""
        ended, acknowledged = threading.Event(), threading.Semaphore(0)
        thread = threading.Thread(target=self.live, args=(port, ended, acknowledged))
        thread.start()
        assert acknowledged.acquire(timeout=SOON_S)
        ended.set()
        thread.join()

    def _say(self, http: httpx.Client) -> bool:
        if not self.token:
            self.token = http.post("/channels/widget/sessions").raise_for_status().json()["token"]
        if self._waiting is None:
            self._waiting = uuid.uuid4().hex, self._numbers.choice(TEXTS)
            self.sent.append(self._waiting[0])
        body = dict(zip(("id", "text"), self._waiting, strict=True))
        response = http.post(MESSAGES, json=body, headers={"authorization": f"Bearer {self.token}"})
        if response.status_code != 200 or response.json().get("more"):  # the rest comes to who asks again
            return False
        self.acknowledged.append(body["id"])
        self._waiting = None
        return True


def one_life(folder: Path, families: list[Family], number: int) -> None:
    """Start the service, let families write to it, and kill it in the middle."""
    chance = random.Random(number)
    ended, acknowledged = threading.Event(), threading.Semaphore(0)

    def wait_for(count: int) -> None:
        for _ in range(count):
            assert acknowledged.acquire(timeout=SOON_S)

    with server(folder, BOT_LOG_LEVEL="ERROR") as running, ExitStack() as stack:
        threads = [
            threading.Thread(target=family.live, args=(running.port, ended, acknowledged)) for family in families
        ]
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(ended.set)
        wait_for(chance.randrange(1, ENOUGH))
        if number == LOCKED_LIFE:
            stack.enter_context(locked(f"sqlite:///{folder}/bot.sqlite3"))
            wait_for(ENOUGH)
        ended.wait(chance.random() * 0.1)  # anywhere in a turn
        running.end(signal.SIGKILL)


def last_life(folder: Path, families: list[Family]) -> None:
    """Start the service once more, and let it answer what is left."""
    engine = open_database(f"sqlite:///{folder}/bot.sqlite3")
    open_messages = select(func.count()).where(Message.state == OPEN)

    def settled() -> bool:
        spooled = any((folder / "spool").glob("*.jsonl"))
        with engine.connect() as connection:
            return not spooled and connection.execute(open_messages).scalar_one() == 0

    with server(folder, BOT_LOG_LEVEL="ERROR") as running:
        for family in families:
            family.finish(running.port)
        running.wait_for(settled)
        running.end(signal.SIGTERM)
    engine.dispose()


def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    families = [Family(number) for number in range(FAMILIES)]
    for number in range(LIVES):
        one_life(tmp_path, families, number)
    last_life(tmp_path, families)

    engine = open_database(f"sqlite:///{tmp_path}/bot.sqlite3")
    with session_factory(engine)() as session:
        asked = session.scalars(select(Message).where(Message.direction == INBOUND)).all()
        replies = session.scalars(select(Message).where(Message.direction == OUTBOUND)).all()
        deliveries = {row.message_id: row.state for row in session.scalars(select(Delivery))}
    engine.dispose()
    written = Counter(message.channel_message_id.rpartition(":")[2] for message in asked)
    acknowledged = [name for family in families for name in family.acknowledged]
    assert len(acknowledged) > LIVES
    assert set(acknowledged) <= set(written), "acknowledged and lost"
    assert set(written) <= {name for family in families for name in family.sent}
    assert set(written.values()) == {1}, "a message is there twice"
    assert {message.state for message in asked} == {ANSWERED}
    assert {message.id for message in asked} == {reply.reply_to_id for reply in replies}
    places = Counter((reply.reply_to_id, reply.position) for reply in replies)
    assert set(places.values()) == {1}, "a reply is there twice"
    assert {reply.id for reply in replies} == set(deliveries)
    assert set(deliveries.values()) <= {DELIVERED, PENDING}
    assert DELIVERED in deliveries.values()
