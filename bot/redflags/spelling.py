"""Recognising a word however it is spelt: slips of the finger, repeated letters, digits for letters, other scripts."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA
from wordfreq import get_frequency_dict

from bot.data_file import Entry, load_data_file

ONE_EDIT_FROM = 5  # letters of the lexicon's word
TWO_EDITS_FROM = 8
COMMON_FREQUENCY = 2e-6  # occurrences a word; a word as common as that is what it says, not another one misspelt
LEETSPEAK_LETTERS = 3  # at least so many of a word with digits in it
SHORTEST_SEGMENT = 3  # letters; words that run into each other are taken apart into no shorter ones, but for these:
SHORT_SEGMENTS = frozenset(
    ["a", "i", "he", "is", "in", "my", "we", "no", "so", "to", "up", "on", "at", "me", "it", "of", "hr", "bp"]
)
LONGEST_SEGMENT = 16  # letters

_LONG_REPEAT = re.compile(r"(.)\1{2,}")


class SpellingFile(Entry):
    """What data/spelling.yml holds."""

    leetspeak: dict[str, str]
    lookalikes: dict[str, str]
    whole: list[str]
    spellings: dict[str, list[str]]


class Spelling:
    """Finds the word of a vocabulary that a written word stands for."""

    def __init__(self, vocabulary: Iterable[str], path: Path) -> None:
        """Prepare for a vocabulary.

        Args:
            vocabulary: the words to be recognised, in plain form.
            path: the file of spellings.

        Raises:
            DataFileError: the file is wrong.
        """
        file = load_data_file(path, SpellingFile)
        self._whole = frozenset(file.whole)
        self.vocabulary = frozenset(vocabulary)
        self._common = frozenset(
            word for word, frequency in get_frequency_dict("en", "small").items() if frequency >= COMMON_FREQUENCY
        )
        self._letters = str.maketrans(file.leetspeak)
        self._lookalikes = str.maketrans(file.lookalikes)
        self._spellings = {
            spelling: word
            for word, spellings in file.spellings.items()
            if word in self.vocabulary
            for spelling in spellings
            if spelling not in self.vocabulary
        }
        self._choices = sorted(word for word in self.vocabulary if len(word) >= ONE_EDIT_FROM)
        self._edits = np.array([2 if len(word) >= TWO_EDITS_FROM else 1 for word in self._choices], dtype=np.uint8)

    def is_common(self, word: str) -> bool:
        """Whether a word is an everyday English one."""
        return word in self._common

    def is_whole(self, run: str) -> bool:
        """Whether letters, digits and signs that stand together are one word of the vocabulary ("spo2", "f3ver")."""
        if run in self._whole:
            return True
        letters = sum(character.isalpha() for character in run)
        return letters >= LEETSPEAK_LETTERS and run[0].isalpha() and self.directly(run) is not None

    def directly(self, word: str) -> str | None:
        """The word of the vocabulary that is written so, apart from repeated letters and digits for letters."""
        for form in self._forms(word):
            if form in self.vocabulary:
                return form
            if form in self._spellings:
                return self._spellings[form]
        return None

    def nearest(self, words: Sequence[str]) -> dict[str, str]:
        """The words of the vocabulary that misspelt words stand for; words that stand for none are left out.

        One edit is allowed in a word of five letters, two from eight letters on (optimal string alignment: two letters
        that change places are one edit). A common English word is taken at its word.
        """
        asked = [(word, form) for word in dict.fromkeys(words) for form in self._misspelt_forms(word)]
        if not asked or not self._choices:
            return {}
        distances = process.cdist(
            [form for _, form in asked], self._choices, scorer=OSA.distance, score_cutoff=2, dtype=np.uint8
        )
        allowed = distances <= self._edits
        found: dict[str, str] = {}
        for (word, _), row, fits in zip(asked, distances, allowed, strict=True):
            if fits.any() and word not in found:
                found[word] = self._choices[int(np.where(fits, row, 255).argmin())]
        return found

    def segments(self, word: str) -> list[str] | None:
        """The words that run into each other in a long one; None where it is not made of known words alone."""
        return self._segments(word)

    def _forms(self, word: str) -> list[str]:
        forms = [word]
        if not word.isascii():
            forms.append(word.translate(self._lookalikes))
        if not word.isalpha():
            forms += [form.translate(self._letters) for form in list(forms)]
        if _LONG_REPEAT.search(word):
            forms += [_LONG_REPEAT.sub(kept, form) for form in list(forms) for kept in (r"\1\1", r"\1")]
        return forms

    def _misspelt_forms(self, word: str) -> list[str]:
        if word in self._common:
            return []
        forms = [form for form in self._forms(word) if len(form) >= ONE_EDIT_FROM - 1]
        return [] if any(form in self._common for form in forms[1:]) else [form for form in forms if form.isalpha()]

    def _segments(self, word: str) -> list[str] | None:
        best: list[tuple[int, int] | None] = [(0, 0)] + [None] * len(word)  # pieces so far, where the last begins
        for end in range(1, len(word) + 1):
            for start in range(max(0, end - LONGEST_SEGMENT), end):
                before = best[start]
                if before is None or not self._is_segment(word[start:end]):
                    continue
                if (now := best[end]) is None or before[0] + 1 < now[0]:
                    best[end] = before[0] + 1, start
        if best[-1] is None:
            return None
        pieces: list[str] = []
        end = len(word)
        while end:
            step = best[end]
            assert step is not None
            pieces.append(word[step[1] : end])
            end = step[1]
        return pieces[::-1]

    def _is_segment(self, piece: str) -> bool:
        if piece in SHORT_SEGMENTS:
            return True
        return len(piece) >= SHORTEST_SEGMENT and (piece in self.vocabulary or piece in self._common)
