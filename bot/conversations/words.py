"""The words of a text as the log is searched by them: in any language, without case and accents."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import regex

LENGTH_MAXIMUM = 40  # characters of a word that count
WORDS_MAXIMUM = 12  # of what is looked for; the rest makes no difference any more

# Scripts that are written without spaces between words. Of these, every two neighbours count as a word.
_RUNS = regex.compile(
    r"(?P<unspaced>[\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]+)"
    r"|(?P<spaced>(?:(?![\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])[\p{L}\p{M}\p{N}])+)"
)
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_APOSTROPHES = str.maketrans("", "", "'’")
_ACCENTS_FROM = 10  # Unicode's combining class; lower ones are parts of a letter in Indian and Japanese scripts


@dataclass(frozen=True)
class Term:
    """A word that is looked for, whole or as the beginning of one."""

    word: str
    beginning: bool = False

    def fits(self, words: set[str]) -> bool:
        """Whether it is among the words of a text."""
        return self.word in words or (self.beginning and any(word.startswith(self.word) for word in words))


def words_of(text: str) -> set[str]:
    """Every word that a text can be found by."""
    words: set[str] = set()
    for run, unspaced in _runs(text):
        if unspaced:
            words.update(_pairs(run))
            words.add(run[-1])  # it begins no pair
        else:
            words.add(run)
    return words


def terms_of(typed: str) -> list[Term]:
    """What is looked for, in the order in which it was typed; the last word may be the beginning of one."""
    terms: dict[str, Term] = {}
    for run, unspaced in _runs(typed):
        if unspaced and len(run) > 1:
            terms.update({pair: Term(pair) for pair in _pairs(run)})
        else:
            terms[run] = Term(run, beginning=unspaced)
        if len(terms) >= WORDS_MAXIMUM:
            break
    found = list(terms.values())[:WORDS_MAXIMUM]
    if found:
        found[-1] = Term(found[-1].word, beginning=True)
    return found


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """The runs of letters and digits, each with whether its script is written without spaces."""
    text = text.casefold().translate(_APOSTROPHES)
    if text.isascii():
        for word in _ASCII_WORD.finditer(text):
            yield word[0][:LENGTH_MAXIMUM], False
        return
    for run in _RUNS.finditer(_without_accents(text)):
        unspaced = run["unspaced"] is not None
        yield (run[0] if unspaced else run[0][:LENGTH_MAXIMUM]), unspaced


def _without_accents(text: str) -> str:
    """Letters without what makes no difference: accents, width, form."""
    decomposed = unicodedata.normalize("NFKD", text)
    letters = "".join(letter for letter in decomposed if unicodedata.combining(letter) < _ACCENTS_FROM)
    return unicodedata.normalize("NFKC", letters)


def _pairs(run: str) -> Iterator[str]:
    for start in range(len(run) - 1):
        yield run[start : start + 2]
