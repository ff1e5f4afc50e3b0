"""A reply on its way to a family, as the courier carries it."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.conversations.outbox import Waiting
from bot.replies import CRISIS, EMERGENCY, Reply


@dataclass
class Parcel:
    """One reply, where it goes, and how far it has come.

    Attributes:
        sender: whom it goes to, as the vendor knows the family.
        wrote_at: when the family wrote last.
        is_recorded: whether the log has it, so that it must be claimed there before it is sent.
        possibly_repeated: whether it may have been sent already.
        released: done once it may go; its result says whether it shall. None: at once.
        not_before: when it is tried again.
    """

    reply: Reply
    channel: str
    conversation: str
    sender: str
    wrote_at: datetime
    is_recorded: bool = True
    attempts: int = 0
    parts_sent: int = 0
    possibly_repeated: bool = False
    released: "asyncio.Future[bool] | None" = None
    not_before: datetime | None = None

    @property
    def is_urgent(self) -> bool:
        """Whether it goes ahead of all others."""
        return self.reply.kind in (EMERGENCY, CRISIS)

    @classmethod
    def of(cls, waiting: Waiting, sender: str) -> "Parcel":
        """A reply that the log says should have been sent."""
        return cls(
            reply=waiting.reply,
            channel=waiting.channel,
            conversation=waiting.conversation,
            sender=sender,
            wrote_at=waiting.wrote_at,
            attempts=waiting.attempts,
            parts_sent=waiting.parts_sent,
            possibly_repeated=waiting.possibly_repeated,
        )


@dataclass
class Line:
    """Parcels of one conversation, which go one after the other."""

    parcels: list[Parcel] = field(default_factory=list)
    is_sending: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, parcel: Parcel) -> None:
        """Put a parcel behind the others."""
        self.parcels.append(parcel)
        self.changed.set()

    def clear(self) -> None:
        """Carry nothing more than what is being sent."""
        self.parcels.clear()
        self.changed.set()

    async def changed_within(self, time: timedelta) -> None:
        """Wait for a new parcel, or until a time is over."""
        self.changed.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.changed.wait(), time.total_seconds())
