"""What navigators see of where a family's replies go: the vendor's id, with most of it hidden."""

from collections.abc import Iterable, Sequence

from bot.channels.base import Messenger
from bot.channels.masking import masked_id
from bot.channels.messaging.identities import Identities, UnknownKey

UNREADABLE = "id cannot be read: BOT_IDENTITY_KEY"


class Addresses:
    """Reads the encrypted addresses of conversations. The whole id stays in here: no page, log or error gets it."""

    def __init__(self, keys: Sequence[str], messengers: Iterable[Messenger]) -> None:
        """Prepare.

        Args:
            keys: that addresses were encrypted with; none where no messenger was ever configured.
            messengers: those that are configured; they know what may be shown of their ids.
        """
        self._identities = Identities(keys) if keys else None
        self._masks = {messenger.name: messenger.masked for messenger in messengers}

    def masked(self, channel: str, address: str | None) -> str:
        """Enough of an id to recognise a family that tells it, not enough to write to it.

        Args:
            channel: of the conversation.
            address: of the conversation, encrypted; None where the family fetches its replies.

        Returns:
            the masked id; empty where there is none.
        """
        if not address:
            return ""
        if self._identities is None:
            return UNREADABLE
        try:
            sender = self._identities.decrypted(address)
        except UnknownKey:
            return UNREADABLE
        return self._masks.get(channel, masked_id)(sender)
