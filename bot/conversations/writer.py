"""The one thread that writes to the database, with a limit on how long anyone waits for it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog

logger = structlog.get_logger(__name__)

QUEUE = 2.5  # how often its own limit a write may wait for those before it

Result = TypeVar("Result")


class _Job:
    """A function that knows how long it has been running."""

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
        self._function = function
        self._arguments = arguments
        self._began: float | None = None

    def __call__(self) -> Any:
        self._began = time.monotonic()
        return self._function(*self._arguments)

    @property
    def ran_for_s(self) -> float:
        """0 until it has begun."""
        return 0.0 if self._began is None else time.monotonic() - self._began


class Writer:
    """Writes one after the other, so that this process never competes with itself for SQLite's write lock."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._stuck: asyncio.Future[Any] | None = None  # a write that was given up and still holds the thread

    async def write(self, function: Callable[..., Result], *arguments: Any, within_s: float) -> Result:
        """Write, if that takes no longer than it may.

        Args:
            function: what writes.
            arguments: its arguments.
            within_s: how long it may run. It may wait for the thread `QUEUE` times as long before, unless what runs
                then is stuck: a busy machine must not make the database seem to be away.

        Raises:
            TimeoutError: it takes longer. It may come through yet, so what is written must be harmless twice.
            Exception: whatever the function raises.
        """
        if self._is_stuck:
            raise TimeoutError  # whatever is asked now would wait behind it
        job = _Job(function, arguments)
        future = asyncio.get_running_loop().run_in_executor(self._thread, job)
        left_s, given_up_at = within_s, time.monotonic() + within_s * (1 + QUEUE)
        while True:
            try:
                return await asyncio.wait_for(asyncio.shield(future), left_s)
            except asyncio.TimeoutError as error:
                left_s = min(within_s - job.ran_for_s, given_up_at - time.monotonic())
                if left_s > 0 and not self._is_stuck:
                    continue
                future.add_done_callback(_forget)
                if not self._is_stuck:
                    self._stuck = future
                raise TimeoutError from error

    @property
    def _is_stuck(self) -> bool:
        return self._stuck is not None and not self._stuck.done()

    async def work(self, function: Callable[[], Result]) -> Result:
        """Do something that may take its time; what families write waits meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def close(self) -> None:
        """Finish what is being written and stop the thread."""
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)


def _forget(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled() and future.exception() is not None:
        logger.warning("journal.late_write.failed", error=type(future.exception()).__name__)
