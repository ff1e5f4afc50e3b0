"""What is sent to a family: a reply is a fixed text or a published answer, never anything else."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone

EMERGENCY, CRISIS, ANSWER, CLARIFY, FALLBACK = (
    "emergency",
    "crisis",
    "answer",
    "clarify",
    "fallback",
)
HANDOVER, SMALL_TALK, NOTICE, APOLOGY = "handover", "small_talk", "notice", "apology"


@dataclass(frozen=True)
class Button:
    """A choice under a reply. The token means something only to this service: see `bot.dialogue.buttons`."""

    title: str
    token: str


@dataclass(frozen=True)
class Reply:
    """One message to a family."""

    kind: str
    text: str
    revision: int
    topic: str | None = None
    variant: str = ""
    text_id: str = ""  # which fixed text; empty for an answer
    sources: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))  # when it was, or is to be, sent
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
