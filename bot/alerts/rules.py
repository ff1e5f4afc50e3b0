"""When navigators are called and called again, as data/alerts.yml says."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, validator

from bot.conversations.review_models import PERSON, RED_FLAG, UNDELIVERED_EMERGENCY
from bot.data_file import Entry, load_data_file
from bot.paths import DATA

FILE = DATA / "alerts.yml"


class Schedule(Entry):
    """When an alert that nobody acknowledges calls again, counted from the moment when it was raised."""

    after_minutes: list[float]
    every_minutes: float = Field(gt=0, le=24 * 60)
    until_hours: float = Field(gt=0, le=24 * 365)

    @validator("after_minutes")
    def _minutes_grow(cls, value: list[float]) -> list[float]:
        if any(later <= earlier for earlier, later in zip([0.0, *value], value, strict=False)):
            raise ValueError("must grow from one to the next, and begin above 0")
        return value

    def next_call(self, raised_at: datetime, moment: datetime) -> datetime:
        """When the next call is due after a moment; see `is_over` for whether there is one still."""
        for minutes in self.after_minutes:
            due = raised_at + timedelta(minutes=minutes)
            if due > moment:
                return due
        last = raised_at + timedelta(minutes=self.after_minutes[-1] if self.after_minutes else 0)
        every = timedelta(minutes=self.every_minutes)
        return last + every * max(1, (moment - last) // every + 1)

    def is_over(self, raised_at: datetime, moment: datetime) -> bool:
        """Whether an alert is too old at a moment to call anybody."""
        return moment - raised_at > timedelta(hours=self.until_hours)


class Retry(Entry):
    """When a call that did not go out is tried again."""

    first_s: float = Field(gt=0, le=3600)
    longest_s: float = Field(gt=0, le=3600)

    def wait(self, attempts: int) -> timedelta:
        """How long to wait after a number of attempts in a row that did not go out."""
        doubled = self.first_s * 2 ** min(attempts - 1, 20)
        return timedelta(seconds=min(doubled, self.longest_s))


class Words(Entry):
    """What a call says."""

    red_flag: str
    person: str
    undelivered: str
    request: str

    @validator("*")
    def _words_are_one_line(cls, value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise ValueError("must be one line of printable text")
        return value


class AlertRules(Entry):
    """What data/alerts.yml holds."""

    urgent: Schedule
    person: Schedule
    retry: Retry
    silent_channels: list[str]
    words: Words

    def schedule(self, kind: str) -> Schedule:
        """The schedule of a kind of alert that goes out."""
        return self.person if kind == PERSON else self.urgent

    def what(self, kind: str) -> str:
        """A kind of alert in words."""
        words: dict[str, Any] = {
            RED_FLAG: self.words.red_flag,
            PERSON: self.words.person,
            UNDELIVERED_EMERGENCY: self.words.undelivered,
        }
        return str(words[kind])


def load_rules(path: Path = FILE) -> AlertRules:
    """Read the file.

    Raises:
        DataFileError: it is wrong; names the line and the key.
    """
    return load_data_file(path, AlertRules)
