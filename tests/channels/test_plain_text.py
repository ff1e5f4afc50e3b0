"""bot.channels.plain_text: our marks as a messenger shows them, and long texts in parts that end well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.plain_text import MARKS, length, marked, numbered, parts_of

SHOWN = [
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

# The same text in each channel's marks; where a channel takes signs for its own, they are escaped.
IN_EACH = [
    (
        '**Call** [us](https://ward.example/?a=1&b=2) if <39 & "ill"',
        {
            "star": '*Call* us (https://ward.example/?a=1&b=2) if <39 & "ill"',
            "none": 'Call us (https://ward.example/?a=1&b=2) if <39 & "ill"',
            "slack": '*Call* <https://ward.example/?a=1&amp;b=2|us> if &lt;39 &amp; "ill"',
            "html": '<b>Call</b> <a href="https://ward.example/?a=1&amp;b=2">us</a> if &lt;39 &amp; &quot;ill&quot;',
        },
    ),
    (
        '[x](https://a.example/"onclick="b)',
        {
            "star": 'x (https://a.example/"onclick="b)',
            "none": 'x (https://a.example/"onclick="b)',
            "slack": '<https://a.example/"onclick="b|x>',
            "html": '<a href="https://a.example/&quot;onclick=&quot;b">x</a>',
        },
    ),
    ("- one\n* two", dict.fromkeys(MARKS, "• one\n• two")),
    (
        "<!channel> <b>",
        {"star": "<!channel> <b>", "slack": "&lt;!channel&gt; &lt;b&gt;", "html": "&lt;!channel&gt; &lt;b&gt;"},
    ),
    ("", dict.fromkeys(MARKS, "")),
]
CASES = [(text, marks, expected) for text, shown in IN_EACH for marks, expected in shown.items()]

PARTS = [
    ("one\n\ntwo\n\nthree", 10, ["one\n\ntwo", "three"]),  # between paragraphs
    ("- one\n- two\n- three", 12, ["- one\n- two", "- three"]),  # between lines
    ("It is so. It is not. Or is it?", 22, ["It is so. It is not.", "Or is it?"]),  # between sentences
    ("a word and another", 8, ["a word", "and", "another"]),  # between words
    ("unbreakable", 4, ["unbr", "eaka", "ble"]),
    ("one\n\ntwo three", 11, ["one", "two three"]),  # a paragraph's end is better than a later word's
    ("exactly ten", 11, ["exactly ten"]),
    ("", 5, []),
    ("🆘🆘🆘", 4, ["🆘🆘", "🆘"]),  # an emoji counts twice, and is not cut
    ("🆘 🆘🆘", 4, ["🆘", "🆘🆘"]),
    ("发烧了。 现在很冷。", 7, ["发烧了。", "现在很冷。"]),
]


@pytest.mark.parametrize(("text", "expected"), SHOWN)
def test_marks(text: str, expected: str) -> None:
    assert marked(text) == expected


@pytest.mark.parametrize(("text", "marks", "expected"), CASES)
def test_each_channels_marks(text: str, marks: str, expected: str) -> None:
    assert marked(text, marks) == expected


def test_options_are_numbered() -> None:
    assert numbered(["What CRS is", "A person"]) == "1. What CRS is\n2. A person"
    assert numbered([]) == ""


@pytest.mark.parametrize(
    ("text", "units"), [("", 0), ("a word", 6), ("née", 3), ("发烧", 2), ("🆘!", 3), ("\ud800", 1)]
)
def test_a_length_is_counted_in_utf_16_units(text: str, units: int) -> None:
    assert length(text) == units


@pytest.mark.parametrize(("text", "maximum", "expected"), PARTS)
def test_a_long_text_is_parted_where_it_reads_best(text: str, maximum: int, expected: list[str]) -> None:
    assert parts_of(text, maximum) == expected


@given(st.text(alphabet="ab .\n!。🆘é", max_size=200), st.integers(2, 50))
def test_no_part_is_too_long_and_no_word_is_lost(text: str, maximum: int) -> None:
    parts = parts_of(text, maximum)

    assert all(0 < length(part) <= maximum for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
