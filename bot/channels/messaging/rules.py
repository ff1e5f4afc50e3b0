"""What messengers can show and how replies are sent through them, as data/channels.yml has it."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, validator

from bot.data_file import Entry, load_data_file
from bot.paths import DATA

FILE = DATA / "channels.yml"
# What messengers look their limits up by: a file without one of them is refused at the start, not when it is needed.
MESSENGERS = ("whatsapp", "twilio_whatsapp", "twilio_sms", "telegram", "messenger", "slack")


class Way(Entry):
    """One way to show choices."""

    shown_as: str = Field(regex="^(buttons|list)$")
    most: int = Field(ge=1)
    title: int = Field(ge=8)
    description: int = Field(0, ge=0)
    text: int = Field(ge=100)
    cut: bool
    label: str = ""


class Limits(Entry):
    """What one messenger can show."""

    text: int = Field(ge=100)
    marks: str = Field(regex="^(star|slack|html|none)$")
    window_h: float | None = Field(None, gt=0)
    options: tuple[Way, ...] = ()

    @property
    def window(self) -> timedelta | None:
        """How long after a family's last message it may be written to; None: always."""
        return None if self.window_h is None else timedelta(hours=self.window_h)


class Delivery(Entry):
    """How often and how long sending is tried."""

    first_s: float = Field(gt=0)
    longest_s: float = Field(gt=0)
    hours: float = Field(gt=0)
    under_way_s: float = Field(gt=0)

    def wait(self, attempts: int) -> timedelta:
        """How long after a failed attempt the next one follows.

        Args:
            attempts: that have failed, this one included.
        """
        return timedelta(seconds=min(self.first_s * 2 ** min(attempts - 1, 30), self.longest_s))

    @property
    def at_most(self) -> timedelta:
        """After how long a reply is given up."""
        return timedelta(hours=self.hours)


class Erase(Entry):
    """The words by which a family has everything deleted."""

    asks: frozenset[str]
    confirms: frozenset[str]
    within_minutes: float = Field(gt=0)

    @validator("asks", "confirms")
    def _are_as_messages_are_compared(cls, value: frozenset[str]) -> frozenset[str]:
        for words in value:
            if words != bare(words):
                raise ValueError(f"'{words}' must be written as '{bare(words)}'")
        return value


class ChannelRules(Entry):
    """The whole file."""

    limits: dict[str, Limits]
    delivery: Delivery
    erase: Erase

    @validator("limits")
    def _has_each_messenger(cls, value: dict[str, Limits]) -> dict[str, Limits]:
        for name in MESSENGERS:
            if name not in value:
                raise ValueError(f"lacks '{name}'")
        return value


def load_rules(path: Path = FILE) -> ChannelRules:
    """Read the file.

    Raises:
        DataFileError: it is wrong.
    """
    return load_data_file(path, ChannelRules)


def bare(text: str) -> str:
    """A message as words are compared: in lower case, without signs at its ends, with single spaces."""
    return " ".join(text.lower().split()).strip(" .!?。！？\"'“”")
