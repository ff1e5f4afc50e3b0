"""The turns of this service, measured in a process of their own: `our_turns.py --help`."""

import argparse
import asyncio
import contextlib
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from figures import growth, resident_mb, spread
from messages import message

from bot.conversations.records import Inbound
from bot.logs import configure_logs
from bot.replies import Reply
from bot.service import Service, make_service
from bot.settings import load_settings

WARM_UP_TURNS = 20
TURNS_A_CONVERSATION = 5
SESSION_TURNS = 505
AT_A_TIME = 4  # families that write while the memory is looked at
SETTLED_AFTER_S = 1.0  # by then the service has looked for what a crash left unanswered


class Family:
    """Writes to a service and takes the time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.written = 0
        self.kinds: Counter[str] = Counter()

    async def write(self, conversation: str) -> float:
        """One message.

        Returns:
            milliseconds until its replies are in the log and could be sent. Marking them as delivered, which the
            website's channel does after its response, is done but not counted.
        """
        inbound = Inbound("benchmark", conversation, uuid.uuid4().hex, message(self.written))
        self.written += 1
        started = time.perf_counter()
        result = await self._service.turn.handle(inbound, _keep)
        milliseconds = (time.perf_counter() - started) * 1000
        await self._service.journal.delivered([reply.id for reply in result.replies])
        self.kinds.update(reply.kind for reply in result.replies)
        return milliseconds


async def measure_turns(folder: Path, turns: int) -> dict[str, Any]:
    """Measure turns of the whole service without its web front, one at a time.

    Args:
        folder: for the database and the spool.
        turns: how many turns the percentiles are of.
    """
    async with _family(folder) as family:
        memory = {"after_start_mb": resident_mb()}
        for number in range(WARM_UP_TURNS):
            await family.write(f"warm-up-{number // TURNS_A_CONVERSATION}")
        family.kinds.clear()
        worked = time.process_time()
        taken = [await family.write(f"family-{number // TURNS_A_CONVERSATION}") for number in range(turns)]
        worked = time.process_time() - worked
        memory["after_turns_mb"] = resident_mb()
        kinds = dict(family.kinds.most_common())
        session = [await family.write("long-session") for _ in range(SESSION_TURNS)]
        turn = {**spread(taken), "cpu_ms": round(worked / turns * 1000, 2)}
        return {"turn": turn, "reply_kinds": kinds, "session": growth(session), "memory": memory}


async def measure_conversations(folder: Path, count: int, minutes: float) -> dict[str, Any]:
    """Look at the memory while many conversations of one turn each are held.

    Args:
        folder: for the database and the spool.
        count: how many conversations.
        minutes: the end, even if there were fewer by then.
    """
    async with _family(folder) as family:
        memory = {0: resident_mb()}
        shown_every = max(1, count // 50)
        started = time.perf_counter()

        async def keep_writing() -> None:
            while family.written < count and time.perf_counter() - started < minutes * 60:
                number = family.written + 1
                await family.write(f"single-{number}")
                if number % shown_every == 0:
                    memory[number] = resident_mb()
                    passed = (time.perf_counter() - started) / 60
                    print(f"  conversation {number} of {count}: {memory[number]} MB, {passed:.1f} min", file=sys.stderr)

        await asyncio.gather(*(keep_writing() for _ in range(AT_A_TIME)))
        seconds = time.perf_counter() - started
        memory[family.written] = resident_mb()
        return {
            "count": family.written,
            "at_a_time": AT_A_TIME,
            "per_second": round(family.written / seconds, 1),
            "reply_kinds": dict(family.kinds.most_common()),
            "memory_mb": memory,
            "after_mb": memory[family.written],
            "database_mb": round((folder / "benchmark.sqlite3").stat().st_size / 1e6, 1),
        }


@contextlib.asynccontextmanager
async def _family(folder: Path) -> AsyncIterator[Family]:
    """A family at a service that has just started."""
    settings = load_settings(database_url=f"sqlite:///{folder}/benchmark.sqlite3", var_dir=folder)
    configure_logs(settings.log_level)
    service = make_service(settings)
    await service.dialogue.loaded()
    await service.start()
    try:
        await asyncio.sleep(SETTLED_AFTER_S)
        yield Family(service)
    finally:
        await service.stop()


async def _keep(_reply: Reply) -> None:
    """Deliver nothing: the message's result carries all replies."""


def main() -> None:
    """Measure, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="an empty folder for database, spool and figures.json")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--turns", type=int)
    what.add_argument("--conversations", type=int)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="the most that conversations may take")
    arguments = parser.parse_args()
    if arguments.turns:
        measured = measure_turns(arguments.folder, arguments.turns)
    else:
        measured = measure_conversations(arguments.folder, arguments.conversations, arguments.minutes)
    (arguments.folder / "figures.json").write_text(json.dumps(asyncio.run(measured)))


if __name__ == "__main__":
    main()
