"""bot.console.marking: the words of red flags in a message."""

import pytest

from bot.console.marking import pieces_of
from bot.conversations.models import MessageRedFlag

TITLES = {"fever": "Fever", "chills": "Chills"}
TEXT = "a fever, 发烧 now"


@pytest.mark.parametrize(
    ("places", "pieces"),
    [
        ([], [(TEXT, "")]),
        ([("fever", 2, 7)], [("a ", ""), ("fever", "Fever (lexicon)"), (", 发烧 now", "")]),
        ([("fever", 9, 11)], [("a fever, ", ""), ("发烧", "Fever (lexicon)"), (" now", "")]),
        ([("fever", 0, len(TEXT))], [(TEXT, "Fever (lexicon)")]),
        # one inside another, overlapping, and touching
        ([("chills", 2, 5), ("fever", 0, 7)], [("a fever", "Fever (lexicon); Chills (lexicon)"), (", 发烧 now", "")]),
        ([("fever", 0, 4), ("chills", 2, 7)], [("a fever", "Fever (lexicon); Chills (lexicon)"), (", 发烧 now", "")]),
        ([("fever", 0, 2), ("fever", 2, 7)], [("a fever", "Fever (lexicon)"), (", 发烧 now", "")]),
        # of rules that are gone
        ([("old", 0, 1)], [("a", "old (lexicon)"), (TEXT[1:], "")]),
        # places that are none in this text
        ([("fever", None, None), ("fever", -1, 3), ("fever", 3, 3), ("fever", 2, 99)], [(TEXT, "")]),
    ],
)
def test_marks(places: list[tuple[str, int, int]], pieces: list[tuple[str, str]]) -> None:
    flags = [
        MessageRedFlag(symptom=symptom, detector="lexicon", start=start, end=end) for symptom, start, end in places
    ]

    found = pieces_of(TEXT, flags, TITLES)

    assert [(piece.text, piece.label) for piece in found] == pieces
    assert "".join(piece.text for piece in found) == TEXT
