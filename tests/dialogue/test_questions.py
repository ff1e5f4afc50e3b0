"""bot.dialogue.questions: where one question of a message ends and the next begins."""

from pathlib import Path

import pytest
import yaml

from bot.data_file import DataFileError
from bot.dialogue.questions import FILE, QuestionReader

ASKS, TELLS = True, False


@pytest.fixture(scope="module")
def reader() -> QuestionReader:
    return QuestionReader()


def pieces(reader: QuestionReader, text: str) -> list[tuple[str, bool]]:
    """The pieces without the commas between them."""
    return [(piece.text.strip(" ,"), piece.asks) for piece in reader.pieces(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n ", []),
        ("What is CRS?", [("What is CRS?", ASKS)]),
        ("the nurse is kind", [("the nurse is kind", TELLS)]),
        # sentence ends
        ("What is CRS? How long does it last?", [("What is CRS?", ASKS), ("How long does it last?", ASKS)]),
        ("What is CRS;how is it graded", [("What is CRS;how is it graded", ASKS)]),
        ("What is CRS; how is it graded", [("What is CRS;", ASKS), ("how is it graded", ASKS)]),
        ("Is it dangerous… what do they do", [("Is it dangerous…", ASKS), ("what do they do", ASKS)]),
        ("How long is it??? What does it cost!!", [("How long is it???", ASKS), ("What does it cost!!", ASKS)]),
        (
            "We are in Mumbai.\nWhat does it cost\n\nhow long do we stay",
            [("We are in Mumbai.", TELLS), ("What does it cost", ASKS), ("how long do we stay", ASKS)],
        ),
        ("Dr. Li said CRS. What is it?", [("Dr. Li said CRS.", TELLS), ("What is it?", ASKS)]),
        # words between two questions
        ("What is CRS, and how long does it last?", [("What is CRS", ASKS), ("and how long does it last?", ASKS)]),
        (
            "what is crs and when does it start and how long does it last",
            [("what is crs", ASKS), ("and when does it start", ASKS), ("and how long does it last", ASKS)],
        ),
        (
            "how long is the stay, what does it cost, who pays for that",
            [("how long is the stay", ASKS), ("what does it cost", ASKS), ("who pays for that", ASKS)],
        ),
        ("does it hurt or is it mild", [("does it hurt", ASKS), ("or is it mild", ASKS)]),
        ("is it mild, and by how much", [("is it mild", ASKS), ("and by how much", ASKS)]),
        ("how long is it btw does everyone get it", [("how long is it", ASKS), ("btw does everyone get it", ASKS)]),
        ("what is crs by the way can he go home", [("what is crs", ASKS), ("by the way can he go home", ASKS)]),
        ("BY THE WAY what is crs", [("BY THE WAY what is crs", ASKS)]),
        # no end: nothing was asked before, or no question follows
        ("he is well and has eaten", [("he is well and has eaten", TELLS)]),
        ("bread and butter, and jam", [("bread and butter, and jam", TELLS)]),
        ("What is CRS, grade 3?", [("What is CRS, grade 3?", ASKS)]),
        ("what are fever, chills and rash", [("what are fever, chills and rash", ASKS)]),
        # fewer than three words belong to the neighbour
        ("Thanks! What is CRS?", [("Thanks! What is CRS?", ASKS)]),
        ("What is CRS?? When???", [("What is CRS?? When???", ASKS)]),
        ("And then? What is CRS?", [("And then? What is CRS?", ASKS)]),
    ],
)  # fmt: skip
def test_pieces(reader: QuestionReader, text: str, expected: list[tuple[str, bool]]) -> None:
    assert pieces(reader, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("IL-6?", "is he allowed visitors", "can he go home", "plz explain grades", "tell me about steroids"),
        *("and could it come back", "I wonder about steroids", "toci vs steroids", "WHAT IS CRS", "whats crs"),
    ],
)
def test_form_of_a_question(reader: QuestionReader, text: str) -> None:
    assert [piece.asks for piece in reader.pieces(text)] == [True]


@pytest.mark.parametrize(
    "text",
    ["My dad had CAR-T last week", "he is better today", "thank you so much", "The doctor said it will pass", "😟"],
)
def test_form_of_a_story(reader: QuestionReader, text: str) -> None:
    assert [piece.asks for piece in reader.pieces(text)] == [False]


@pytest.mark.parametrize(
    "text",
    [
        "Hi! Dad (62) had CAR-T on 3/5; fever 38.4 °C… what now?? and, by the way, who pays?\nThanks 🙏",
        "what is crs " + "(" * 300 + " and how long does it last? " + "?!" * 100,
        "a? " * 500,
    ],
)
def test_no_word_is_lost(reader: QuestionReader, text: str) -> None:
    assert "".join("".join(piece.text for piece in reader.pieces(text)).split()) == "".join(text.split())


def test_words_come_from_the_file(tmp_path: Path) -> None:
    words = {
        **yaml.safe_load(FILE.read_text(encoding="utf-8")),
        "joiners": [["next", "up"]],
        "question_words": ["quoi"],
    }
    path = tmp_path / "questions.yml"
    path.write_text(yaml.safe_dump(words))
    assert pieces(QuestionReader(path), "ça alors c'est quoi next up the bill by the way") == [
        ("ça alors c'est quoi", ASKS),
        ("next up the bill by the way", TELLS),
    ]


def test_wrong_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "questions.yml"
    path.write_text(FILE.read_text(encoding="utf-8").replace("\njoiners:", "\njoinres:"))
    with pytest.raises(DataFileError, match=r"questions\.yml, line \d+: .*joi"):
        QuestionReader(path)
