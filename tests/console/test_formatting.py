"""bot.console.formatting and bot.console.differences: what previews and comparisons of answers are made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console.differences import ADDED, REMOVED, SAME, differences, is_changed
from bot.console.formatting import Span, blocks_of

BLOCKS = [
    ("One.\n\nTwo.", ["p: One.", "p: Two."]),
    ("One\ntwo", ["p: One / two"]),
    ("- one\n- two\nAnd", ["ul: one / two", "p: And"]),
    ("Now:\n- one\n\n- two", ["p: Now:", "ul: one", "ul: two"]),
    ("1. one\n2) two", ["ol: 1 one / 2 two"]),
    ("* one", ["ul: one"]),
    ("", []),
    ("<b>not a mark</b>", ["p: <b>not a mark</b>"]),
]

SPANS = [
    ("a **b** c", [Span("a "), Span("b", strong=True), Span(" c")]),
    ("[t](https://x.example/y)", [Span("t", address="https://x.example/y")]),
    ("see https://x.example/y.", [Span("see "), Span("https://x.example/y", address="https://x.example/y"), Span(".")]),
    ("**[call](tel:999)**", [Span("call", strong=True, address="tel:999")]),
    ("[x](javascript:alert)", [Span("x")]),
    ("[x](JavaScript:alert)", [Span("x")]),
    ("[x](data:text/html,1)", [Span("x")]),
    ("[x](/console/people)", [Span("x")]),
    ("[x](https://[)", [Span("x")]),
    ("2 ** 3", [Span("2 ** 3")]),
]

DIFFERENCES = [
    ("It lasts a week.", "It lasts two weeks.", [(SAME, "It lasts"), (REMOVED, " a week."), (ADDED, " two weeks.")]),
    ("One.", "One.\n\nTwo.", [(SAME, "One."), (ADDED, "\n\nTwo.")]),
    ("One. Two.", "One.", [(SAME, "One."), (REMOVED, " Two.")]),
    ("", "New.", [(ADDED, "New.")]),
    ("Same.", "Same.", [(SAME, "Same.")]),
    ("", "", []),
]


@pytest.mark.parametrize(("text", "expected"), BLOCKS)
def test_blocks(text: str, expected: list[str]) -> None:
    shown = []
    for block in blocks_of(text):
        lines = [f"{line.number} {''.join(span.text for span in line.spans)}".strip() for line in block.lines]
        shown.append(f"{block.tag}: {' / '.join(lines)}")

    assert shown == expected


@pytest.mark.parametrize(("text", "expected"), SPANS)
def test_marks_within_a_line_and_only_safe_links(text: str, expected: list[Span]) -> None:
    ((line,),) = [block.lines for block in blocks_of(text)]

    assert list(line.spans) == expected


@pytest.mark.parametrize(("older", "newer", "expected"), DIFFERENCES)
def test_differences(older: str, newer: str, expected: list[tuple[str, str]]) -> None:
    pieces = differences(older, newer)

    assert [(piece.kind, piece.text) for piece in pieces] == expected
    assert is_changed(pieces) is (older != newer)


@given(st.text(alphabet="ab \n", max_size=60), st.text(alphabet="ab \n", max_size=60))
def test_both_texts_can_be_read_out_of_their_differences(older: str, newer: str) -> None:
    pieces = differences(older, newer)

    assert "".join(piece.text for piece in pieces if piece.kind != ADDED) == older
    assert "".join(piece.text for piece in pieces if piece.kind != REMOVED) == newer
