"""When an alert is overdue: the rules of data/inbox.yml."""

from datetime import datetime, timedelta
from pathlib import Path

from pydantic import Field

from bot.conversations.open_alerts import OpenAlerts
from bot.data_file import Entry, load_data_file
from bot.paths import DATA

FILE = DATA / "inbox.yml"


class OverdueAfter(Entry):
    """Minutes, by how urgent an alert is."""

    urgent: int = Field(ge=1, le=24 * 60)
    other: int = Field(ge=1, le=7 * 24 * 60)


class InboxRules(Entry):
    """The whole file."""

    overdue_after_minutes: OverdueAfter

    def is_overdue(self, alerts: OpenAlerts, moment: datetime) -> bool:
        """Whether a conversation has waited for a navigator for longer than it should."""
        minutes = self.overdue_after_minutes
        return moment - alerts.waiting_since >= timedelta(minutes=minutes.urgent if alerts.is_urgent else minutes.other)


def load_inbox_rules(path: Path = FILE) -> InboxRules:
    """Read the rules.

    Raises:
        DataFileError: the file is wrong.
    """
    return load_data_file(path, InboxRules)
