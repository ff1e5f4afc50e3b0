"""What a follow-up means after an answer: a table in data/follow_ups.yml."""

import re
from pathlib import Path

from pydantic import Field, root_validator, validator

from bot.data_file import Entry, load_data_file
from bot.paths import DATA

FILE = DATA / "follow_ups.yml"
_TARGET = re.compile(r"[a-z][a-z0-9_]*(/[a-z0-9_]*(\{grade\})?)?")


class _FollowUp(Entry):
    about: dict[str, str] = Field(default_factory=dict)
    otherwise: str | None = None
    alone: str | None = None

    @validator("about", "otherwise", "alone", each_item=True)
    def _names_an_answer(cls, value: str | None) -> str | None:
        if value is not None and not _TARGET.fullmatch(value):
            raise ValueError(f"'{value}' is no name of an answer; the only placeholder is '{{grade}}'")
        return value

    @root_validator(skip_on_failure=True)
    def _leads_somewhere(cls, values: dict[str, object]) -> dict[str, object]:
        if not values["about"] and values["otherwise"] is None:
            raise ValueError("needs 'about' or 'otherwise'")
        return values


class _File(Entry):
    follow_ups: dict[str, _FollowUp]


class FollowUps:
    """Resolves (follow-up, topic answered last) to the name of an answer."""

    def __init__(self, path: Path = FILE) -> None:
        """Read the table.

        Raises:
            DataFileError: the file is wrong.
        """
        self.table = load_data_file(path, _File).follow_ups

    def resolve(self, follow_up: str, topic: str | None, variant: str) -> str | None:
        """The answer that a follow-up asks for.

        Args:
            follow_up: the intent.
            topic: what was answered last; None at the start of a conversation.
            variant: the variant that the message itself names, such as a grade.

        Returns:
            the name of an answer; None where nothing fits and the family must be asked.
        """
        entry = self.table.get(follow_up)
        if entry is None or topic is None:
            return None
        target = entry.about.get(topic, entry.otherwise)
        if target is None or ("{grade}" in target and not variant):
            return None
        return target.format(grade=variant.rpartition("_")[2])

    def alone(self, follow_up: str) -> str | None:
        """The topic that a message means which lies between it and the follow-up, where nothing was answered before."""
        entry = self.table.get(follow_up)
        return entry.alone if entry else None

    def suggestion(self, follow_up: str, variant: str) -> str | None:
        """The answer that a follow-up would most likely be about where nothing was answered before."""
        entry = self.table.get(follow_up)
        target = (entry.otherwise or entry.alone) if entry else None
        if target is None or ("{grade}" in target and not variant):
            return None
        return target.format(grade=variant.rpartition("_")[2])
