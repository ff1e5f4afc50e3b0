"""Calling navigators in the background until they acknowledge, and knowing whether that works."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.alerts.mail import Mail
from bot.alerts.queue import AlertQueue, ClaimedCall, NotThrough
from bot.alerts.way import NotSent, Way
from bot.alerts.webhook import Webhook
from bot.metrics import Metrics
from bot.settings import Settings
from bot.storage.base import now

logger = structlog.get_logger(__name__)

EVERY_S = 1.0  # how often the database is asked: a new alert is to go out within two seconds
AT_ONCE = 20  # calls; one that hangs must not hold back the others
NOBODY = "nobody is called: BOT_ALERT_WEBHOOK_URL and BOT_SMTP_URL are not set"
WORKS = "navigators are called"

Result = TypeVar("Result")


def ways_of(settings: Settings) -> list[Way]:
    """The ways that the settings name."""
    ways: list[Way] = []
    if settings.alert_webhook_url:
        ways.append(Webhook(settings.alert_webhook_url))
    if settings.mail_server is not None:
        ways.append(Mail(settings.mail_server))
    return ways


class Calling:
    """Makes the calls of a queue, on all ways at once."""

    def __init__(
        self, queue: AlertQueue, ways: Sequence[Way], metrics: Metrics, clock: Callable[[], datetime] = now
    ) -> None:
        """Prepare.

        Args:
            queue: what is to be called.
            ways: how; with none, nothing is called and nothing taken from the queue.
            metrics: counts calls.
            clock: the present moment, in UTC.
        """
        self._queue = queue
        self._ways = ways
        self._metrics = metrics
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alerts")
        self._under_way: set[asyncio.Task[None]] = set()
        self._fault: str | None = None

    @property
    def fault(self) -> str | None:
        """Why navigators could not be called; None where they could, and where nobody is to be called at all."""
        return self._fault

    @property
    def state(self) -> str:
        """For whoever looks after the service."""
        return NOBODY if not self._ways else f"failing: {self._fault}" if self._fault else WORKS

    async def keep_calling(self) -> None:
        """Call whenever it is due; runs until cancelled."""
        while self._ways:
            await self.call_due()
            await asyncio.sleep(EVERY_S)

    async def call_due(self) -> None:
        """Begin the calls that are due now."""
        try:
            free = AT_ONCE - len(self._under_way)
            claimed = await self._in_thread(lambda: self._queue.claim(self._clock(), at_most=free)) if free else []
            fault = _in_words(await self._in_thread(self._queue.not_through))
        except SQLAlchemyError as error:  # what is due stays due
            logger.warning("alerts.waiting", error=type(error).__name__)
            self._fault = "the database cannot be used"
            return
        self._fault = fault
        for each in claimed:
            task = asyncio.create_task(self._make(each))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def finished(self) -> None:
        """Wait for the calls that are under way."""
        await asyncio.gather(*self._under_way)

    async def close(self) -> None:
        """Stop. A call that is under way is made again by the next process."""
        under_way = list(self._under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for way in self._ways:
            await way.close()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    async def _make(self, claimed: ClaimedCall) -> None:
        outcomes = await asyncio.gather(*(self._send(way, claimed) for way in self._ways))
        fault = "; ".join(fault for _, fault in outcomes if fault)[:200] or None
        moment = self._clock()
        try:
            if any(through for through, _ in outcomes):
                await self._in_thread(lambda: self._queue.came_through(claimed, moment, fault))
            else:
                await self._in_thread(lambda: self._queue.failed(claimed, moment, str(fault)))
        except SQLAlchemyError as error:  # claimed for a minute, then made again: rather twice than never
            logger.warning("alerts.unmarked", error=type(error).__name__)

    async def _send(self, way: Way, claimed: ClaimedCall) -> tuple[bool, str | None]:
        """Whether a call came through on one way, and what went wrong."""
        through, fault = True, None
        try:
            fault = await way.send(claimed.call, self._clock())
        except NotSent as error:
            through, fault = False, str(error)
        except Exception as error:  # a fault of the program on one way must not keep the call from the others
            through, fault = False, type(error).__name__
        if fault is not None:
            logger.warning("alerts.not_sent", way=way.name, fault=fault)
            self._metrics.alerts_failed.labels(way.name).inc()
        if through:
            self._metrics.alerts_sent.labels(way.name).inc()
        return through, None if fault is None else f"{way.name}: {fault}"

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)


def _in_words(waiting: NotThrough | None) -> str | None:
    if waiting is None:
        return None
    return f"{waiting.alerts} could not be sent since {waiting.since:%Y-%m-%d %H:%M} UTC"
