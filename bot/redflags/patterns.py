"""The language of the lexicon's patterns: rows of words with room between them.

An item is a word, several words joined by `|`, or the name of a class of words in angle brackets; `+` behind a word
adds its endings. Items stand directly one behind the other, or with `~N` between them up to N words apart, or with `&`
between them in either order and up to four words apart: `<cannot> ~2 breathe+|breath`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.redflags.reading import words_of

EITHER_ORDER_GAP = 4  # words
LONGEST_GAP = 8
_GAP = re.compile(r"~(\d)")
_VOWELS = "aeiou"


class PatternError(ValueError):
    """A pattern is not well formed; the message says what is wrong with it."""


@dataclass(frozen=True)
class Item:
    """One place of a pattern: the words that may stand there, and how many others may stand before it."""

    words: frozenset[str]
    gap: int = 0


@dataclass(frozen=True)
class Pattern:
    """A row of items."""

    items: tuple[Item, ...]

    @property
    def span(self) -> int:
        """The most words that it can cover."""
        return sum(1 + item.gap for item in self.items)

    def for_matcher(self) -> list[dict[str, Any]]:
        """The pattern as spaCy's Matcher takes it."""
        tokens: list[dict[str, Any]] = []
        for item in self.items:
            if item.gap:
                tokens.append({"OP": f"{{0,{item.gap}}}"})
            tokens.append({"ORTH": {"IN": sorted(item.words)}})
        return tokens


def with_endings(word: str) -> list[str]:
    """A word in its English forms: shiver, shivers, shivered, shivering; also from a stem (`wheez`)."""
    if word.endswith("e"):
        stem = word[:-1]
        return sorted({word, word + "s", word + "d", word + "r", stem + "ing", stem + "in"})
    forms = {word, word + "s", word + "ed", word + "ing", word + "er", word + "es", word + "in"}
    if word.endswith("y") and word[-2:-1] not in _VOWELS:
        forms |= {word[:-1] + "ied", word[:-1] + "ies"}
    else:
        forms |= {word + "e", word + "y"}
        if len(word) > 2 and word[-1] not in _VOWELS + "wxy" and word[-2] in _VOWELS and word[-3] not in _VOWELS:
            forms |= {word + word[-1] + "ed", word + word[-1] + "ing", word + word[-1] + "y"}
    return sorted(forms)


def parse(pattern: str, classes: Mapping[str, frozenset[str]]) -> list[Pattern]:
    """Read a pattern.

    Args:
        pattern: as in the lexicon.
        classes: the words of each class.

    Returns:
        one pattern for each order that `&` allows.

    Raises:
        PatternError: an item is empty or a class does not exist.
    """
    rows: list[list[Item]] = [[]]
    gap, either = 0, False
    for part in pattern.split():
        if part == "&":
            either = True
        elif part.startswith("~"):
            number = _GAP.fullmatch(part)
            if not number or int(number[1]) > LONGEST_GAP:
                raise PatternError(f"'{part}' is no gap: write ~1 to ~{LONGEST_GAP}")
            gap = int(number[1])
        else:
            words = _alternatives(part, classes)
            if either:
                rows = [_added(row, words, EITHER_ORDER_GAP) for row in rows] + [
                    _before_last(row, words) for row in rows
                ]
            else:
                rows = [_added(row, words, gap) for row in rows]
            gap, either = 0, False
    if gap or either or any(len(row) < 2 for row in rows):
        raise PatternError("needs at least two items, and an item at its end; a single word belongs under 'words'")
    return [Pattern(tuple(row)) for row in rows]


def _added(row: list[Item], words: frozenset[str], gap: int) -> list[Item]:
    return [*row, Item(words, gap if row else 0)]


def _before_last(row: list[Item], words: frozenset[str]) -> list[Item]:
    if not row:
        raise PatternError("'&' needs an item before it")
    last = row[-1]
    return [*row[:-1], Item(words, last.gap), Item(last.words, EITHER_ORDER_GAP)]


def _alternatives(part: str, classes: Mapping[str, frozenset[str]]) -> frozenset[str]:
    words: set[str] = set()
    for alternative in part.split("|"):
        if alternative.startswith("<") and alternative.endswith(">"):
            if alternative[1:-1] not in classes:
                raise PatternError(f"there is no class {alternative}")
            words |= classes[alternative[1:-1]]
        else:
            words.update(word_forms(alternative))
    return frozenset(words)


def word_forms(entry: str) -> list[str]:
    """The plain forms of a word of the lexicon; with its endings where `+` stands behind it.

    Raises:
        PatternError: it is not one word.
    """
    stem = entry.removesuffix("+")
    words = words_of(stem)
    if len(words) != 1 or not stem.strip():
        raise PatternError(f"'{entry}' is not one word")
    plain = words[0].text
    return with_endings(plain) if entry.endswith("+") else [plain]
