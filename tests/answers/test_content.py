"""bot.answers.content: the project's answers fit the domain and the reader, and a wrong file is refused whole."""

import json
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from sqlalchemy import func, select

from bot.answers.content import TITLE_MAXIMUM, AnswerContent, Source, answer_name, grade_variant, read_answers_file
from bot.answers.models import AnswerRevision
from bot.answers.questions import is_topic
from bot.answers.reading_grade import reading_grade
from bot.answers.setup import ANSWERS_FILE, load_answers_file, prepare_storage
from bot.data_file import DataFileError
from bot.paths import ROOT
from bot.settings import Settings

CONTENTS = {content.name: content for content in read_answers_file(ANSWERS_FILE)}
WORDS = " ".join(["word"] * 40)
SMALL = f"""\
documents:
  guide: "The guide"
answers:
  - topic: what_is_crs
    title: "What CRS is"
    question: "What is CRS?"
    text: "{WORDS}"
    sources:
      - document: guide
        section: "One"
    related: [crs_grading/grade_2]
    review_by: 2027-05-31
  - topic: crs_grading
    grade: 2
    title: "Grade 2"
    question: "What is grade 2?"
    text: "{WORDS}"
    sources:
      - document: guide
        section: "Two"
    related: [what_is_crs]
    review_by: 2027-05-31
"""
SECOND = SMALL[SMALL.index("  - topic: crs_grading") :]
CONTENT = AnswerContent(
    topic="what_is_crs",
    variant="",
    title="What CRS is",
    question="What is CRS?",
    text=WORDS,
    sources=(Source("The guide", "One"),),
    related=("crs_grading/grade_2",),
    review_by=date(2027, 5, 31),
)

REFUSED = [
    (WORDS, WORDS[5:], 7, "answers[0].text: has 39 words; it needs 40 to 180"),
    (
        WORDS,
        f"{WORDS} " * 4 + "and 20 more" + " word" * 18,
        7,
        "answers[0].text: has 181 words; it needs 40 to 180",
    ),
    ("topic: what_is_crs", "topic: What is CRS", 4, "answers[0].topic: string does not match"),
    (SECOND, SECOND * 2, 23, "answers[2]: the answer 'crs_grading/grade_2' stands twice"),
    ("grade: 2", "grade: 5", 14, "answers[1].grade: ensure this value is less than or equal to 4"),
    ("grade: 2", "grade: 0", 14, "answers[1].grade: ensure this value is greater than or equal to 1"),
    ("grade: 2", "grade: two", 14, "answers[1].grade: value is not a valid integer"),
    ("What CRS is", "x" * 41, 5, "answers[0].title: ensure this value has at most 40 characters"),
    ("What CRS is", "", 5, "answers[0].title: ensure this value has at least 1 characters"),
    ("What is CRS?", "", 6, "answers[0].question: ensure this value has at least 1 characters"),
    ("document: guide", "document: guid", 9, "answers[0].sources[0].document: 'guid' is not in 'documents'"),
    ('section: "One"', 'section: ""', 10, "answers[0].sources[0].section: ensure this value has at least 1"),
    ("[crs_grading/grade_2]", "[crs_grading]", 11, "answers[0].related[0]: 'crs_grading' is no other answer"),
    ("[crs_grading/grade_2]", "[what_is_crs]", 11, "answers[0].related[0]: 'what_is_crs' is no other answer"),
    ("[crs_grading/grade_2]", "[]", 11, "answers[0].related: ensure this value has at least 1 items"),
    ("2027-05-31", "2027-05-32", 12, "answers[0].review_by: must be a day such as 2027-05-31"),
    ("2027-05-31", "20270531", 12, "answers[0].review_by: must be a day such as 2027-05-31"),
    ("    title:", "    titel: x\n    title:", 5, "answers[0].titel: extra fields not permitted"),
    ('    question: "What is CRS?"\n', "", 4, "answers[0].question: field required"),
    ("answers:", "answers:\nanswers:", 4, "the key 'answers' stands twice"),
]


def test_every_topic_of_the_domain_has_an_answer_and_the_other_way_round() -> None:
    intents = yaml.safe_load((ROOT / "domain.yml").read_text("utf-8"))["intents"]

    assert {content.topic for content in CONTENTS.values()} == {intent for intent in intents if is_topic(intent)}


def test_every_topic_has_an_answer_without_a_variant() -> None:
    assert {content.topic for content in CONTENTS.values()} == {name for name in CONTENTS if "/" not in name}


def test_the_four_grades_have_an_answer_each() -> None:
    variants = [name for name in CONTENTS if "/" in name]

    assert variants == [f"crs_grading/grade_{grade}" for grade in (1, 2, 3, 4)]


def test_no_two_answers_look_the_same() -> None:
    for field in ("title", "question", "text"):
        values = [getattr(content, field) for content in CONTENTS.values()]
        assert len(set(values)) == len(values), field


@pytest.mark.parametrize("name", CONTENTS)
def test_an_answer_of_the_project(name: str) -> None:
    content = CONTENTS[name]
    lines = content.text.split("\n")

    assert 0 < len(content.title) <= TITLE_MAXIMUM == 40
    assert content.question.endswith("?")
    assert 40 <= len(content.text.split()) <= 180
    assert reading_grade(content.text.replace("*", "")) <= 9
    assert content.sources
    assert content.related
    assert set(content.related) <= set(CONTENTS) - {name}
    assert len(set(content.related)) == len(content.related)
    # Each paragraph and each list item is one line.
    assert [line for before, line in pairwise(lines) if before and line and line[:2] != "- "] == []


def test_a_small_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "answers.yml"
    file.write_text(SMALL)

    first, second = read_answers_file(file)

    assert first == CONTENT
    assert (second.topic, second.variant, second.name) == ("crs_grading", "grade_2", "crs_grading/grade_2")


@pytest.mark.parametrize("words", [40, 180])
def test_the_shortest_and_the_longest_text(tmp_path: Path, words: int) -> None:
    file = tmp_path / "answers.yml"
    file.write_text(SMALL.replace(WORDS, " ".join(["word"] * words)))

    assert {len(content.text.split()) for content in read_answers_file(file)} == {words}


@pytest.mark.parametrize(("old", "new", "line", "fault"), REFUSED, ids=[row[-1] for row in REFUSED])
def test_a_wrong_file_is_refused_by_line_and_key_and_nothing_is_loaded(
    tmp_path: Path, settings: Settings, old: str, new: str, line: int, fault: str
) -> None:
    file, sessions = tmp_path / "answers.yml", prepare_storage(settings)
    file.write_text(SMALL.replace(old, new, 1))

    with pytest.raises(DataFileError) as refused:
        load_answers_file(sessions, file)

    assert str(refused.value).startswith(f"{file}, line {line}: {fault}")
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(AnswerRevision)) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"topic": "crs_symptoms"},
        {"variant": "grade_1"},
        {"title": "CRS"},
        {"question": "CRS?"},
        {"text": f"{WORDS}."},
        {"sources": (Source("The guide", "Two"),)},
        {"sources": (Source("Another guide", "One"),)},
        {"related": ("crs_symptoms",)},
        {"review_by": date(2027, 6, 1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_change_changes_the_digest(change: dict[str, object]) -> None:
    assert replace(CONTENT, **change).digest != CONTENT.digest
    assert replace(CONTENT).digest == CONTENT.digest


def test_a_content_as_plain_values() -> None:
    assert json.loads(json.dumps(CONTENT.as_dict())) == {
        "topic": "what_is_crs",
        "variant": "",
        "title": "What CRS is",
        "question": "What is CRS?",
        "text": WORDS,
        "sources": [{"document": "The guide", "section": "One"}],
        "related": ["crs_grading/grade_2"],
        "review_by": "2027-05-31",
    }


def test_names() -> None:
    assert answer_name("crs_duration", "") == "crs_duration"
    assert answer_name("crs_grading", grade_variant(3)) == "crs_grading/grade_3"
