"""A call to navigators: that a conversation needs them, how urgently, and where it is. Never what it says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

PAGE = "conversations"  # of the console; the conversation's key follows


@dataclass(frozen=True)
class Call:
    """A call to one conversation.

    Attributes:
        what: its most urgent alert, in words.
        kind: of that alert.
        tier: of that alert; None where it has none.
        code: of the conversation.
        link: to the conversation's page, which shows nothing to who is not signed in.
        raised_at: when the first of its alerts was raised that nobody has acknowledged.
        request: what navigators are asked to do.
    """

    what: str
    kind: str
    tier: str | None
    code: str
    link: str
    raised_at: datetime
    request: str

    @property
    def title(self) -> str:
        """On one line what it is about."""
        tier = f" {self.tier}" if self.tier else ""
        return f"{self.what}{tier}: conversation {self.code}"

    def text(self, moment: datetime) -> str:
        """The whole call as plain text."""
        return f"{self.title}, {age(moment - self.raised_at)}\n{self.link}\n\n{self.request}"

    def as_json(self, moment: datetime) -> dict[str, Any]:
        """The whole call as a webhook gets it. Receivers of chat systems show `text`; others read the fields."""
        return {
            "text": self.text(moment),
            "kind": self.kind,
            "tier": self.tier,
            "conversation": self.code,
            "link": self.link,
            "raised_at": self.raised_at.isoformat(timespec="seconds"),
            "age_minutes": int((moment - self.raised_at) / timedelta(minutes=1)),
        }


def age(time: timedelta) -> str:
    """How long ago something was, roughly."""
    minutes = int(time / timedelta(minutes=1))
    if minutes < 1:
        return "just now"
    return f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"
