"""Server-sent events: what a page has missed, then what happens while it listens."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from bot.channels.broker import Subscription, TurnOver
from bot.channels.rendering import rendered
from bot.conversations.journal import Journal
from bot.replies import Reply

logger = structlog.get_logger(__name__)

HEARTBEAT_S = 15.0  # after so long without a word a proxy may take the connection for dead
SEND_LIMIT_S = 30.0  # a reader that takes nothing for so long is gone
_HEARTBEAT = b": listening\n\n"


class EventStream(StreamingResponse):
    """A response that lasts as long as the page listens."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        """Prepare.

        Args:
            frames: what is sent.
            ended: called when the stream is over, however it came to that.
        """
        # `x-accel-buffering` asks nginx not to hold the events back.
        super().__init__(frames, headers={"x-accel-buffering": "no"})
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the server."""

        async def send_in_time(message: dict[str, object]) -> None:
            await asyncio.wait_for(send(message), SEND_LIMIT_S)

        try:
            await super().__call__(scope, receive, send_in_time)  # type: ignore[arg-type]
        except asyncio.TimeoutError:
            logger.info("events.reader.gone")  # the server closes the connection of an unfinished response
        finally:
            self._ended()


async def frames(
    journal: Journal, missed: AsyncIterator[list[Reply]] | None, subscription: Subscription, *, seen: str
) -> AsyncIterator[bytes]:
    """The stream's bytes.

    Args:
        journal: where replies are marked as handed over.
        missed: what the log has after the reply seen last, page by page; None for nothing.
        subscription: what happens from now on; it began before the log was read, so that nothing is lost between.
        seen: the id of the reply seen last; empty for none.
    """
    yield _HEARTBEAT
    shown = {seen}
    try:
        if missed is not None:
            async for page in missed:
                for reply in page:
                    shown.add(reply.id)
                    yield _frame("reply", rendered(reply), reply.id)
                await journal.delivered([reply.id for reply in page])
    except SQLAlchemyError as error:
        logger.warning("events.log.unread", error=type(error).__name__)
        return  # the page comes back for the rest
    unmarked: list[str] = []
    while not subscription.closed:
        event = await subscription.next(within_s=HEARTBEAT_S)
        if isinstance(event, TurnOver):
            yield _frame("turn", {"id": event.message})
            await journal.delivered(unmarked)  # in the log since the turn is over
            unmarked.clear()
        elif event is None:
            if not subscription.closed:
                yield _HEARTBEAT
        elif event.id not in shown:
            shown.add(event.id)
            yield _frame("reply", rendered(event), event.id)
            unmarked.append(event.id)


def _frame(event: str, data: object, reply_id: str = "") -> bytes:
    head = f"id: {reply_id}\n" if reply_id else ""
    return f"{head}event: {event}\ndata: {json.dumps(data)}\n\n".encode()
