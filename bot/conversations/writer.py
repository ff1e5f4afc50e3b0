"""The one thread that writes to the database, with a limit on how long anyone waits for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog

logger = structlog.get_logger(__name__)

Result = TypeVar("Result")


class Writer:
    """Writes one after the other, so that this process never competes with itself for SQLite's write lock."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._stuck: asyncio.Future[Any] | None = None  # a write that was given up and still holds the thread

    async def write(self, function: Callable[..., Result], *arguments: Any, within_s: float) -> Result:
        """Write, if that takes no longer than it may.

        Raises:
            TimeoutError: it takes longer. It may come through yet, so what is written must be harmless twice.
            Exception: whatever the function raises.
        """
        if self._stuck is not None and not self._stuck.done():
            raise TimeoutError  # whatever is asked now would wait behind it
        future = asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
        try:
            return await asyncio.wait_for(asyncio.shield(future), within_s)
        except asyncio.TimeoutError as error:
            future.add_done_callback(_forget)
            self._stuck = future
            raise TimeoutError from error

    async def work(self, function: Callable[[], Result]) -> Result:
        """Do something that may take its time; what families write waits meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def close(self) -> None:
        """Finish what is being written and stop the thread."""
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)


def _forget(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled() and future.exception() is not None:
        logger.warning("journal.late_write.failed", error=type(future.exception()).__name__)
