"""The lexicon of red-flag symptoms: data, and the matcher built from it."""

import hashlib
from pathlib import Path

from pydantic import Field

from bot.data_file import Entry, load_data_file

FILE = Path(__file__).parent / "lexicon.yml"


class Lexicon(Entry):
    """The words and thresholds of red flags."""

    signed_by: str
    sources: list[str] = Field(min_items=1)
    fever_celsius: float
    fever_fahrenheit: float
    symptoms: dict[str, list[str]] = Field(min_items=1)

    @property
    def digest(self) -> str:
        """A fingerprint of the rules, written beside every message that they read."""
        return hashlib.sha256(self.json(sort_keys=True).encode()).hexdigest()[:16]


def read_lexicon(path: Path = FILE) -> Lexicon:
    """Read the lexicon.

    Raises:
        DataFileError: the file is wrong; names the line and the key.
    """
    return load_data_file(path, Lexicon)
