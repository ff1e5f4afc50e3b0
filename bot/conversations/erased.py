"""Which conversations were erased, known without asking the database."""

from collections.abc import Mapping
from datetime import datetime

OF_WEBSITE = "web-"  # what the keys of the website's conversations begin with; those of messengers have other names


class ConversationErased(Exception):
    """Raised for a write that would bring an erased conversation back."""


class MessageErased(ConversationErased):
    """Raised for a message of an erased conversation that its vendor delivers again."""


class ErasedConversations:
    """The keys of erased conversations. Safe to use from several threads: each step is one operation on a dict."""

    def __init__(self, keys: Mapping[str, datetime] | None = None) -> None:
        """Begin with what the database knows.

        Args:
            keys: of conversations, each with the moment when it was erased.
        """
        self._keys = dict(keys or {})

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str, at: datetime) -> None:
        """Remember that a conversation was erased."""
        self._keys[key] = at

    def forget_before(self, moment: datetime) -> None:
        """Forget those of the website that were erased before a moment: no token opens them any more."""
        for key, at in list(self._keys.items()):
            if at < moment and key.startswith(OF_WEBSITE):
                self._keys.pop(key, None)
