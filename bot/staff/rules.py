"""How staff sign in: the limits and rules of data/console.yml."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from bot.data_file import Entry, load_data_file
from bot.paths import DATA
from bot.token_buckets import Limit

FILE = DATA / "console.yml"


class SessionRules(Entry):
    """How long a sign-in lasts."""

    idle_minutes: int = Field(ge=1, le=24 * 60)
    absolute_hours: int = Field(ge=1, le=7 * 24)
    second_factor_minutes: int = Field(ge=1, le=60)

    @property
    def idle(self) -> timedelta:
        """After this time without use a session ends."""
        return timedelta(minutes=self.idle_minutes)

    @property
    def absolute(self) -> timedelta:
        """After this time a session ends in any case."""
        return timedelta(hours=self.absolute_hours)

    @property
    def second_factor(self) -> timedelta:
        """How long a sign-in waits for its one-time code."""
        return timedelta(minutes=self.second_factor_minutes)


class LockOutRules(Entry):
    """When guessing ends."""

    failures: int = Field(ge=1, le=100)
    locked_minutes: int = Field(ge=1, le=24 * 60)

    @property
    def locked(self) -> timedelta:
        """How long a name stays locked."""
        return timedelta(minutes=self.locked_minutes)


class PasswordRules(Entry):
    """What a password must be."""

    minimum: int = Field(ge=8)
    maximum: int = Field(le=1024)
    refused: tuple[str, ...]


class StaffRules(Entry):
    """The whole file."""

    sessions: SessionRules
    lock_out: LockOutRules
    sign_ins_of_address: Limit
    passwords: PasswordRules


def load_rules(path: Path = FILE) -> StaffRules:
    """Read the rules.

    Raises:
        DataFileError: the file is wrong.
    """
    return load_data_file(path, StaffRules)
