"""Whatever comes to the webhooks, nothing breaks, nothing unsigned is taken, and no word of it is logged.

The application is the real one, called without a network. Of the messages that are taken, one in fifty goes through the
real turn, journal and database; the others end where the turn begins, which has tests of its own, for the sake of time.
"""

import asyncio
import contextlib
import gc
import io
import itertools
import os
import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
import pytest_asyncio
from fuzzing import MARK, PIECES, Bodies, Pieces, signed
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from project import settings_in
from sqlalchemy import func, select
from vendor import VendorServer
from vendors_say import SECRET, SPEAKERS, WORD, Speaker, channel_settings

from bot.app import create_app
from bot.channels.messaging.webhooks import BODY_MAXIMUM
from bot.conversations.records import Inbound
from bot.dialogue.turn import GuardedTurn, OnAccepted, TurnResult
from bot.logs import configure_logs
from bot.redflags.detector import Detection
from bot.service import Service, make_service
from bot.storage.base import Base

BODIES = int(os.environ.get("FUZZED_BODIES", "2000"))  # for each channel; `make fuzz` sends 10,000
AT_ONCE = 500  # in one example of Hypothesis, half of them signed
REAL = 50  # one message of so many goes through the real turn
SETTINGS = settings(
    max_examples=max(BODIES // AT_ONCE, 1),
    deadline=None,
    database=None,
    phases=[Phase.generate],  # the body itself is shown; making it smaller would take too long
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)


class Turns:
    """Stands before the turn: writes down what comes, and passes some of it on."""

    def __init__(self, turn: GuardedTurn) -> None:
        self._turn = turn
        self.taken: list[Inbound] = []
        self.every = REAL

    async def handle(
        self, inbound: Inbound, deliver: Any, *, on_accepted: OnAccepted, lane: asyncio.Semaphore
    ) -> TurnResult:
        self.taken.append(inbound)
        if len(self.taken) % self.every == 0:
            return await self._turn.handle(inbound, deliver, on_accepted=on_accepted, lane=lane)
        on_accepted(None)
        return TurnResult((), Detection((), ""))

    async def erase(self, conversation: str) -> None:
        await self._turn.erase(conversation)


class House:
    """The application with all its surroundings."""

    def __init__(self, service: Service, vendor: VendorServer, log: io.StringIO) -> None:
        self.app, self.turns, self.vendor = create_app(service), Turns(service.turn), vendor
        self._service, self._log = service, log
        self.faults: list[Mapping[str, Any]] = []  # of tasks that nobody waits for

    async def post(self, channel: str, body: bytes, headers: Mapping[str, str], *chunks: int) -> int:
        """The status with which a webhook is answered; the body comes cut at some places."""
        cuts = [0, *sorted(chunks), len(body)]
        parts = [body[start:end] for start, end in itertools.pairwise(cuts)]
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": f"/channels/{channel}",
            "raw_path": f"/channels/{channel}".encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode("utf-8")) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("chat.hospital.example", 443),
        }
        await self.app(scope, receive, send)
        return statuses[0]

    async def quiet(self) -> None:
        """Wait until nothing is being worked on, and the log has what a busy machine kept in the spool."""
        await self.app.messaging.intake.finished()
        await self.app.messaging.courier.finished()
        while await self._service.journal.read_back():
            pass

    def traces(self) -> tuple[dict[str, int], int, int]:
        """All that a message leaves: the rows of each table, calls to vendors, turns."""
        with self._service.sessions() as session:
            rows = {
                name: session.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in Base.metadata.tables.items()
            }
        return rows, len(self.vendor.requests), len(self.turns.taken)

    def logged(self) -> list[str]:
        """What was logged since the last time."""
        lines = self._log.getvalue().splitlines()
        self._log.seek(0)
        self._log.truncate()
        return lines


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(model: object, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A service with all channels, whose vendors are one server."""
    vendor, log = VendorServer(), io.StringIO()
    service = make_service(settings_in(tmp_path_factory.mktemp("fuzzed"), **channel_settings(vendor.url)))
    house = House(service, vendor, log)
    service.turn = house.turns  # type: ignore[assignment]
    with contextlib.redirect_stderr(log):
        configure_logs("DEBUG")
    asyncio.get_running_loop().set_exception_handler(lambda _, context: house.faults.append(context))
    await service.start()
    await service.dialogue.loaded()
    house.app.messaging.start()
    yield house
    await house.app.messaging.stop()
    await service.stop()
    asyncio.get_running_loop().set_exception_handler(None)
    configure_logs("ERROR")
    vendor.close()


@pytest.mark.parametrize("channel", [speaker.name for speaker in SPEAKERS])
@given(seed=st.integers(0, 2**64), pieces=PIECES)
@SETTINGS
async def test_nothing_breaks_and_nothing_unsigned_is_taken(
    house: House, channel: str, seed: int, pieces: Pieces
) -> None:
    chance, bodies = random.Random(seed), Bodies(channel)
    made = [bodies.made(chance, pieces) for _ in range(AT_ONCE)]
    await house.quiet()
    house.logged()
    before = house.traces()
    for body in made[::2]:
        status = await house.post(channel, body, forged(channel, body, chance), *cuts(body, chance))
        assert status == (403 if len(body) <= BODY_MAXIMUM else 413), body
    await house.quiet()
    assert house.traces() == before
    lines = house.logged()
    check_log(lines, [])
    assert [line for line in lines if "webhook" in line] == []

    for body in made[1::2]:
        status = await house.post(channel, body, signed(channel, body, secret_of(channel)), *cuts(body, chance))
        assert status in ((200, 400) if len(body) <= BODY_MAXIMUM else (413,)), body
    await house.quiet()
    check_log(house.logged(), [inbound.text for inbound in house.turns.taken[before[2] :]])
    gc.collect()  # of a task that failed and that nobody asks, the loop is told now
    assert house.faults == []


@pytest.mark.parametrize("speaker", SPEAKERS, ids=[speaker.name for speaker in SPEAKERS])
async def test_a_family_is_answered_afterwards(house: House, speaker: Speaker) -> None:
    house.turns.every = 1
    said = speaker.text(speaker.family(77), words := f"What is CRS? {MARK}", "77")
    await house.quiet()
    house.logged()

    assert await house.post(speaker.name, said.content, said.headers) == 200

    await house.quiet()
    assert speaker.family(77) in [speaker.recipient(request) for request in house.vendor.to(speaker.send_path)]
    check_log(house.logged(), [words])


def forged(channel: str, body: bytes, chance: random.Random) -> dict[str, str]:
    """Headers as of somebody who does not know the secret."""
    right = signed(channel, body, secret_of(channel))
    name = next(name for name in right if "signature" in name or "token" in name)
    wrong = [
        {header: value for header, value in right.items() if header != name},
        {},
        {**right, name: ""},
        {**right, name: right[name][:-1]},
        {**right, name: right[name] + "é"},
        signed(channel, body, "not-the-secret"),
    ]
    if channel != "telegram":  # there the word is the same for every body
        wrong.append(signed(channel, body + b"&a=b", secret_of(channel)))
    return chance.choice(wrong)


def secret_of(channel: str) -> str:
    return WORD if channel == "telegram" else SECRET


def cuts(body: bytes, chance: random.Random) -> list[int]:
    return [chance.randrange(len(body) + 1) for _ in range(chance.choice((0, 0, 0, 1, 3)))]


def check_log(lines: Sequence[str], texts: Sequence[str]) -> None:
    """Nothing went wrong but that bodies could not be read, and no word of a message is there."""
    whole = "\n".join(lines)
    assert MARK not in whole
    errors = [line for line in lines if "level=error" in line or not line.startswith("timestamp=")]
    assert [line for line in errors if "event=webhook.unreadable" not in line] == []
    words = {word for text in texts for word in re.findall(r"\w{6,}", text)}
    assert words.isdisjoint(re.findall(r"\w{6,}", whole))
