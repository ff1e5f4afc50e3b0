"""Conversations expire: the privacy text promises it, and this keeps the promise."""

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.conversations.journal import Journal
from bot.storage.base import now

logger = structlog.get_logger(__name__)

EVERY_S = 60 * 60
BATCH = 20  # conversations deleted at once: what a family writes waits meanwhile


class Retention:
    """Deletes conversations a number of days after their last message."""

    def __init__(self, journal: Journal, *, days: int, erased_kept: timedelta) -> None:
        """Prepare.

        Args:
            journal: what the conversations are in.
            days: after the last message.
            erased_kept: how long the key of a conversation that its family erased is remembered.
        """
        self._journal = journal
        self._kept = timedelta(days=days)
        self._erased_kept = erased_kept

    async def keep_deleting(self) -> None:
        """Delete what is due, every hour; runs until cancelled."""
        while True:
            await self.delete_due()
            await asyncio.sleep(EVERY_S)

    async def delete_due(self) -> int:
        """Delete what is due now; what the database does not take now is due again the next time.

        Returns:
            how many conversations were deleted.
        """
        moment, deleted, batch = now(), 0, BATCH
        try:
            while batch == BATCH:
                batch = await self._journal.expire(moment - self._kept, at_most=BATCH)
                deleted += batch
            await self._journal.forget_old(aside=moment - self._kept, erased=moment - self._erased_kept)
        except (SQLAlchemyError, OSError) as error:
            logger.warning("retention.waiting", error=type(error).__name__)
        if deleted:
            logger.info("retention.deleted", conversations=deleted)
        return deleted
