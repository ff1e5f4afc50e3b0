"""How fast a session and an address may write."""

import time
from pathlib import Path

from bot.data_file import Entry, load_data_file
from bot.paths import DATA
from bot.token_buckets import Clock, Limit, TokenBuckets, address_of, take

FILE = DATA / "limits.yml"


class _File(Entry):
    messages_of_session: Limit
    messages_of_address: Limit
    sessions_of_address: Limit


class Limits:
    """The limits of the website's channel."""

    def __init__(self, path: Path = FILE, *, clock: Clock = time.monotonic) -> None:
        """Read the limits.

        Args:
            path: the file that they are in.
            clock: seconds that only grow.

        Raises:
            DataFileError: the file is wrong.
        """
        file = load_data_file(path, _File)
        self._of_session = TokenBuckets(file.messages_of_session, clock)
        self._of_address = TokenBuckets(file.messages_of_address, clock)
        self._sessions = TokenBuckets(file.sessions_of_address, clock)

    def message(self, conversation: str, host: str | None) -> int:
        """Count a message, if it may come now.

        Args:
            conversation: the conversation's key.
            host: the address that it comes from.

        Returns:
            0 where it may; otherwise the whole seconds after which it may, and nothing is counted.
        """
        return take((self._of_session, conversation), (self._of_address, address_of(host)))

    def session(self, host: str | None) -> int:
        """Count a new session, if it may begin now; returns as `message` does."""
        return take((self._sessions, address_of(host)))
