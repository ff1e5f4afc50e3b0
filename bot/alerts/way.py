"""A way to navigators. To add one, write a class with a name and `send`, and put it into `ways_of`."""

from datetime import datetime
from typing import Protocol

from bot.alerts.call import Call

TIME_LIMIT_S = 10.0  # for one call on one way


class NotSent(Exception):
    """A call did not go out; the message says why, without an address or a password."""


class Way(Protocol):
    """How calls reach navigators."""

    name: str

    async def send(self, call: Call, moment: datetime) -> str | None:
        """Make a call.

        Returns:
            None, or what went wrong although the call reached somebody.

        Raises:
            NotSent: it reached nobody.
        """

    async def close(self) -> None:
        """Let go of connections and threads."""
