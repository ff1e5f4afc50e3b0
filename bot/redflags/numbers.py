"""Numbers in a message: digits in any script, "38,5", "38 5", and spelt out ("thirty nine point two", "one oh two")."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.data_file import Entry
from bot.redflags.reading import Word

DIGITS_MAXIMUM = 3  # of the part before the decimals; a longer number measures nothing about a patient
DECIMALS_MAXIMUM = 2
_DECIMAL_SIGNS = frozenset({".", ",", "·", "-", "°", "٫", "،", ":"})
_RANGE_SIGN = "-"  # "120-130" is a range, and "38-5" a decimal


class NumberWords(Entry):
    """The words that numbers are spelt with."""

    units: dict[str, int]
    heard_only_after_tens: frozenset[str]
    teens: dict[str, int]
    tens: dict[str, int]
    hundred: frozenset[str]
    point: frozenset[str]
    joiner: frozenset[str]
    chinese: dict[str, str]


@dataclass(frozen=True)
class Number:
    """A number and the words that it is written with: those from `first` up to `last`, the last not included."""

    value: float
    first: int
    last: int
    decimal: bool  # written with a decimal
    certain: bool = True  # not only read together from two numbers that stand side by side ("38 5")


def numbers_of(words: Sequence[Word], spelt: NumberWords) -> list[Number]:
    """Every number in a message, each in every way in which it can be read."""
    found: list[Number] = []
    position = 0
    while position < len(words):
        readings = _digits(words, position) or _spelt_out(words, position, spelt) or _chinese(words, position, spelt)
        found.extend(readings)
        position = max((number.last for number in readings), default=position + 1)
    return found


def _digits(words: Sequence[Word], position: int) -> list[Number]:
    word = words[position]
    if not word.text.isdecimal():
        return []
    if len(word.text) > DIGITS_MAXIMUM:
        return [Number(float("inf"), position, position + 1, decimal=False)]
    value = float(word.text)
    readings = [Number(value, position, position + 1, decimal=False)]
    following = position + 1
    if following < len(words) and words[following].text == "°":
        following += 1
    if following == len(words) or not words[following].text.isdecimal():
        return readings
    after = words[following]
    between = after.before.strip()
    if len(after.text) <= DECIMALS_MAXIMUM:
        decimal = value + float(after.text) / 10 ** len(after.text)
        signed = following > position + 1 or between in _DECIMAL_SIGNS
        if signed and (not after.before.isspace() or following > position + 1):
            readings = [Number(decimal, position, following + 1, decimal=True)]
        elif not between and len(after.text) == 1:
            readings.append(Number(decimal, position, following + 1, decimal=True, certain=False))
    if between == _RANGE_SIGN and 1 < len(after.text) <= DIGITS_MAXIMUM and len(word.text) > 1:
        readings += [Number(end, position, following + 1, decimal=False) for end in (value, float(after.text))]
    return readings


def _spelt_out(words: Sequence[Word], start: int, spelt: NumberWords) -> list[Number]:
    """ "thirty nine point two", "one oh two point four", "a hundred and two", "eighty eight"."""
    position, value, tens, any_word = start, 0, False, False
    while position < len(words):
        text = words[position].text
        if text in spelt.tens and not tens:
            value, tens = (value * 100 if 0 < value < 10 else value) + spelt.tens[text], True
        elif text in spelt.teens and not tens:
            value, tens = (value * 100 if 0 < value < 10 else value) + spelt.teens[text], True
        elif text in spelt.hundred and position > start:
            value, tens = max(value, 1) * 100, False
        elif text in spelt.units and (tens or value >= 100 or text not in spelt.heard_only_after_tens or value == 1):
            if tens and value % 10:
                break
            digit = spelt.units[text]
            value = value + digit if tens or value >= 100 else value * 10 + digit
            if tens:
                position, any_word = position + 1, True
                break
        elif text in spelt.joiner and value >= 100:
            pass
        elif text == "a" and position + 1 < len(words) and words[position + 1].text in spelt.hundred:
            value = 1
        else:
            break
        any_word = any_word or (text not in spelt.joiner and text != "a")
        position += 1
        if value > 999:
            break
    if not any_word:
        return []
    whole = Number(float(value), start, position, decimal=False)
    return _with_decimals(words, whole, spelt)


def _with_decimals(words: Sequence[Word], whole: Number, spelt: NumberWords) -> list[Number]:
    position = whole.last
    pointed = position < len(words) and words[position].text in spelt.point
    if pointed:
        position += 1
    digit = None
    if position < len(words):
        text = words[position].text
        digit = spelt.units.get(text, int(text) if text.isdecimal() and len(text) == 1 else None)
        if not pointed and text in spelt.heard_only_after_tens:
            digit = None
    if digit is None:
        return [whole]
    decimal = Number(whole.value + digit / 10, whole.first, position + 1, decimal=True, certain=pointed)
    return [decimal] if pointed else [whole, decimal]


def _chinese(words: Sequence[Word], start: int, spelt: NumberWords) -> list[Number]:
    """ "三十九度" and "三十八点五": one character is one word."""
    position, value, digit, point = start, 0.0, 0, False
    while position < len(words) and words[position].text in spelt.chinese:
        sign = spelt.chinese[words[position].text]
        if sign == "point":
            point, value, digit = True, value + digit, 0
        elif point:
            value += int(sign) / 10
            position += 1
            break
        elif int(sign) >= 10:
            value, digit = value + max(digit, 1) * int(sign), 0
        else:
            digit = int(sign)
        position += 1
    if position == start:
        return []
    return [Number(value + digit, start, position, decimal=point)]
