"""The courier: carries replies to vendors, one after the other in each conversation, until they have arrived."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.channels.base import Messenger, NotSent
from bot.channels.messaging.identities import Identities, UnknownKey
from bot.channels.messaging.ledger import Ledger
from bot.channels.messaging.parcel import Line, Parcel
from bot.channels.messaging.rules import ChannelRules
from bot.channels.messaging.showing import parts_for
from bot.conversations.journal import Journal
from bot.conversations.models import PENDING, SENT, UNDELIVERED
from bot.conversations.outbox import Claim, Ended, Waiting
from bot.metrics import Metrics
from bot.storage.base import now

logger = structlog.get_logger(__name__)

Place = tuple[str, bool]  # a conversation, and whether its urgent parcels: these wait for no other

LOOK_EVERY_S = 2.0  # for replies that another process, or a crash, has left
LOOK_AT = 200  # of them in one question
AT_ONCE = 30  # sendings to one vendor; an urgent one waits for none
RELEASED_WITHIN_S = 0.4  # the fixed reply goes then at the latest, whether or not the log has been asked
PAUSE_MAXIMUM_S = 3600.0  # however long a vendor wants to be left alone: an error of its own must not silence us
REMEMBERED_MAXIMUM = 20_000  # replies that were carried; the same one is not carried twice
WINDOW_OVER = "the time in which a family may be written to is over"
TOO_OLD = "given up after {hours:g} hours: {error}"


class Courier:
    """Sends replies through messengers. For one event loop."""

    def __init__(
        self,
        journal: Journal,
        messengers: Mapping[str, Messenger],
        rules: ChannelRules,
        identities: Identities,
        metrics: Metrics,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Prepare.

        Args:
            journal: what the replies and how far they have come are in.
            messengers: by name.
            rules: what they can show, and how often sending is tried.
            identities: reads the families' addresses.
            metrics: counts.
            clock: the present moment, in UTC.
        """
        self._journal = journal
        self._messengers = messengers
        self._rules = rules
        self._identities = identities
        self._metrics = metrics
        self._clock = clock
        self._lines: dict[Place, Line] = {}
        self._carrying: dict[Place, asyncio.Task[None]] = {}
        self._known: OrderedDict[str, None] = OrderedDict()
        self._ledger = Ledger(journal, self._known)
        self._slots = {name: asyncio.Semaphore(AT_ONCE) for name in messengers}
        self._paused_until: dict[str, datetime] = {}

    def send(self, parcel: Parcel) -> None:
        """Carry a reply, unless it is being carried or was. Nothing is waited for."""
        key = parcel.reply.id
        if key in self._known:
            return
        self._known[key] = None
        if len(self._known) > REMEMBERED_MAXIMUM:
            self._known.popitem(last=False)
        place = (parcel.conversation, parcel.is_urgent)
        line = self._lines.setdefault(place, Line())
        line.add(parcel)
        if place not in self._carrying:
            self._carrying[place] = asyncio.create_task(self._carry(place, line))

    async def recorded(self, key: str) -> None:
        """The log has a reply now that was sent before it had: what became of it is written down."""
        await self._ledger.recorded(key)

    def forget(self, conversation: str) -> None:
        """Carry nothing more to a conversation: it was erased."""
        for urgent in (True, False):
            line = self._lines.get((conversation, urgent))
            if line is not None:
                line.clear()

    async def look(self) -> None:
        """Carry what should have been sent by now."""
        above, unreadable = 0, 0
        try:
            await self._ledger.write_rest()
            while True:
                waiting = await self._journal.due(tuple(self._messengers), above=above, at_most=LOOK_AT)
                unreadable += sum(not self._take_up(each) for each in waiting)
                if len(waiting) < LOOK_AT:
                    break
                above = waiting[-1].number
        except (SQLAlchemyError, TimeoutError) as error:
            logger.warning("courier.waiting", error=type(error).__name__)
        if unreadable:
            logger.error("courier.address.unreadable", replies=unreadable, remedy=UnknownKey.remedy)

    def _take_up(self, waiting: Waiting) -> bool:
        """Carry a reply that the log has, unless it is being carried; false where its address cannot be read."""
        if waiting.reply.id not in self._known and not self._ledger.has(waiting.reply.id):
            try:
                self.send(Parcel.of(waiting, self._identities.decrypted(waiting.address)))
            except UnknownKey:
                return False
        return True

    async def finished(self) -> None:
        """Wait until nothing is being carried."""
        while self._carrying:
            await asyncio.wait(self._carrying.values())
        await self._ledger.finished()

    async def close(self, *, within_s: float) -> None:
        """Let what is being sent arrive, and stop; what waits is carried by the next process.

        Args:
            within_s: how long to wait at most.
        """
        tasks = set(self._carrying.values())
        for place, line in list(self._lines.items()):
            if line.is_sending:
                line.clear()
            else:
                self._carrying[place].cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._ledger.finished()

    async def _carry(self, place: Place, line: Line) -> None:
        conversation, is_urgent = place
        try:
            while line.parcels:
                urgent = None if is_urgent else self._carrying.get((conversation, True))
                if urgent is not None:
                    await asyncio.wait({urgent})
                    continue
                parcel = line.parcels[0]
                wait = self._wait_of(parcel)
                if wait > timedelta(0):
                    await line.changed_within(wait)
                    continue
                line.is_sending = True
                done = await self._deliver(parcel)
                line.is_sending = False
                if done and parcel in line.parcels:
                    line.parcels.remove(parcel)
        except Exception as error:  # a fault of the program: what is left is found in the log again
            logger.error("courier.failed", error=type(error).__name__)
            for parcel in line.parcels:
                self._known.pop(parcel.reply.id, None)
        finally:
            del self._lines[place], self._carrying[place]

    def _wait_of(self, parcel: Parcel) -> timedelta:
        # What a vendor said about the reply to one family must not hold up the fixed reply to another.
        paused_until = None if parcel.is_urgent else self._paused_until.get(parcel.channel)
        moments = [moment for moment in (parcel.not_before, paused_until) if moment]
        return max(moments) - self._clock() if moments else timedelta(0)

    async def _deliver(self, parcel: Parcel) -> bool:
        """Try once; whether the parcel is done with."""
        if not await self._may_go(parcel):
            return True
        limits = self._rules.limits[self._messengers[parcel.channel].marks(parcel.sender)]
        if limits.window is not None and self._clock() - parcel.wrote_at > limits.window:
            return self._end(parcel, UNDELIVERED, error=WINDOW_OVER)
        try:
            if parcel.is_urgent:
                sent_id = await self._send_parts(parcel)
            else:
                async with self._slots[parcel.channel]:
                    sent_id = await self._send_parts(parcel)
        except NotSent as error:
            return self._not_sent(parcel, error)
        return self._end(parcel, SENT, sent_id=sent_id)

    async def _may_go(self, parcel: Parcel) -> bool:
        if parcel.released is not None and not await self._is_released(parcel.released):
            self._known.pop(parcel.reply.id, None)  # it was answered before; if that did not arrive, it is found again
            return False
        if self._journal.is_erased(parcel.conversation) and parcel.is_recorded:
            return False
        is_first = not parcel.is_recorded and not parcel.attempts  # the log does not have it yet
        if is_first or await self._ledger.claim(self._claim(parcel)) or self._is_still_ours(parcel):
            return True
        self._leave(parcel)
        return False

    def _is_still_ours(self, parcel: Parcel) -> bool:
        """Whether the log has a reply as being sent only because it has not taken yet what became of that."""
        return not parcel.is_recorded and self._ledger.has(parcel.reply.id)

    def _leave(self, parcel: Parcel) -> None:
        """Leave a reply, and what follows it, to the process that sends it; if that is killed, they are found again."""
        line = self._lines[parcel.conversation, parcel.is_urgent]
        left = [each for each in line.parcels if each is parcel or each.is_recorded]
        for each in left:
            self._known.pop(each.reply.id, None)
            line.parcels.remove(each)

    @staticmethod
    async def _is_released(released: "asyncio.Future[bool]") -> bool:
        try:
            return await asyncio.wait_for(asyncio.shield(released), RELEASED_WITHIN_S)
        except asyncio.TimeoutError:
            return True  # the log cannot be asked: rather twice than never

    async def _send_parts(self, parcel: Parcel) -> str:
        messenger = self._messengers[parcel.channel]
        parts = parts_for(parcel.reply, self._rules.limits[messenger.marks(parcel.sender)])
        sent_id = ""
        while parcel.parts_sent < len(parts):
            sent_id = await messenger.send(parcel.sender, parts[parcel.parts_sent])
            parcel.parts_sent += 1
            if parcel.parts_sent < len(parts) and parcel.is_recorded:
                await self._ledger.claim(self._claim(parcel))
        return sent_id

    def _claim(self, parcel: Parcel) -> Claim:
        until = self._clock() + timedelta(seconds=self._rules.delivery.under_way_s)
        return Claim(parcel.reply.id, until, parcel.parts_sent)

    def _not_sent(self, parcel: Parcel, error: NotSent) -> bool:
        parcel.attempts += 1
        parcel.possibly_repeated = parcel.possibly_repeated or error.perhaps_arrived
        self._metrics.not_sent.labels(parcel.channel).inc()
        logger.warning("courier.not_sent", channel=parcel.channel, error=error.error, again=error.again)
        if not error.again:
            return self._end(parcel, UNDELIVERED, error=error.error)
        moment, delivery = self._clock(), self._rules.delivery
        wait = delivery.wait(parcel.attempts)
        if error.after_s is not None:
            wait = timedelta(seconds=min(error.after_s, PAUSE_MAXIMUM_S))
            self._paused_until[parcel.channel] = moment + wait
        if moment + wait - parcel.reply.at > delivery.at_most:
            return self._end(parcel, UNDELIVERED, error=TOO_OLD.format(hours=delivery.hours, error=error.error))
        parcel.not_before = moment + wait
        self._end(parcel, PENDING, error=error.error)
        return False

    def _end(self, parcel: Parcel, state: str, *, sent_id: str = "", error: str = "") -> bool:
        if state != PENDING:
            self._metrics.deliveries.labels(parcel.channel, state).inc()
        name = self._identities.message(parcel.channel, sent_id) if sent_id else ""
        ended = Ended(
            key=parcel.reply.id,
            state=state,
            at=self._clock(),
            attempts=parcel.attempts + (state == SENT),
            parts_sent=parcel.parts_sent,
            again_at=parcel.not_before if state == PENDING else None,
            sent_id=name,
            error=error[:200],
            possibly_repeated=parcel.possibly_repeated,
        )
        self._ledger.end(ended)
        return True
