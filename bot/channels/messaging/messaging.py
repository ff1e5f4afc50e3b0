"""All messengers together: their endpoints, the way in and the way out."""

import asyncio
import contextlib
from collections.abc import Iterable

import structlog
from starlette.routing import BaseRoute

from bot.channels.base import Messenger
from bot.channels.messaging.choosing import Choosing
from bot.channels.messaging.courier import LOOK_EVERY_S, Courier
from bot.channels.messaging.identities import Identities
from bot.channels.messaging.intake import Intake
from bot.channels.messaging.reports import Reports
from bot.channels.messaging.rules import load_rules
from bot.channels.messaging.webhooks import Webhooks
from bot.conversations.records import Inbound
from bot.service import Service

logger = structlog.get_logger(__name__)

STOP_WITHIN_S = 3.0  # for turns that run, and then for replies that are being sent, when the service stops


class Messaging:
    """The messengers of a service; does nothing where none is configured."""

    def __init__(self, service: Service, messengers: Iterable[Messenger]) -> None:
        """Put them together.

        Args:
            service: answers.
            messengers: those that are configured.

        Raises:
            DataFileError: data/channels.yml is wrong.
        """
        self._messengers = {messenger.name: messenger for messenger in messengers}
        self._background: asyncio.Task[None] | None = None
        if not self._messengers:
            return
        rules, journal = load_rules(), service.journal
        identities = Identities(service.settings.identity_keys)
        self._reports = Reports(journal, identities)
        self.courier = Courier(journal, self._messengers, rules, identities, service.metrics)
        choosing = Choosing(journal, rules)
        self.intake = Intake(service, self._messengers, identities, self.courier, choosing, self._reports)
        self._webhooks = Webhooks(self.intake, service.metrics)

    @property
    def names(self) -> tuple[str, ...]:
        """The messengers that are configured."""
        return tuple(self._messengers)

    def routes(self) -> list[BaseRoute]:
        """The endpoints: one for each messenger."""
        return [self._webhooks.route(messenger) for messenger in self._messengers.values()]

    async def resume(self, inbound: Inbound) -> None:
        """Take the turn of a message that a crash left unanswered; see `Intake.resume`."""
        if self._messengers:
            await self.intake.resume(inbound)

    def start(self) -> None:
        """Begin to carry what was left."""
        if self._messengers:
            self._background = asyncio.create_task(self._keep_looking())

    async def stop(self) -> None:
        """Let what is being sent arrive, and close the connections."""
        if self._background is None:
            return
        self._background.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._background
        await self.intake.stop(within_s=STOP_WITHIN_S)
        await self.courier.close(within_s=STOP_WITHIN_S)
        for messenger in self._messengers.values():
            await messenger.close()

    async def _keep_looking(self) -> None:
        while True:
            try:
                await self.courier.look()
                await self._reports.try_again()
            except Exception as error:  # a fault of the program: the next look may come through
                logger.error("messaging.look.failed", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)
