"""Whether a message is in words that the detectors know at all: what they cannot read they cannot rule out."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from bot.data_file import Entry, load_data_file
from bot.redflags.reading import Word
from bot.redflags.spelling import Spelling

SHORTEST = 2  # letters of a word that says which language it is of


class ReadableFile(Entry):
    """What readable.yml holds."""

    words_minimum: int
    unknown_share: float
    foreign_letters_share: float


class Readability:
    """Looks whether a message is English enough. Safe to use from several threads."""

    def __init__(self, spelling: Spelling, english: frozenset[str], path: Path) -> None:
        """Read the limits.

        Args:
            spelling: knows everyday words, and recognises others.
            english: the English words of the lexicon.
            path: the file of limits.

        Raises:
            DataFileError: the file is wrong.
        """
        self._spelling = spelling
        self._english = english
        self._file = load_data_file(path, ReadableFile)

    def is_unreadable(self, words: Sequence[Word]) -> bool:
        """Whether too much of a message is in another script or in unknown words."""
        letters = "".join(letter for word in words for letter in word.text if letter.isalpha())
        if not letters:
            return False
        foreign = sum(
            not unicodedata.name(letter, "").startswith("LATIN") for letter in letters if not letter.isascii()
        )
        if foreign >= self._file.foreign_letters_share * len(letters):
            return True
        telling = [word.text for word in words if len(word.text) >= SHORTEST and word.text.isalpha()]
        unknown = [word for word in telling if not self._is_known(word)]
        return len(telling) >= self._file.words_minimum and len(unknown) > self._file.unknown_share * len(telling)

    def _is_known(self, word: str) -> bool:
        return self._spelling.is_everyday(word) or self._spelling.directly(word) in self._english
