"""How a detector reads a message: plain words and numbers, each with its place in the text as it was typed."""

import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

import regex

# One Chinese character is one word, so that a phrase is found anywhere; signs with a meaning of their own are words.
_RUN = regex.compile(
    r"(?V1)\p{Han}|[[\p{L}\p{M}\p{N}]--\p{Han}]+(?:[@$][[\p{L}\p{M}\p{N}]--\p{Han}]+)*|\p{So}|[°%/℃℉?]"
)
_PART = regex.compile(r"[\p{L}\p{M}@$]+|\p{N}+|.")
_SENTENCE_END = regex.compile(r"[.!?;…。！？；।\n]")
_NOT_KEPT = regex.compile(r"['`]|[^[:print:]\s]")  # of ASCII's characters
_APOSTROPHES = frozenset("'’‘ʼ`´ʹ＇")
_ARABIC_LETTERS = str.maketrans({"ى": "ي", "ی": "ي", "ة": "ه", "ہ": "ه", "ھ": "ه", "ۃ": "ه", "ک": "ك", "ـ": None})
_KEPT_SIGNS = frozenset("°℃℉")
_BREVE = "\u0306"  # makes another letter of a Cyrillic one


class Word(NamedTuple):
    """A word, a number or a sign of a message, in plain form, and where it stands."""

    text: str
    start: int  # in the text as typed
    end: int
    before: str  # what stands between the word before and this one, in plain form

    @property
    def begins_sentence(self) -> bool:
        """Whether a sentence ended before this word; a decimal point ends none."""
        return bool(_SENTENCE_END.search(self.before)) and not (self.before == "." and self.text.isdigit())


def plain(text: str) -> tuple[str, list[int]]:
    """A text in lower case, without accents, invisible characters and apostrophes, with plain digits.

    Returns:
        the plain text, and for each of its characters the place of the character that it comes from.
    """
    if text.isascii() and not _NOT_KEPT.search(text):
        return text.lower(), list(range(len(text)))
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character.isascii():
            if character not in _APOSTROPHES and (character.isprintable() or character.isspace()):
                characters.append(character.lower())
                places.append(place)
            continue
        for simple in _simplified(character, characters[-1] if characters else ""):
            characters.append(simple)
            places.append(place)
    return "".join(characters), places


def _simplified(character: str, before: str) -> str:
    if character in _APOSTROPHES or unicodedata.category(character) in ("Cf", "Cc", "Cs", "Co"):
        return "\n" if character in "\x85\u2028\u2029" else ""
    if "\ufe00" <= character <= "\ufe0f":  # which of two pictures a sign is shown as
        return ""
    if character in _KEPT_SIGNS:
        return character
    simple = ""
    for part in unicodedata.normalize("NFKD", character.casefold()):
        if unicodedata.category(part) == "Nd":
            simple += str(unicodedata.digit(part))
        elif unicodedata.combining(part) and _has_no_marks(simple[-1:] or before, part):
            continue
        else:
            simple += part
    return simple.translate(_ARABIC_LETTERS)


def _has_no_marks(letter: str, mark: str) -> bool:
    """Whether a mark on a letter is left out: accents in Latin, stress in Cyrillic, vowel signs in Arabic."""
    if letter.isascii() or "\u0370" <= letter <= "\u03ff":
        return True
    if "\u0400" <= letter <= "\u04ff":
        return mark != _BREVE
    return "\u064b" <= mark <= "\u065f" or mark == "\u0670"


def words_of(text: str, is_whole: Callable[[str], bool] = lambda run: False) -> list[Word]:
    """Cut a text into words. Letters and digits that stand together are words of their own ("38c", "cd19").

    Args:
        text: as typed.
        is_whole: whether letters and digits that stand together are one word ("spo2", "f3ver").
    """
    simple, places = plain(text)
    words: list[Word] = []
    last = 0
    for run in _RUN.finditer(simple):
        for start, end in _parts(run.group(), run.start(), is_whole):
            words.append(Word(simple[start:end], places[start], places[end - 1] + 1, simple[last:start]))
            last = end
    return words


def _parts(run: str, offset: int, is_whole: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    if run.isalpha() or run.isdigit() or is_whole(run):
        yield offset, offset + len(run)
        return
    for part in _PART.finditer(run):
        yield offset + part.start(), offset + part.end()
