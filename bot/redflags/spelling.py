"""Recognising a word however it is spelt: slips of the finger, repeated letters, digits for letters, other scripts."""

import re
from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import OSA
from wordfreq import get_frequency_dict

from bot.data_file import Entry, load_data_file

EVERYDAY_FREQUENCY = 1e-5
ONE_EDIT_FROM = 5  # letters of the lexicon's word
TWO_EDITS_FROM = 8
COMMON_FREQUENCY = 2e-6  # occurrences a word; a word as common as that is what it says, not another one misspelt
LONGEST_MISSPELT = 20  # letters; in longer ones words run together
CANDIDATES = 4  # words that a misspelt one may stand for
POSSESSIVE_FROM = 3  # letters of the word before its s
LEETSPEAK_LETTERS = 3  # at least so many of a word with digits in it
SHORTEST_SEGMENT = 3  # letters; words that run into each other are taken apart into no shorter ones, but for a few
LONGEST_SEGMENT = 16  # letters

_LONG_REPEAT = re.compile(r"(.)\1{2,}")


class SpellingFile(Entry):
    """What data/spelling.yml holds."""

    leetspeak: dict[str, str]
    lookalikes: dict[str, str]
    whole: list[str]
    spellings: dict[str, list[str]]
    heard: dict[str, str]
    not_misspelt: list[str]
    short_segments: list[str]


class Spelling:
    """Finds the word of a vocabulary that a written word stands for."""

    def __init__(self, vocabulary: Iterable[str], path: Path, *, first: Container[str] = ()) -> None:
        """Prepare for a vocabulary.

        Args:
            vocabulary: the words to be recognised, in plain form.
            path: the file of spellings.
            first: words of it that a misspelt word is taken for before others.

        Raises:
            DataFileError: the file is wrong.
        """
        file = load_data_file(path, SpellingFile)
        self._whole = frozenset(file.whole)
        self.vocabulary = frozenset(vocabulary)
        frequencies = get_frequency_dict("en", "small")
        self._common = _from_frequency(frequencies, COMMON_FREQUENCY).union(file.not_misspelt)
        self._everyday = _from_frequency(frequencies, EVERYDAY_FREQUENCY).union(file.not_misspelt)
        self._frequency = {word: frequencies.get(word, 0.0) for word in self.vocabulary}
        get_frequency_dict.cache_clear()  # 4 MB that nobody asks for again
        self._short_segments = frozenset(file.short_segments)
        self._heard = {heard: word for heard, word in file.heard.items() if word in self.vocabulary}
        self._letters = str.maketrans(file.leetspeak)
        self._lookalikes = str.maketrans(file.lookalikes)
        self._spellings = {
            spelling: word
            for word, spellings in file.spellings.items()
            if word in self.vocabulary
            for spelling in spellings
            if spelling not in self.vocabulary
        }
        long_enough = (word for word in self.vocabulary if len(word) >= ONE_EDIT_FROM)
        self._choices = sorted(long_enough, key=lambda word: (word not in first, word))
        self._first = first
        self._near_length = lru_cache(None)(self._choices_near_length)

    def frequency(self, word: str) -> float:
        """How often a word of the vocabulary is met in English, as a share of all words."""
        return self._frequency[word]

    def is_everyday(self, word: str) -> bool:
        """Whether a word is one that English messages consist of, or one of the subject."""
        return word in self._everyday

    def _choices_near_length(self, length: int) -> "tuple[list[str], npt.NDArray[np.uint8]]":
        """The words that a form of this length may stand for, and how many edits each allows."""
        allowed = [(word, 2 if len(word) >= TWO_EDITS_FROM else 1) for word in self._choices]
        near = [(word, edits) for word, edits in allowed if abs(len(word) - length) <= edits]
        return [word for word, _ in near], np.array([edits for _, edits in near], dtype=np.uint8)

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
        if word in self.vocabulary:
            return word
        for form in self._forms(word):
            if form in self.vocabulary:
                return form
            if form in self._spellings:
                return self._spellings[form]
        if len(word) > POSSESSIVE_FROM and word.endswith("s") and word[:-1] in self.vocabulary:
            return word[:-1]  # "tongue's", whose apostrophe is gone, or a plural
        return None

    def heard(self, word: str) -> str | None:
        """The word that a machine or a tired ear may have written a common one for ("to week to stand")."""
        return self._heard.get(word)

    def nearest(self, words: Sequence[str]) -> dict[str, list[str]]:
        """The words of the vocabulary that misspelt words may stand for, the nearest first; others are left out.

        One edit is allowed in a word of five letters, two from eight letters on (optimal string alignment: two letters
        that change places are one edit). A common English word is taken at its word.
        """
        asked = [(word, form) for word in dict.fromkeys(words) for form in self._misspelt_forms(word)]
        if not asked or not self._choices:
            return {}
        found: dict[str, dict[str, int]] = {}  # for each word those near it, with their edits
        for length in {len(form) for _, form in asked}:
            of_length = [(word, form) for word, form in asked if len(form) == length]
            choices, edits = self._near_length(length)
            if not choices:
                continue
            forms = [form for _, form in of_length]
            distances = process.cdist(forms, choices, scorer=OSA.distance, score_cutoff=2, dtype=np.uint8)
            for (word, _), row, fits in zip(of_length, distances, distances <= edits, strict=True):
                for place in np.flatnonzero(fits):
                    word_found = found.setdefault(word, {})
                    word_found[choices[place]] = min(int(row[place]), word_found.get(choices[place], len(word)))
        return {
            word: sorted(near, key=lambda choice: (choice not in self._first, near[choice], choice))[:CANDIDATES]
            for word, near in found.items()
        }

    def segments(self, word: str) -> list[str] | None:
        """The words that run into each other in a long one; None where it is not made of known words alone."""
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
        forms = [form for form in self._forms(word) if ONE_EDIT_FROM - 1 <= len(form) <= LONGEST_MISSPELT]
        return [form for form in forms if form.isalpha() and form not in self._common]

    def _is_segment(self, piece: str) -> bool:
        if piece in self._short_segments:
            return True
        return len(piece) >= SHORTEST_SEGMENT and (piece in self.vocabulary or piece in self._common)


def _from_frequency(frequencies: dict[str, float], least: float) -> frozenset[str]:
    return frozenset(word for word, frequency in frequencies.items() if frequency >= least)
