"""How messages are gathered and grouped: data/improve.yml."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from bot.data_file import Entry, load_data_file
from bot.paths import DATA

FILE = DATA / "improve.yml"


class ImprovementRules(Entry):
    """The file, checked."""

    days: int = Field(ge=1, le=3650)
    messages: int = Field(ge=1, le=5000)
    likeness: float = Field(gt=0, lt=1)
    groups_on_a_page: int = Field(ge=1, le=100)
    messages_in_a_group: int = Field(ge=1, le=50)  # a form has 200 fields at most

    @property
    def period(self) -> timedelta:
        """How far back messages are gathered."""
        return timedelta(days=self.days)


def load_improvement_rules(path: Path = FILE) -> ImprovementRules:
    """Read the file.

    Raises:
        DataFileError: the file is wrong.
    """
    return load_data_file(path, ImprovementRules)
