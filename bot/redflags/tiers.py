"""How urgent a mention is, from the words around it: T1 (now, or unclear) or T2. Never whether it counts."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from bot.data_file import Entry, load_data_file
from bot.redflags.reading import Word
from bot.redflags.rows import Row, RowFinder

T1 = "T1"  # now, or unclear
T2 = "T2"  # a general question, negated, hypothetical, another person, or more than a week ago


class ContextFile(Entry):
    """What context.yml holds."""

    signed_by: str
    source: str
    always_t1: frozenset[str]
    question_openers: list[str]
    general_words: list[str]
    before_opener: list[str]
    patient_words: list[str]
    negations: list[str]
    negation_fillers: frozenset[str]
    negation_fillers_maximum: int
    negation_ends: frozenset[str]
    contrasts: frozenset[str]
    no_negation: list[str]
    hypotheticals: list[str]
    no_hypothetical: list[str]
    other_people: list[str]
    the_patient: list[str]
    past_times: list[str]
    past_units: dict[str, int]
    past_days_minimum: int
    past_numbers: dict[str, int]
    past_months: list[str]
    before_month: frozenset[str]
    past_verbs: frozenset[str]
    recent_times: list[str]


@dataclass(frozen=True)
class _Sentence:
    """A sentence: its words' places in the message, the last not included, and the rows found in it."""

    first: int
    last: int
    rows: tuple[Row, ...]

    def of(self, label: str) -> list[Row]:
        return [row for row in self.rows if row.label == label]


class Tiers:
    """Decides by explicit rules; what fits none of them is T1. Safe to use from several threads."""

    def __init__(self, path: Path, today: Callable[[], date] = date.today) -> None:
        """Read the rules.

        Args:
            path: the file of rules.
            today: says which day it is: "in March" is past in May and not in March.

        Raises:
            DataFileError: the file is wrong; names the line and the key.
        """
        file = load_data_file(path, ContextFile)
        self._file = file
        self._today = today
        self._rows = RowFinder(
            {
                "opener": file.question_openers,
                "general": file.general_words,
                "before_opener": file.before_opener,
                "patient": file.patient_words,
                "negation": file.negations,
                "no_negation": file.no_negation,
                "hypothetical": file.hypotheticals,
                "no_hypothetical": file.no_hypothetical,
                "other": file.other_people,
                "the_patient": file.the_patient,
                "past": file.past_times,
                "unit": file.past_units,
                "recent": file.recent_times,
            }
        )

    def of(self, words: Sequence[Word], mentions: Sequence[tuple[str, int, int]], *, measured: bool) -> str:
        """The tier of a message: T1 where any of its mentions is.

        Args:
            words: the message.
            mentions: symptom, start and end of each mention, in characters.
            measured: whether one of the mentions is a measured value.
        """
        rows = self._rows.find(words)
        sentences = [
            _Sentence(first, last, tuple(row for row in rows if first <= row.first and row.last <= last))
            for first, last in _sentences(words)
        ]
        starts, ends = [word.start for word in words], [word.end for word in words]
        mentioned = [(bisect_right(ends, start), bisect_left(starts, end)) for _, start, end in mentions]
        for (symptom, _, _), (first, last) in zip(mentions, mentioned, strict=True):
            sentence = next((found for found in sentences if found.first <= first < found.last), None)
            if symptom in self._file.always_t1 or sentence is None:
                return T1
            if not self._is_remote(words, sentence, first, last, mentioned, measured=measured):
                return T1
        return T2 if mentions else T1

    def _is_remote(
        self,
        words: Sequence[Word],
        sentence: _Sentence,
        first: int,
        last: int,
        mentioned: Sequence[tuple[int, int]],
        *,
        measured: bool,
    ) -> bool:
        return (
            self._is_negated(words, sentence, first, mentioned)
            or self._is_another_person(sentence, first)
            or self._is_past(words, sentence)
            or self._is_hypothetical(sentence, first)
            or (not measured and self._is_general_question(words, sentence))
        )

    def _is_negated(
        self, words: Sequence[Word], sentence: _Sentence, first: int, mentioned: Sequence[tuple[int, int]]
    ) -> bool:
        """A negation before the mention with only fillers and other mentions between; one inside it does not count."""
        if any(words[place].text in self._file.contrasts for place in range(first, sentence.last)):
            return False  # "no rash, but …": what follows may be what no list foresees
        spoilt = [range(row.first, row.last) for row in sentence.of("no_negation")]
        fillers = self._file.negation_fillers
        for row in sentence.of("negation"):
            if row.last > first or any(row.first in part for part in spoilt):
                continue
            if any(start <= row.first and row.last <= end for start, end in mentioned):
                continue
            if any(words[place].text in self._file.negation_ends for place in range(row.last, first)):
                continue
            if words[row.first].text == "never" and sentence.of("recent"):
                continue  # "she never had one before, this afternoon she had"
            between = [place for place in range(row.last, first) if not any(a <= place < b for a, b in mentioned)]
            if len(between) <= self._file.negation_fillers_maximum and all(
                words[place].text in fillers for place in between
            ):
                return True
        return False

    @staticmethod
    def _is_another_person(sentence: _Sentence, first: int) -> bool:
        others = [row for row in sentence.of("other") if row.first < first]
        return bool(others) and not any(
            row.first > others[0].last for row in sentence.of("the_patient") if row.first < first
        )

    def _is_past(self, words: Sequence[Word], sentence: _Sentence) -> bool:
        if sentence.of("recent"):
            return False
        if sentence.of("past"):
            return True
        for row in sentence.of("unit"):
            unit = " ".join(word.text for word in words[row.first : row.last])
            before = [word.text for word in words[max(sentence.first, row.first - 3) : row.first]]
            days = self._file.past_units[unit] * max((self._number(text) for text in before), default=0)
            if days >= self._file.past_days_minimum:
                return True
        if not any(words[place].text in self._file.past_verbs for place in range(sentence.first, sentence.last)):
            return False  # "shaking like a wet dog in january" says nothing of when
        return any(
            words[place].text in self._long_past_months(self._today())
            and words[place - 1].text in self._file.before_month
            for place in range(sentence.first + 1, sentence.last)
        )

    def _number(self, text: str) -> int:
        if text.isdecimal() and len(text) < 4:
            return int(text)
        return self._file.past_numbers.get(text, 0)

    def _long_past_months(self, today: date) -> frozenset[str]:
        """The months that are over for at least a week: not this one, and not the last one in a month's first days."""
        recent = {today.month, (today - timedelta(days=self._file.past_days_minimum)).month}
        return frozenset(name for number, name in enumerate(self._file.past_months, start=1) if number not in recent)

    @staticmethod
    def _is_hypothetical(sentence: _Sentence, first: int) -> bool:
        if sentence.of("recent") or sentence.of("no_hypothetical"):
            return False
        return any(row.last <= first for row in sentence.of("hypothetical"))

    def _is_general_question(self, words: Sequence[Word], sentence: _Sentence) -> bool:
        if sentence.of("patient") or sentence.of("recent"):
            return False
        start = sentence.first
        for row in sorted(sentence.of("before_opener"), key=lambda row: row.first):
            if row.first == start:
                start = row.last
        opened = any(row.first == start for row in sentence.of("opener"))
        asked = sentence.last < len(words) and words[sentence.last].text == "?"
        return opened or bool((asked or start > sentence.first) and sentence.of("general"))


def _sentences(words: Sequence[Word]) -> list[tuple[int, int]]:
    """Where the sentences of a message begin and end."""
    starts = [0, *(place for place, word in enumerate(words) if place and (word.begins_sentence or word.text == "?"))]
    return [(start, end) for start, end in zip(starts, [*starts[1:], len(words)], strict=True) if end > start]
