"""What the courier does, written down: many claims and ends at once, and whatever the log cannot take now later."""

import asyncio
from collections import OrderedDict
from collections.abc import Container
from datetime import timedelta

import structlog

from bot.conversations.journal import Journal
from bot.conversations.outbox import Claim, Ended
from bot.storage.base import now

logger = structlog.get_logger(__name__)

TOGETHER = 100  # in one transaction; SQLite takes 999 names in one question
KEPT_MAXIMUM = 20_000  # ends that the log did not have a place for
RECORDED_WITHIN = timedelta(seconds=20)
KEPT_FOR = timedelta(hours=1)  # then the reply is taken to be erased


class Ledger:
    """Writes for the courier. What comes while a write is under way goes together into the next one."""

    def __init__(self, journal: Journal, in_hand: Container[str]) -> None:
        """Write to a journal.

        Args:
            journal: the log.
            in_hand: the keys of the replies that this process sends or has sent.
        """
        self._journal = journal
        self._in_hand = in_hand
        self._ended: dict[str, Ended] = {}
        self._being_written: dict[str, Ended] = {}
        self._unwritten: dict[str, Ended] = {}  # the log could not be asked: they go with the next write
        self._claims: list[tuple[Claim, asyncio.Future[bool]]] = []
        self._kept: OrderedDict[str, Ended] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None

    async def claim(self, claim: Claim) -> bool:
        """Take a reply to send.

        Returns:
            whether it may be sent: also where the log cannot be asked, or does not have it yet.
        """
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._claims.append((claim, answer))
        self._begin()
        return await answer

    def end(self, ended: Ended) -> None:
        """Write down what became of a reply, now or as soon as the log takes it."""
        self._kept.pop(ended.key, None)
        self._unwritten.pop(ended.key, None)
        self._ended[ended.key] = ended
        self._begin()

    async def recorded(self, key: str) -> None:
        """The log has a reply now."""
        if key in self._kept:
            self.end(self._kept[key])
            await self.finished()

    def has(self, key: str) -> bool:
        """Whether what became of a reply is known here, and not in the log yet."""
        places = (self._kept, self._ended, self._being_written, self._unwritten)
        return any(key in place for place in places)

    async def write_rest(self) -> None:
        """Try again what the log had no place for; what its turn is about to tell is left to `recorded`."""
        moment = now()
        for ended in list(self._kept.values()):
            age = moment - ended.at
            if age > KEPT_FOR:
                del self._kept[ended.key]
            elif age > RECORDED_WITHIN:
                self.end(ended)
        for ended in list(self._unwritten.values()):
            self.end(ended)
        await self.finished()

    async def finished(self) -> None:
        """Wait until nothing is being written."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    def _begin(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._ended or self._claims:
            ended = self._being_written = self._next_ended()
            claims, self._claims = self._claims[:TOGETHER], self._claims[TOGETHER:]
            try:
                known, taken = await self._journal.carry(
                    list(ended.values()), [claim for claim, _ in claims], in_hand=self._in_hand
                )
            except Exception as error:  # a fault of the program, too, must keep no family from its reply
                logger.warning("courier.unmarked", error=type(error).__name__)
                self._unwritten, self._ended = {**ended, **self._ended}, {}
                known, taken = set(ended), {}
            self._being_written = {}
            for key, each in ended.items():
                if key not in known and key not in self._ended:
                    self._keep(each)
            for claim, answer in claims:
                if not answer.done():
                    answer.set_result(taken.get(claim.key, True))

    def _next_ended(self) -> dict[str, Ended]:
        waiting = {**self._unwritten, **self._ended}
        keys = list(waiting)
        self._unwritten, self._ended = {}, {key: waiting[key] for key in keys[TOGETHER:]}
        return {key: waiting[key] for key in keys[:TOGETHER]}

    def _keep(self, ended: Ended) -> None:
        self._kept[ended.key] = ended
        if len(self._kept) > KEPT_MAXIMUM:
            self._kept.popitem(last=False)
