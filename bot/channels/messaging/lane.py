"""Which messages are understood and answered now, and which wait while others arrive."""

import asyncio
import time
from types import TracebackType

AT_ONCE = 6  # turns: while Rasa, which has one thread, understands one, others are written down and sent
# A turn lets arriving messages go first: acknowledging them and looking for red flags needs the same processor. It does
# so no longer than this, so that something is answered however many arrive.
PATIENCE_S = 1.0
QUIET_S = 0.003  # without a message on its way in


class Lane:
    """Lets a few turns through at once, and arriving messages before them. For one event loop."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._arriving = 0
        self._all_in = asyncio.Event()
        self._all_in.set()

    def arrives(self) -> None:
        """A message is on its way in."""
        self._arriving += 1
        self._all_in.clear()

    def is_in(self) -> None:
        """A message is on disk, and has been looked at."""
        self._arriving -= 1
        if not self._arriving:
            self._all_in.set()

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        try:
            await self._let_others_in()
        except BaseException:
            self._slots.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.release()

    async def _let_others_in(self) -> None:
        patience = time.monotonic() + PATIENCE_S
        while self._arriving and (left := patience - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(self._all_in.wait(), left)
            except asyncio.TimeoutError:
                return
            await asyncio.sleep(QUIET_S)
