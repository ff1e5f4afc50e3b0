"""The way in: messages of vendors are put on disk, acknowledged, and then taken through the turn."""

import asyncio
import contextlib
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.channels.base import Contents, Messenger, Received
from bot.channels.messaging.choosing import Choosing
from bot.channels.messaging.courier import Courier
from bot.channels.messaging.identities import Identities, UnknownKey
from bot.channels.messaging.lane import Lane
from bot.channels.messaging.parcel import Parcel
from bot.channels.messaging.reports import Reports
from bot.conversations.erased import ConversationErased, MessageErased
from bot.conversations.forms import ERASE
from bot.conversations.records import Inbound, Known
from bot.replies import Reply
from bot.service import Service
from bot.storable import storable
from bot.storage.base import now

logger = structlog.get_logger(__name__)


class NotStored(Exception):
    """A message could not be put on disk."""


class Intake:
    """Takes messages of all messengers. For one event loop."""

    def __init__(
        self,
        service: Service,
        messengers: Mapping[str, Messenger],
        identities: Identities,
        courier: Courier,
        choosing: Choosing,
        reports: Reports,
    ) -> None:
        self._service = service
        self._messengers = messengers
        self._identities = identities
        self._courier = courier
        self._choosing = choosing
        self._reports = reports
        self._lane = Lane()
        self._doors: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._running: set[asyncio.Task[None]] = set()

    async def take(self, messenger: Messenger, contents: Contents) -> None:
        """Put everything that a webhook holds on disk; its turns go on behind.

        Raises:
            NotStored: a message was not put on disk: the vendor has to deliver it again.
        """
        accepted = [self._begin(messenger, received) for received in contents.messages]
        for failure in await asyncio.gather(*accepted, return_exceptions=True):
            if failure is not None:
                raise NotStored from failure
        await self._reports.take(messenger.name, contents.reports)

    async def resume(self, inbound: Inbound) -> None:
        """Take the turn of a message that a crash left unanswered. Its fixed reply may have been sent already.

        Raises:
            Exception: whatever the turn raises.
        """
        if inbound.channel not in self._messengers:
            logger.error("intake.channel.missing", channel=inbound.channel)
            return
        try:
            sender = self._identities.decrypted(inbound.address)
        except UnknownKey:
            logger.error("intake.address.unreadable", remedy=UnknownKey.remedy)
            return
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._turn(inbound, sender, accepted, wrote_at=inbound.received_at, resumed=True)

    async def finished(self) -> None:
        """Wait for the turns that are under way."""
        while self._running:
            await asyncio.wait(self._running)

    async def stop(self, *, within_s: float) -> None:
        """Let turns end; those that wait are taken by the next process.

        Args:
            within_s: how long to wait at most.
        """
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _begin(self, messenger: Messenger, received: Received) -> "asyncio.Future[None]":
        """Begin with a message; done when it is on disk."""
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lane.arrives()
        accepted.add_done_callback(lambda _: self._lane.is_in())
        task = asyncio.create_task(self._take(messenger, received, accepted))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if received.receipt:
            receipt = asyncio.create_task(messenger.acknowledge(received.receipt))
            self._running.add(receipt)
            receipt.add_done_callback(self._running.discard)
        return accepted

    async def _take(self, messenger: Messenger, received: Received, accepted: "asyncio.Future[None]") -> None:
        """One message from its arrival to its replies; its failure is told to whoever waits for it, and logged."""
        try:
            door = self._doors.setdefault(f"{messenger.name} {received.sender}", asyncio.Lock())
            await door.acquire()  # what a family writes is put on disk in its order
            accepted.add_done_callback(lambda _: door.release())
            with contextlib.suppress(MessageErased):  # delivered again: its conversation is gone
                try:
                    await self._in_conversation(messenger, received, accepted)
                except ConversationErased:  # by another process, or while this message came
                    await self._service.journal.learn_erased()
                    await self._in_conversation(messenger, received, accepted)
        except Exception as error:  # such as neither database nor disk
            logger.error("intake.failed", channel=messenger.name, error=type(error).__name__)
            if not accepted.done():
                accepted.set_exception(error)
        except asyncio.CancelledError:  # the service stops: the vendor must not take the message to be stored
            accepted.cancel()
            raise
        finally:
            if not accepted.done():
                accepted.set_result(None)

    async def _in_conversation(
        self, messenger: Messenger, received: Received, accepted: "asyncio.Future[None]"
    ) -> None:
        journal = self._service.journal
        conversation = self._identities.conversation(messenger.name, received.sender, journal.is_erased)
        chosen = await self._choosing.read(messenger, received, conversation)
        inbound = Inbound(
            channel=messenger.name,
            conversation=conversation,
            message_id=self._identities.message(messenger.name, f"{received.sender} {received.message_id}"),
            text=storable(chosen.text),
            button=chosen.button,
            received_at=now(),
            form=chosen.form,
            address=self._identities.address(conversation, received.sender),
        )
        if chosen.confirms_erasure:
            await self._erase(inbound, received.sender, accepted)
        else:
            await self._turn(inbound, received.sender, accepted, wrote_at=received.at)

    async def _turn(
        self,
        inbound: Inbound,
        sender: str,
        accepted: "asyncio.Future[None]",
        *,
        wrote_at: datetime,
        resumed: bool = False,
    ) -> None:
        released: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        urgent: list[Reply] = []

        def on_accepted(known: Known | None) -> None:
            if not released.done():  # a message that was answered is not answered again
                released.set_result(known is None or not known.answered)
            if not accepted.done():
                accepted.set_result(None)

        async def deliver(reply: Reply) -> None:
            parcel = Parcel(reply, inbound.channel, inbound.conversation, sender, wrote_at)
            if parcel.is_urgent:
                urgent.append(reply)
                parcel.is_recorded, parcel.released, parcel.possibly_repeated = False, released, resumed
            self._courier.send(parcel)

        try:
            await self._service.turn.handle(inbound, deliver, on_accepted=on_accepted, lane=self._lane)
        except MessageErased:
            if not released.done():
                released.set_result(False)
            raise
        except ConversationErased:
            raise
        except Exception:
            if accepted.done() and not urgent:  # the vendor was told that we have it: the family must not wait
                self._send_unrecorded("apology", inbound, sender)
            raise
        for reply in urgent:
            await self._courier.recorded(reply.id)

    async def _erase(self, inbound: Inbound, sender: str, accepted: "asyncio.Future[None]") -> None:
        """Erase what a family has confirmed; the farewell itself is never written down."""
        # On disk first, as a wish to erase: it is known then when it comes again, and asked again after a crash.
        known = await self._service.journal.accept(replace(inbound, form=ERASE))
        accepted.set_result(None)
        if known is not None and known.answered:
            return
        try:
            await self._service.turn.erase(inbound.conversation)
        except (SQLAlchemyError, TimeoutError) as error:
            logger.error("intake.not_erased", error=type(error).__name__)
            self._send_unrecorded("apology", inbound, sender)
            return
        self._courier.forget(inbound.conversation)
        self._send_unrecorded("erased", inbound, sender)

    def _send_unrecorded(self, text: str, inbound: Inbound, sender: str) -> None:
        """Send a fixed text that the log cannot have."""
        reply_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{text}:{inbound.message_id}").hex
        reply = replace(self._service.texts.reply(text), id=reply_id)
        parcel = Parcel(reply, inbound.channel, inbound.conversation, sender, inbound.received_at)
        parcel.is_recorded = False
        self._courier.send(parcel)
