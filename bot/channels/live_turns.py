"""The widget's turns: each runs on whether or not its request still waits, and tells all pages that listen."""

import asyncio
import uuid
from dataclasses import replace

import structlog

from bot.channels.broker import EventBroker
from bot.channels.requests import client_id_of
from bot.conversations.erased import ConversationErased
from bot.conversations.records import Inbound
from bot.dialogue.turn import TurnResult
from bot.replies import Reply
from bot.service import Service

logger = structlog.get_logger(__name__)


class Exchange:
    """A message, and what has been delivered for it so far."""

    def __init__(self, inbound: Inbound) -> None:
        self.inbound = inbound
        self.delivered: list[Reply] = []
        self.handed_over: tuple[Reply, ...] = ()  # by the answer that did not wait for the end
        self.left = False  # nobody waits for the end any more
        self._first_delivered = asyncio.Event()

    def deliver(self, reply: Reply) -> None:
        """A reply is on its way."""
        self.delivered.append(reply)
        self._first_delivered.set()

    def leave(self) -> tuple[Reply, ...]:
        """Wait no longer; returns what can be handed over now."""
        self.left, self.handed_over = True, tuple(self.delivered)
        return self.handed_over

    async def first_of(self, turn: "asyncio.Task[TurnResult]", *, rest_within_s: float) -> None:
        """Wait until the turn has delivered its first reply, and then a little for its end.

        Args:
            turn: the turn of this message.
            rest_within_s: how many seconds more.
        """
        delivery = asyncio.create_task(self._first_delivered.wait())
        try:
            await asyncio.wait({turn, delivery}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            delivery.cancel()
        if not turn.done():
            await asyncio.wait({turn}, timeout=rest_within_s)


class LiveTurns:
    """Starts turns and keeps them running."""

    def __init__(self, service: Service, broker: EventBroker) -> None:
        self._service = service
        self._broker = broker
        self._running: set[asyncio.Task[TurnResult]] = set()

    def start(self, exchange: Exchange) -> "asyncio.Task[TurnResult]":
        """Start a turn; its failure is logged whether or not anyone waits for it."""
        turn = asyncio.create_task(self._run(exchange))
        self._running.add(turn)
        turn.add_done_callback(self._finished)
        return turn

    async def resume(self, inbound: Inbound) -> None:
        """Take the turn of a message that a crash left unanswered; nobody waits for it but who listens.

        Raises:
            Exception: whatever the turn raises.
        """
        exchange = Exchange(inbound)
        exchange.leave()
        await self._run(exchange)

    def _finished(self, turn: "asyncio.Task[TurnResult]") -> None:
        self._running.discard(turn)
        if not turn.cancelled():
            turn.exception()  # seen: it was logged

    async def _run(self, exchange: Exchange) -> TurnResult:
        inbound = exchange.inbound
        live = self._broker.begin_turn(inbound.conversation, client_id_of(inbound.message_id))

        async def deliver(reply: Reply) -> None:
            exchange.deliver(reply)
            live.deliver(reply)

        try:
            result = await self._service.turn.handle(inbound, deliver)
        except ConversationErased:
            raise
        except Exception as error:  # such as neither database nor disk
            logger.error("widget.turn.failed", error=type(error).__name__)
            if exchange.left:
                live.deliver(self._apology(inbound))
            raise
        finally:
            live.over()
        if exchange.handed_over:  # only now are they in the log
            await self._service.journal.delivered([reply.id for reply in exchange.handed_over])
        return result

    def _apology(self, inbound: Inbound) -> Reply:
        """The apology for a message, by one id however often it is sent again."""
        apology_id = uuid.uuid5(uuid.NAMESPACE_URL, f"apology:{inbound.message_id}").hex
        return replace(self._service.texts.reply("apology"), id=apology_id)
