"""Masking: contact data and personal numbers are taken out of what leaves the log. What they look like is data."""

import re
from pathlib import Path

import phonenumbers
from pydantic import validator

from bot.data_file import Entry, load_data_file
from bot.paths import DATA

FILE = DATA / "masking.yml"
PHONE_DIGITS_MINIMUM = 7  # a text with fewer digits holds no phone number
TRIES_MAXIMUM = 200  # looks for a phone number in one text, for each region: a text of numbers alone would take seconds


def _refuse_no_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return pattern


class _Mask(Entry):
    mask: str
    pattern: str

    @validator("pattern")
    def _is_a_pattern(cls, value: str) -> str:
        return _refuse_no_pattern(value)


class _Phones(Entry):
    mask: str
    regions: list[str]

    @validator("regions", each_item=True)
    def _is_known(cls, value: str) -> str:
        if value not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"'{value}' is no country's code")
        return value


class _File(Entry):
    texts: list[_Mask]
    kept: list[str]
    phones: _Phones
    numbers: list[_Mask]

    @validator("kept", each_item=True)
    def _is_a_pattern(cls, value: str) -> str:
        return _refuse_no_pattern(value)


class Masking:
    """Masks texts."""

    def __init__(self, path: Path = FILE) -> None:
        """Read the file.

        Raises:
            DataFileError: the file is wrong.
        """
        file = load_data_file(path, _File)
        self._texts = [(re.compile(entry.pattern), entry.mask) for entry in file.texts]
        self._kept = [re.compile(pattern) for pattern in file.kept]
        self._phones = file.phones
        self._numbers = [(re.compile(entry.pattern), entry.mask) for entry in file.numbers]

    def mask(self, text: str) -> str:
        """The text with masks in place of contact data and personal numbers."""
        text = _replaced(text, self._texts)
        masked, end = "", 0
        for start, kept_end in self._kept_places(text):
            masked += self._without_numbers(text[end:start]) + text[start:kept_end]
            end = kept_end
        return masked + self._without_numbers(text[end:])

    def _kept_places(self, text: str) -> list[tuple[int, int]]:
        """Where dates, doses and the like stand, in order, none within another."""
        places: list[tuple[int, int]] = []
        for start, end in sorted(found.span() for pattern in self._kept for found in pattern.finditer(text)):
            if not places or start >= places[-1][1]:
                places.append((start, end))
        return places

    def _without_numbers(self, piece: str) -> str:
        if sum(character.isdigit() for character in piece) < PHONE_DIGITS_MINIMUM:
            return piece
        for region in self._phones.regions:
            matcher = phonenumbers.PhoneNumberMatcher(piece, region, max_tries=TRIES_MAXIMUM)
            for found in reversed(list(matcher)):
                piece = piece[: found.start] + self._phones.mask + piece[found.end :]
        return _replaced(piece, self._numbers)


def _replaced(text: str, masks: list[tuple[re.Pattern[str], str]]) -> str:
    for pattern, mask in masks:
        text = pattern.sub(mask, text)
    return text
