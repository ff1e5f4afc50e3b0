"""The journal: every message on disk before it is acknowledged, in the database or else in the spool."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from bot.conversations.accept_queue import AcceptQueue
from bot.conversations.erased import ConversationErased, ErasedConversations
from bot.conversations.erasure import Erasure
from bot.conversations.feedback import FeedbackStore, Opinion
from bot.conversations.history import History, Offer
from bot.conversations.late import LateMessages
from bot.conversations.outbox import Claim, Ended, Outbox, Reported, Waiting
from bot.conversations.records import Inbound, Known, Outcome
from bot.conversations.spool import LineRefused, Spool
from bot.conversations.store import ConversationStore
from bot.conversations.writer import Writer
from bot.replies import Reply
from bot.storage.base import now

logger = structlog.get_logger(__name__)

WRITE_LIMIT_S = 0.3  # a write that takes longer goes to the spool; the database may still take it, which does no harm
READ_BACK_EVERY_S = 2.0

# What says that the database will not take these values, now or later; ValueError comes from its driver.
_NEVER_WRITTEN = (IntegrityError, DataError, ValueError)

Result = TypeVar("Result")


class Journal:
    """The conversation log for the event loop: nothing here blocks it, and nothing is lost."""

    def __init__(self, sessions: "sessionmaker[Session]", spool_folder: Path) -> None:
        """Use a database and a folder.

        Args:
            sessions: of the migrated database.
            spool_folder: where the spool's files are; made when it is needed.

        Raises:
            SQLAlchemyError: the database cannot be read.
        """
        self._store = ConversationStore(sessions)
        self._history = History(sessions)
        self._outbox = Outbox(sessions)
        self._feedback = FeedbackStore(sessions)
        self._late = LateMessages(sessions)
        self._erasure = Erasure(sessions)
        self._erased = ErasedConversations(self._erasure.erased())
        self._spool = Spool(spool_folder, self._erased)
        self._writer = Writer()
        self._spooler = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="history")
        self._accepting = AcceptQueue(
            lambda inbound: self._write(self._store.accept, inbound),
            lambda batch: self._write(self._store.accept_all, batch),
            self._to_spool,
        )

    def is_erased(self, conversation: str) -> bool:
        """Whether a conversation was erased; known without asking the database."""
        return conversation in self._erased

    async def accept(self, inbound: Inbound) -> Known | None:
        """Put a message on disk.

        Returns:
            what the log knows of its conversation; None where the database could not be asked in time and the spool
            has the message.

        Raises:
            ConversationErased: its conversation was erased.
            OSError: neither could be written.
        """
        return await self._accepting.accept(inbound)

    async def record(self, inbound: Inbound, outcome: Outcome) -> bool:
        """Put on disk what became of a message.

        Returns:
            whether these replies are to be sent: not where another process has answered the message.

        Raises:
            ConversationErased: its conversation was erased.
            OSError: neither database nor spool could be written.
        """
        try:
            return await self._write(self._store.record, inbound, outcome)
        except (SQLAlchemyError, ValueError, TimeoutError) as error:
            logger.warning("journal.spooled", what="replies", error=type(error).__name__)
            # By the time the line is read back they were sent, unless this process was killed.
            under_way = tuple(reply.id for reply in outcome.replies) if inbound.address else ()
            await self._to_spool(inbound, replace(outcome, under_way=under_way))
            return True

    async def unanswered(self, *, within_s: float) -> list[Inbound]:
        """What a crash left unanswered, as far as it is younger than `within_s` seconds."""
        younger_than = now() - timedelta(seconds=within_s)
        return await self._writer.work(lambda: self._store.unanswered(younger_than=younger_than))

    async def late(self, *, within_s: float) -> list[Inbound]:
        """What a crash left unanswered that is older than `within_s` seconds, and calls nobody yet."""
        before = now() - timedelta(seconds=within_s)
        return await self._writer.work(lambda: self._late.typed_before(before))

    async def call_to(self, inbound: Inbound, tier: str, ruleset: str) -> None:
        """Call navigators to a message that came too late to be answered; see `LateMessages.call_to`."""
        await self._writer.work(lambda: self._late.call_to(inbound.key, tier, ruleset))

    async def history(self, conversation: str, *, after: str | None = None) -> list[dict[str, Any]]:
        """A conversation's messages; see `History.history`."""
        return await self._in_thread(self._readers, lambda: self._history.history(conversation, after=after))

    async def later_replies(
        self, conversation: str, seen: str, *, seen_at: datetime | None = None
    ) -> AsyncIterator[list[Reply]]:
        """The replies that came after one, page by page; see `History.later_replies`."""
        above = 0

        def page() -> list[tuple[int, Reply]]:
            return self._history.later_replies(conversation, seen, seen_at=seen_at, above=above)

        while found := await self._in_thread(self._readers, page):
            yield [reply for _, reply in found]
            above = found[-1][0]

    async def delivered(self, reply_ids: list[str]) -> None:
        """Mark replies as handed over; where that fails they stay pending, and the page asks for them again."""
        try:
            await self._write(self._store.delivered, reply_ids)
        except (SQLAlchemyError, TimeoutError) as error:
            logger.warning("journal.delivered.unmarked", error=type(error).__name__)

    async def carry(
        self, ended: Sequence[Ended], claims: Sequence[Claim], *, in_hand: Container[str]
    ) -> tuple[set[str], dict[str, bool]]:
        """Write down what became of replies, and take others to send; see `Outbox.carry`.

        Raises:
            SQLAlchemyError, TimeoutError: the database does not take it now. After a TimeoutError it may do so yet.
        """
        return await self._write(partial(self._outbox.carry, in_hand=in_hand), ended, claims, now())

    async def due(self, channels: Collection[str], *, above: int, at_most: int) -> list[Waiting]:
        """Replies that should have been sent by now; see `Outbox.due`.

        Raises:
            SQLAlchemyError: the database cannot be asked.
        """

        def due() -> list[Waiting]:
            return self._outbox.due(channels, now(), above=above, at_most=at_most)

        return await self._in_thread(self._readers, due)

    async def report(self, reports: Sequence[Reported]) -> list[Reported]:
        """Write down what vendors say of messages; see `Outbox.report`.

        Raises:
            SQLAlchemyError, TimeoutError: the database does not take it now.
        """
        return await self._write(self._outbox.report, reports)

    async def offer(self, conversation: str, reply: str = "") -> Offer | None:
        """What a family may choose from; see `History.offer`.

        Raises:
            SQLAlchemyError, TimeoutError: the database cannot be asked, or not in time.
        """
        found = self._in_thread(self._readers, lambda: self._history.offer(conversation, reply))
        return await asyncio.wait_for(found, WRITE_LIMIT_S)

    async def give_feedback(self, conversation: str, reply: str, opinion: Opinion) -> None:
        """Put on disk what a family says about a reply; see `FeedbackStore.give`.

        Raises:
            UnknownReply: the conversation has no such reply.
            SQLAlchemyError, TimeoutError: the database does not take it now.
        """
        await self._write(self._feedback.give, conversation, reply, opinion)

    async def erase(self, conversation: str) -> None:
        """Delete all that is stored of a conversation, and keep what still runs for it from writing it anew.

        Raises:
            SQLAlchemyError, TimeoutError: the database does not take it now. After a TimeoutError it may be erased yet.
        """

        def erase() -> None:
            self._erased.add(conversation, self._erasure.erase(conversation))
            try:
                self._spool.erase(conversation)
            except OSError as error:  # its lines are never brought into the database all the same
                logger.error("spool.not_erased", error=type(error).__name__)

        await self._write(erase)

    async def expire(self, before: datetime, *, at_most: int) -> int:
        """Delete a batch of conversations whose last message is older than a moment; see `Erasure.expire`.

        Raises:
            SQLAlchemyError: the database does not take it now.
        """
        return await self._writer.work(lambda: self._erasure.expire(before, at_most=at_most))

    async def forget_old(self, *, aside: datetime, erased: datetime) -> None:
        """Delete the lines put aside before one moment, and the keys of what was erased before another.

        Raises:
            OSError, SQLAlchemyError: the disk or the database does not take it now.
        """

        def forget() -> None:
            self._spool.expire(aside)
            self._erasure.forget_erased(erased)
            self._erased.forget_before(erased)

        await self._writer.work(forget)

    async def keep_reading_back(self) -> None:
        """Bring the spool's lines into the database whenever it takes them, without those of conversations that another
        process erased; runs until cancelled.
        """
        while True:
            await self.learn_erased()
            await self.read_back()
            await asyncio.sleep(READ_BACK_EVERY_S)

    async def learn_erased(self) -> None:
        """Learn which conversations were erased by other processes, and drop what the spool has of them."""

        def learn() -> None:
            for key, at in self._erasure.erased().items():
                if key not in self._erased:
                    self._erased.add(key, at)
                    self._spool.erase(key)

        try:
            await self._writer.work(learn)
        except (SQLAlchemyError, OSError) as error:
            logger.warning("journal.erased.unknown", error=type(error).__name__)

    async def read_back(self) -> int:
        """Bring the spool's lines into the database, as far as it takes them now.

        Returns:
            how many lines were brought in.
        """

        def write(inbound: Inbound, outcome: Outcome | None) -> None:
            try:
                if outcome is None:
                    self._store.accept(inbound)
                else:
                    self._store.record(inbound, outcome)
            except _NEVER_WRITTEN as error:
                raise LineRefused(type(error).__name__) from error
            except ConversationErased:
                return  # the line goes with its conversation

        try:
            count = await self._writer.work(lambda: self._spool.read_back(write))
        except (SQLAlchemyError, OSError) as error:
            logger.warning("spool.waiting", error=type(error).__name__)
            return 0
        if count:
            logger.info("spool.read_back", lines=count)
        return count

    async def close(self) -> None:
        """Finish what is being written and stop the threads."""
        await self._accepting.finished()
        await self._writer.close()
        for executor in (self._spooler, self._readers):
            await asyncio.get_running_loop().run_in_executor(None, executor.shutdown)

    async def _write(self, function: Callable[..., Result], *arguments: Any) -> Result:
        return await self._writer.write(function, *arguments, within_s=WRITE_LIMIT_S)

    async def _to_spool(self, inbound: Inbound, outcome: Outcome | None = None) -> None:
        await self._in_thread(self._spooler, lambda: self._spool.append(inbound, outcome))

    @staticmethod
    async def _in_thread(executor: ThreadPoolExecutor, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(executor, function)
