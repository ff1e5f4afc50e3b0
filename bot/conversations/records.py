"""What is written to the log, as plain values that also fit on a line of the spool file."""

import uuid
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.conversations.forms import TEXT
from bot.replies import Button, Reply
from bot.storage.base import now


@dataclass(frozen=True)
class Inbound:
    """A message of a family, as a channel received it.

    Attributes:
        conversation: the conversation's key.
        message_id: the channel's own id of the message, the same when it is delivered again.
        button: the token of the button that was pressed; empty for typed text.
        key: what this service calls the message.
        form: one of `bot.conversations.forms`.
        address: where replies go, encrypted; empty where the family fetches them, as the website's page does.
    """

    channel: str
    conversation: str
    message_id: str
    text: str
    button: str = ""
    received_at: datetime = field(default_factory=now)
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    form: str = TEXT
    address: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the spool file."""
        return {**asdict(self), "received_at": self.received_at.isoformat()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Inbound":
        """The inverse of `as_dict`."""
        return cls(**{**values, "received_at": datetime.fromisoformat(values["received_at"])})


@dataclass(frozen=True)
class Mention:
    """A red flag that was found in a message; without a place it is about the message as a whole."""

    symptom: str
    detector: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a message: what was found in it, what was understood and what was replied.

    Attributes:
        topic: what a follow-up would be about now.
        under_way: the ids of replies that are being sent already, before they are in the log.
    """

    replies: tuple[Reply, ...]
    intent: str | None
    confidence: float | None
    topic: str | None
    tier: str | None
    ruleset: str
    milliseconds: float
    mentions: tuple[Mention, ...] = ()
    under_way: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the spool file."""
        return {**asdict(self), "replies": [_reply_as_dict(reply) for reply in self.replies]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Outcome":
        """The inverse of `as_dict`."""
        return cls(
            **{
                **values,
                "replies": tuple(reply_from_dict(reply) for reply in values["replies"]),
                "mentions": tuple(Mention(**mention) for mention in values.get("mentions", ())),
                "under_way": tuple(values.get("under_way", ())),
            }
        )


def _reply_as_dict(reply: Reply) -> dict[str, Any]:
    return {**asdict(reply), "at": reply.at.isoformat()}


def reply_from_dict(values: dict[str, Any]) -> Reply:
    """A reply from its plain values."""
    buttons = tuple(Button(**button) for button in values["buttons"])
    at = datetime.fromisoformat(values["at"]) if "at" in values else now()  # lines of an older version lack it
    return Reply(**{**values, "sources": tuple(values["sources"]), "buttons": buttons, "at": at})


@dataclass(frozen=True)
class Known:
    """What the log knows of a message's conversation when the message arrives.

    Attributes:
        answered: this message is in the log already, with its replies.
        replies: those stored replies.
        noticed: the conversation has had its notice.
        topic: what the last answer was about.
        silent_for: the time since the family's message before this one; None where there was none.
    """

    answered: bool = False
    replies: tuple[Reply, ...] = ()
    noticed: bool = False
    topic: str | None = None
    silent_for: timedelta | None = None
