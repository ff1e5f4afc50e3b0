"""The first detector: the lexicon's words, rows and patterns, found by spaCy in a message however it is spelt."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from spacy.matcher import Matcher, PhraseMatcher
from spacy.tokens import Doc, Span
from spacy.util import filter_spans
from spacy.vocab import Vocab

from bot.redflags.lexicon import Lexicon
from bot.redflags.pattern_index import PatternIndex
from bot.redflags.patterns import Pattern
from bot.redflags.reading import Word
from bot.redflags.rows import UNKNOWN
from bot.redflags.spelling import Spelling

SIGNS = frozenset("?/%°℃℉")  # stand between words and are none
RUN_TOGETHER_FROM = 7  # letters of a word that may be several without spaces between them
SPLIT_FROM = 5  # letters of a word that may have come apart
SPELT_OUT_FROM = 4  # single letters in a row that may be one word
SPELT_OUT_TO = 16


@dataclass(frozen=True)
class Mention:
    """A wording of a symptom in a message."""

    symptom: str
    start: int  # in the text as typed
    end: int


class Wordings:
    """Finds the lexicon's wordings. Safe to use from several threads."""

    def __init__(self, lexicon: Lexicon, spelling: Path) -> None:
        """Prepare the matchers.

        Args:
            lexicon: what is looked for.
            spelling: the file of spellings.

        Raises:
            DataFileError: the file of spellings is wrong.
        """
        vocabulary = lexicon.vocabulary
        self.spelling = Spelling(vocabulary, spelling, first=lexicon.words)
        self._alone = lexicon.words
        self._vocab = Vocab(strings=[UNKNOWN, *vocabulary])
        self._rows = PhraseMatcher(self._vocab, attr="ORTH")
        by_symptom: dict[str, list[Doc]] = defaultdict(list)
        for words, symptom in [
            *(((word,), symptom) for word, symptom in lexicon.words.items()),
            *lexicon.rows.items(),
        ]:
            by_symptom[symptom].append(Doc(self._vocab, words=list(words)))
        for symptom, docs in by_symptom.items():
            self._rows.add(symptom, docs)
        self._matchers = [self._matcher(symptom, pattern) for symptom, pattern in lexicon.patterns]
        self._index = PatternIndex([pattern for _, pattern in lexicon.patterns], self.spelling.frequency)

    def _matcher(self, symptom: str, pattern: Pattern) -> Matcher:
        matcher = Matcher(self._vocab, validate=False)
        matcher.add(symptom, [pattern.for_matcher()], greedy="LONGEST")
        return matcher

    def find(self, words: Sequence[Word]) -> list[Mention]:
        """Every wording in a message; no word, wherever it stands, takes a wording away from others."""
        words = [word for word in words if word.text not in SIGNS]
        readings = [(words, texts) for texts in self._readings(words)]
        if (mended := self._mended(words, readings[0][1])) is not None:
            readings.append(mended)
        found = {mention for places, texts in readings for mention in self._found(places, texts)}
        return sorted(found, key=lambda mention: (mention.start, mention.end, mention.symptom))

    def _readings(self, words: Sequence[Word]) -> list[list[str]]:
        """The words as the vocabulary spells them, in each way in which misspelt and misheard ones can be meant.

        Words that mean nothing to the vocabulary become UNKNOWN.
        """
        direct = [self.spelling.directly(word.text) for word in words]
        # A word that is only part of wordings may be a misspelt other one, too ("urinat").
        nearest = self.spelling.nearest(
            [
                word.text
                for word, known in zip(words, direct, strict=True)
                if known not in self._alone and not word.text.isdigit()
            ]
        )
        readings = []
        for number in range(1 + max((len(candidates) for candidates in nearest.values()), default=0)):
            readings.append(
                [_nth(nearest.get(word.text, []), number, known) for word, known in zip(words, direct, strict=True)]
            )
        heard = [self.spelling.heard(word.text) for word in words]
        if any(heard):
            readings.append([other or text for text, other in zip(readings[0], heard, strict=True)])
        return readings

    def _found(self, words: Sequence[Word], texts: list[str]) -> Iterable[Mention]:
        """The wordings in one reading: the places of the words, and what each is read as."""
        doc = Doc(self._vocab, words=texts)
        spans = list(self._rows(doc, as_spans=True))
        for number, stretches in self._index.stretches(texts).items():
            for first, end in stretches:
                spans.extend(self._matchers[number](doc[first:end], as_spans=True))
        doc.spans["red_flags"] = _distinct(spans)
        for span in doc.spans["red_flags"]:
            yield Mention(span.label_, words[span.start].start, words[span.end - 1].end)

    def _mended(self, words: Sequence[Word], recognised: list[str]) -> tuple[list[Word], list[str]] | None:
        """The message with words put together that came apart, and others taken apart; None if there are none.

        Returns:
            where each word stands, and what it is read as.
        """
        written = [word.text for word in words]
        places: list[Word] = []
        texts: list[str] = []
        changed = False
        position = 0
        while position < len(words):
            joined, used = self._joined(written, recognised, position)
            pieces = [joined] if joined is not None else self._taken_apart(written[position], recognised[position])
            changed = changed or pieces is not None
            place = words[position]
            if joined is not None:
                place = place._replace(end=words[position + used - 1].end)
            for text in pieces or [recognised[position]]:
                places.append(place)
                texts.append(text)
            position += used
        return (places, texts) if changed else None

    def _joined(self, written: list[str], recognised: list[str], position: int) -> tuple[str | None, int]:
        """The word that several are the pieces of, and how many they are."""
        if _is_letter(written[position]):
            letters = "".join(takewhile(_is_letter, written[position : position + SPELT_OUT_TO]))
            for used in range(len(letters), SPELT_OUT_FROM - 1, -1):
                whole = self.spelling.directly(letters[:used])
                if whole is not None:
                    return whole, used
        for used in (3, 2):
            text = "".join(written[position : position + used])
            if (
                text not in self.spelling.vocabulary
                or len(text) < SPLIT_FROM
                or not text.isalpha()
                or position + used > len(written)
            ):
                continue
            if text in self._alone or UNKNOWN in recognised[position : position + used]:
                return text, used
        return None, 1

    def _taken_apart(self, text: str, recognised: str) -> list[str] | None:
        """The words that run into each other in one."""
        if recognised != UNKNOWN or len(text) < RUN_TOGETHER_FROM or self.spelling.is_common(text):
            return None
        pieces = self.spelling.segments(text) if text.isascii() and text.isalpha() else None
        if pieces is None:
            return None
        return [piece if piece in self.spelling.vocabulary else UNKNOWN for piece in pieces]


def _distinct(spans: list[Span]) -> list[Span]:
    """The spans without those that lie inside a longer one of the same symptom."""
    by_symptom: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_symptom[span.label_].append(span)
    return [span for same in by_symptom.values() for span in filter_spans(same)]


def _is_letter(text: str) -> bool:
    return len(text) == 1 and text.isalpha()


def _nth(candidates: Sequence[str], number: int, known: str | None) -> str:
    """A word in the reading with this number: itself if it is known, then what it may be a misspelling of."""
    readings = [known, *candidates] if known else candidates
    return readings[min(number, len(readings) - 1)] if readings else UNKNOWN
