"""What a family's message means beyond its words: an option pressed or picked by number, a wish to erase everything."""

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.channels.base import Messenger, Received
from bot.channels.messaging.rules import ChannelRules, bare
from bot.channels.messaging.showing import is_numbered
from bot.conversations.forms import ERASE, KEPT, TEXT
from bot.conversations.history import Offer
from bot.conversations.journal import Journal
from bot.replies import Button
from bot.storage.base import now

logger = structlog.get_logger(__name__)

ERASE_TEXT = "erase"  # the fixed text that asks whether everything is to be erased
ERASE_BUTTON = "erase"
_TOKEN = re.compile(r"b:([0-9a-f]{32}):([0-9]{1,3})")
_NUMBER = re.compile(r"(?:option|number|no\.?|nr\.?|#)?\s*([0-9]{1,2})\s*[.):]?", re.IGNORECASE)


@dataclass(frozen=True)
class Chosen:
    """A message as the turn gets it.

    Attributes:
        button: the token of the answer that was chosen; empty for ordinary text.
        confirms_erasure: whether everything is to be erased now.
    """

    text: str
    form: str
    button: str = ""
    confirms_erasure: bool = False


class Choosing:
    """Reads choices. What was offered is looked up in the log: a vendor's token says only which place was pressed."""

    def __init__(self, journal: Journal, rules: ChannelRules) -> None:
        self._journal = journal
        self._rules = rules

    async def read(self, messenger: Messenger, received: Received, conversation: str) -> Chosen:
        """What a message means.

        Where the log cannot be asked, a choice is read as the words that came with it.

        Args:
            messenger: that it came by.
            received: the message.
            conversation: the conversation's key.
        """
        if received.form != TEXT:
            return Chosen(received.text, received.form)
        words = bare(received.text)
        if not received.option and words in self._rules.erase.asks:
            return Chosen(received.text, ERASE)
        number = _NUMBER.fullmatch(received.text.strip())
        if not received.option and number is None and words not in self._rules.erase.confirms:
            return Chosen(received.text, TEXT)
        offer = await self._offer(received, conversation)
        if offer is None:
            return Chosen(received.text, TEXT)
        button = self._button(messenger, received, number, offer)
        if button is None:
            if self._confirms(words, offer):
                return Chosen(received.text, TEXT, confirms_erasure=True)
            return Chosen(received.text, TEXT)
        if offer.reply.text_id == ERASE_TEXT:
            if button.token == ERASE_BUTTON and self._is_fresh(offer):
                return Chosen(received.text, TEXT, confirms_erasure=True)
            return Chosen(received.text or button.title, ERASE if button.token == ERASE_BUTTON else KEPT)
        return Chosen(button.title if received.option else received.text, TEXT, button.token)

    async def _offer(self, received: Received, conversation: str) -> Offer | None:
        token = _TOKEN.fullmatch(received.option)
        if received.option and token is None:
            return None
        try:
            return await self._journal.offer(conversation, token[1] if token else "")
        except (SQLAlchemyError, asyncio.TimeoutError) as error:
            logger.warning("choosing.not_asked", error=type(error).__name__)
            return None

    def _button(
        self, messenger: Messenger, received: Received, number: "re.Match[str] | None", offer: Offer
    ) -> Button | None:
        """The button that was pressed, or picked by its number in the newest reply."""
        token = _TOKEN.fullmatch(received.option)
        if token is not None:
            position = int(token[2])
        elif number is not None and offer.is_newest and self._is_numbered(messenger, received, offer):
            position = int(number[1])
        else:
            return None
        buttons = offer.reply.buttons
        return buttons[position - 1] if 1 <= position <= len(buttons) else None

    def _is_numbered(self, messenger: Messenger, received: Received, offer: Offer) -> bool:
        return is_numbered(offer.reply, self._rules.limits[messenger.marks(received.sender)])

    def _confirms(self, words: str, offer: Offer) -> bool:
        is_asked = offer.is_newest and offer.reply.text_id == ERASE_TEXT and self._is_fresh(offer)
        return is_asked and words in self._rules.erase.confirms

    def _is_fresh(self, offer: Offer) -> bool:
        return now() - offer.reply.at < timedelta(minutes=self._rules.erase.within_minutes)
