"""The vitals reader: temperature, oxygen, pulse, breathing, blood pressure and hours without urine, in any wording.

A number is a vital sign where a name or a unit says so, or where it can hardly be anything else ("39.2"). Nothing that
stands elsewhere in a message takes a reading back.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import root_validator

from bot.data_file import Entry, fault_at, load_data_file
from bot.redflags.numbers import Number, NumberWords, numbers_of
from bot.redflags.reading import Word, words_of

NAME_BEFORE = 6  # words between a name and its number
NAME_BEHIND = 2


class Measure(Entry):
    """A vital sign: its names and units, the values that can be true, and those that are red or amber."""

    symptom: str
    low_symptom: str = ""
    sources: list[str]
    names: frozenset[str]
    names_beside: frozenset[str] = frozenset()  # name it only directly before the number
    units: frozenset[str]
    native_names: list[str]
    verbs: frozenset[str]
    plausible: tuple[float, float]
    unit_needed: bool = False
    decimal_alone: bool = False
    alone_from: float = float("inf")
    alone_under: float = float("-inf")
    red_from: float = float("inf")
    red_under: float = float("-inf")
    amber_from: float = float("inf")
    amber_under: float = float("-inf")

    def is_red(self, value: float) -> bool:
        """Whether a value is a red flag by itself."""
        return value >= self.red_from or value < self.red_under

    def is_amber(self, value: float) -> bool:
        """Whether a value is a red flag beside another amber one."""
        return value >= self.amber_from or value < self.amber_under


class Pressure(Entry):
    """Blood pressure as a pair of values."""

    symptom: str
    sources: list[str]
    joined_by: frozenset[str]
    systolic: tuple[float, float]
    diastolic: tuple[float, float]
    red_under: float
    amber_under: float


class VitalsFile(Entry):
    """What vitals.yml holds."""

    signed_by: str
    sources: dict[str, str]
    measures: dict[str, Measure]
    pressure: Pressure
    other_names: frozenset[str]
    not_vitals_before: frozenset[str]
    not_vitals_behind: frozenset[str]
    number_words: NumberWords

    @root_validator(skip_on_failure=True)
    def _sources_exist(cls, values: dict[str, Any]) -> dict[str, Any]:
        named = [(("measures", name, "sources"), measure.sources) for name, measure in values["measures"].items()]
        for place, sources in [*named, (("pressure", "sources"), values["pressure"].sources)]:
            for position, source in enumerate(sources):
                if source not in values["sources"]:
                    raise fault_at(f"'{source}' is not among 'sources'", *place, position)
        return values


@dataclass(frozen=True)
class Vital:
    """A value that is a red flag, and where it stands."""

    symptom: str
    start: int
    end: int


class VitalsReader:
    """Reads measured values. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Read the thresholds.

        Raises:
            DataFileError: the file is wrong; names the line and the key.
        """
        file = load_data_file(path, VitalsFile)
        self._file = file
        self._names = _by_first_word(file.measures)

    def find(self, words: Sequence[Word]) -> list[Vital]:
        """Every value in a message that is a red flag; two that are half of one count together."""
        numbers = numbers_of(words, self._file.number_words)
        if not numbers:
            return []
        counted = frozenset(place for number in numbers for place in range(number.first, number.last))
        red: list[Vital] = []
        amber: list[tuple[str, Vital]] = []
        named = self._places_of_names(words)
        other_names = frozenset(place for place, word in enumerate(words) if word.text in self._file.other_names)
        for name, measure in self._file.measures.items():
            names = named[name]
            named_by_others = other_names.union(*(places for other, places in named.items() if other != name)) - names
            possible = frozenset(
                place
                for number in numbers
                for place in range(number.first, number.last)
                if measure.plausible[0] <= number.value <= measure.plausible[1]
            )
            for number in numbers:
                value = number.value
                if not measure.plausible[0] <= value <= measure.plausible[1]:
                    continue
                if not (measure.is_red(value) or measure.is_amber(value)):
                    continue
                claimed = self._name_before(named_by_others, number, counted) is not None
                meant = self._meant(measure, names, words, number, counted, possible if claimed else frozenset())
                if meant is None:
                    continue
                low = measure.low_symptom and value < measure.red_under
                vital = _vital(measure.low_symptom if low else measure.symptom, words, *meant)
                if measure.is_red(value):
                    red.append(vital)
                else:
                    amber.append((name, vital))
        for is_red, vital in self._pressures(words, numbers):
            if is_red:
                red.append(vital)
            else:
                amber.append(("pressure", vital))
        if len({name for name, _ in amber}) > 1:
            red.extend(vital for _, vital in amber)
        return list(dict.fromkeys(red))

    def _places_of_names(self, words: Sequence[Word]) -> dict[str, frozenset[int]]:
        """Where each measure is named: the places of the last words of its names."""
        places: dict[str, set[int]] = {name: set() for name in self._file.measures}
        for place, word in enumerate(words):
            for name, written in self._names.get(word.text, ()):
                if tuple(other.text for other in words[place : place + len(written)]) == written:
                    places[name].add(place + len(written) - 1)
        return {name: frozenset(found) for name, found in places.items()}

    def _meant(
        self,
        measure: Measure,
        names: frozenset[int],
        words: Sequence[Word],
        number: Number,
        counted: frozenset[int],
        others: frozenset[int],
    ) -> tuple[int, int] | None:
        """The words that say that a number is of this measure, the number among them; None where nothing says so.

        Args:
            measure: the vital sign.
            names: where it is named.
            words: the message.
            number: a number in it.
            counted: the places of all numbers.
            others: the places of those numbers that a name behind this one may belong to instead ("pulse 88 sats
                97"); none where no other measure's name stands before this number.
        """
        behind = words[number.last].text if number.last < len(words) else ""
        has_unit = behind in measure.units
        last = number.last + has_unit
        before = words[number.first - 1] if number.first else None
        if before is not None and before.text in measure.names_beside and not self._is_car_t(words, number.first):
            return number.first - 1, last
        place = self._name_of(names, number, counted, others, len(words))
        if measure.unit_needed:
            if not has_unit or not names:
                return None
            place = min(names) if place is None else place
        if place is not None:
            return min(place, number.first), max(place + 1, last)
        if has_unit and number.certain:
            return number.first, last
        attached = before is not None and before.text.isalpha() and not words[number.first].before
        if attached or not number.certain or self._is_something_else(words, number, behind):
            return None
        if before is not None and before.text in measure.verbs:
            return number.first - 1, last
        value = number.value
        alone = measure.decimal_alone and number.decimal
        return (number.first, last) if alone and (value >= measure.alone_from or value < measure.alone_under) else None

    @staticmethod
    def _is_car_t(words: Sequence[Word], place: int) -> bool:
        return place > 1 and words[place - 2].text == "car"

    def _is_something_else(self, words: Sequence[Word], number: Number, behind: str) -> bool:
        sign = words[number.first].before.strip()[-1:]
        before = words[number.first - 1].text if number.first else ""
        excluded = self._file.not_vitals_before
        # "at 39.2" is a value: `at` speaks of a price or a time only where no decimal follows.
        spoken_for = before in excluded and not (before == "at" and number.decimal)
        return spoken_for or sign in excluded or behind in self._file.not_vitals_behind

    @classmethod
    def _name_of(
        cls, names: frozenset[int], number: Number, counted: frozenset[int], others: frozenset[int], end: int
    ) -> int | None:
        """Where a name stands: before the number with no other value between, or directly behind it."""
        place = cls._name_before(names, number, counted)
        if place is not None:
            return place
        for place in range(number.last, min(number.last + NAME_BEHIND, end)):
            if place in names:
                taken = any(after in others for after in range(place + 1, place + NAME_BEHIND + 1))
                return None if taken else place
        return None

    @staticmethod
    def _name_before(names: frozenset[int], number: Number, counted: frozenset[int]) -> int | None:
        for place in range(number.first - 1, max(number.first - NAME_BEFORE - 2, -1), -1):
            if place in names:
                return place
            if place in counted:
                return None
        return None

    def _pressures(self, words: Sequence[Word], numbers: Sequence[Number]) -> Iterable[tuple[bool, Vital]]:
        rule = self._file.pressure
        by_first = {number.first: number for number in numbers if number.certain and not number.decimal}
        for upper in by_first.values():
            joint = upper.last
            if joint >= len(words) or words[joint].text not in rule.joined_by or joint + 1 not in by_first:
                continue
            lower = by_first[joint + 1]
            fits = rule.systolic[0] <= upper.value <= rule.systolic[1] and lower.value < upper.value
            if fits and rule.diastolic[0] <= lower.value <= rule.diastolic[1] and upper.value < rule.amber_under:
                yield upper.value < rule.red_under, _vital(rule.symptom, words, upper.first, lower.last)


def _vital(symptom: str, words: Sequence[Word], first: int, last: int) -> Vital:
    return Vital(symptom, words[first].start, words[last - 1].end)


def _by_first_word(measures: Mapping[str, Measure]) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """The names of all measures as rows of words, each with its measure, by the first word."""
    names: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for measure_name, measure in measures.items():
        for name in measure.names:
            names[name].append((measure_name, (name,)))
        for native in measure.native_names:
            row = tuple(word.text for word in words_of(native))
            names[row[0]].append((measure_name, row))
    return dict(names)
