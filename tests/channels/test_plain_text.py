"""bot.channels.plain_text: our marks as a messenger shows them, and long texts in parts that end well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.answers.content import read_answers_file
from bot.answers.setup import ANSWERS_FILE
from bot.channels.plain_text import PART_MAXIMUM, as_messages, parts_of, plain_text

MARKS = [
    ("Call **120** or **999**.", "Call *120* or *999*."),
    ("- one\n- two\n\nEnd", "• one\n• two\n\nEnd"),
    ("* one", "• one"),
    ("1. first\n2. second", "1. first\n2. second"),
    ("See [the guide](https://guide.example/crs).", "See the guide (https://guide.example/crs)."),
    ("[https://a.example](https://a.example)", "https://a.example"),
    ("**[Ask us](tel:+4420)** now", "*Ask us (tel:+4420)* now"),
    ("2 * 3 and a-b", "2 * 3 and a-b"),
    ("**not closed", "**not closed"),
    ("  around  ", "around"),
    ("", ""),
]

PARTS = [
    ("one\n\ntwo\n\nthree", 10, ["one\n\ntwo", "three"]),  # between paragraphs
    ("- one\n- two\n- three", 12, ["- one\n- two", "- three"]),  # between lines
    ("It is so. It is not. Or is it?", 22, ["It is so. It is not.", "Or is it?"]),  # between sentences
    ("a word and another", 8, ["a word", "and", "another"]),  # between words
    ("unbreakable", 4, ["unbr", "eaka", "ble"]),
    ("one\n\ntwo three", 11, ["one", "two three"]),  # a paragraph's end is better than a later word's
    ("exactly ten", 11, ["exactly ten"]),
    ("", 5, []),
]


@pytest.mark.parametrize(("text", "expected"), MARKS)
def test_marks(text: str, expected: str) -> None:
    assert plain_text(text) == expected


@pytest.mark.parametrize(("text", "maximum", "expected"), PARTS)
def test_a_long_text_is_parted_where_it_reads_best(text: str, maximum: int, expected: list[str]) -> None:
    assert parts_of(text, maximum) == expected


@given(st.text(alphabet="ab .\n!", max_size=200), st.integers(1, 50))
def test_no_part_is_too_long_and_no_word_is_lost(text: str, maximum: int) -> None:
    parts = parts_of(text, maximum)

    assert all(0 < len(part) <= maximum for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_buttons_are_numbered_options_behind_the_text() -> None:
    assert as_messages("**Yes.**", ["What CRS is", "A person"]) == ["*Yes.*\n\n1. What CRS is\n2. A person"]
    assert as_messages("Yes.") == ["Yes."]
    assert as_messages("Yes, it is.", ["What CRS is"], 14) == ["Yes, it is.", "1. What CRS is"]


@pytest.mark.parametrize("content", read_answers_file(ANSWERS_FILE), ids=lambda content: content.name)
def test_every_answer_is_one_message_without_our_marks(content: object) -> None:
    (message,) = as_messages(content.text, content.related)

    assert len(message) <= PART_MAXIMUM
    assert "**" not in message
