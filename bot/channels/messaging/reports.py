"""What vendors report of messages that they took."""

from collections.abc import Iterable
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.channels.base import Report
from bot.channels.messaging.identities import Identities
from bot.conversations.journal import Journal
from bot.conversations.outbox import Reported
from bot.storage.base import now

logger = structlog.get_logger(__name__)

# A report can come before the log has what it is about. What stays unknown is about a message that was erased, or that
# somebody else sent from the same number.
KEPT_FOR = timedelta(minutes=1)
KEPT_MAXIMUM = 5_000


class Reports:
    """Writes reports down, and tries again for a while those that came too early."""

    def __init__(self, journal: Journal, identities: Identities) -> None:
        self._journal = journal
        self._identities = identities
        self._early: list[Reported] = []

    async def take(self, channel: str, reports: Iterable[Report]) -> None:
        """Write reports down; none is lost where the database does not take them now."""
        moment = now()
        await self._write(
            [
                Reported(self._identities.message(channel, report.sent_id), report.state, moment, report.error[:200])
                for report in reports
                if report.sent_id
            ]
        )

    async def try_again(self) -> None:
        """Write down those that came too early."""
        oldest = now() - KEPT_FOR
        early, self._early = [report for report in self._early if report.at > oldest], []
        await self._write(early)

    async def _write(self, reports: list[Reported]) -> None:
        if not reports:
            return
        try:
            unknown = await self._journal.report(reports)
        except (SQLAlchemyError, TimeoutError) as error:
            logger.warning("reports.waiting", error=type(error).__name__)
            unknown = reports
        self._early = [*self._early, *unknown][-KEPT_MAXIMUM:]
