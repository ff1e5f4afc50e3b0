"""Messages on their way into the database: what comes while a write is under way goes together into the next one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from bot.conversations.accepting import Accepted
from bot.conversations.erased import ConversationErased
from bot.conversations.records import Inbound, Known

logger = structlog.get_logger(__name__)

TOGETHER = 32  # messages in one transaction: a busy machine writes them well within the limit
# Ten messages in one transaction cost the processor little more than two do. While messengers deliver many, each waits
# a little for others; a family at the website's page, which sees its answer come, waits for none.
LINGER_S = 0.01
MANY_WITHIN_S = 0.05  # since the last transaction
_REFUSED = (IntegrityError, DataError, ValueError)  # the database will not take this message; ValueError: its driver


class AcceptQueue:
    """Puts each message on disk, in the database or else in the spool."""

    def __init__(
        self,
        one: Callable[[Inbound], Awaitable[Known]],
        several: Callable[[Sequence[Inbound]], Awaitable[list[Accepted]]],
        to_spool: Callable[[Inbound], Awaitable[None]],
    ) -> None:
        """Use what writes.

        Args:
            one: writes one message to the database.
            several: writes several, all or none.
            to_spool: keeps one that the database does not take.
        """
        self._one = one
        self._several = several
        self._to_spool = to_spool
        self._waiting: list[tuple[Inbound, asyncio.Future[Known | None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._written_at = 0.0

    async def accept(self, inbound: Inbound) -> Known | None:
        """Put a message on disk; see `Journal.accept`."""
        answer: asyncio.Future[Known | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((inbound, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await answer

    async def finished(self) -> None:
        """Wait until nothing is on its way."""
        while self._writing is not None and not self._writing.done():
            await self._writing

    async def _write(self) -> None:
        while self._waiting:
            if time.monotonic() - self._written_at < MANY_WITHIN_S and self._can_linger():
                await asyncio.sleep(LINGER_S)
            batch, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            found = await self._found([inbound for inbound, _ in batch])
            self._written_at = time.monotonic()
            for (_, answer), each in zip(batch, found, strict=True):
                _settle(answer, each)

    def _can_linger(self) -> bool:
        return all(inbound.address for inbound, _ in self._waiting)

    async def _found(self, batch: list[Inbound]) -> Sequence[Known | Exception | None]:
        if len(batch) == 1:
            return await self._apart(batch)
        try:
            return await self._several(batch)
        except _REFUSED:  # one of them; the others must not go with it
            return await self._apart(batch)
        except (SQLAlchemyError, TimeoutError) as error:
            return [await self._spooled(inbound, error) for inbound in batch]
        except Exception as error:  # a fault of the program: whoever waits must hear of it
            return [error] * len(batch)

    async def _apart(self, batch: list[Inbound]) -> Sequence[Known | Exception | None]:
        """Each in a transaction of its own, until the database takes none: the others wait for it no more."""
        found: list[Known | Exception | None] = []
        away: Exception | None = None
        for inbound in batch:
            try:
                found.append(await self._one(inbound) if away is None else await self._spooled(inbound, away))
            except _REFUSED as error:
                found.append(await self._spooled(inbound, error))
            except (SQLAlchemyError, TimeoutError) as error:
                away = error
                found.append(await self._spooled(inbound, error))
            except Exception as error:  # its conversation was erased, or a fault of the program: who waits must hear
                found.append(error)
        return found

    async def _spooled(self, inbound: Inbound, cause: Exception) -> Exception | None:
        logger.warning("journal.spooled", what="message", error=type(cause).__name__)
        try:
            await self._to_spool(inbound)
        except (OSError, ConversationErased) as error:
            return error
        return None


def _settle(answer: "asyncio.Future[Known | None]", found: Known | Exception | None) -> None:
    """Tell who waits, unless that has been given up."""
    if answer.done():
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)
