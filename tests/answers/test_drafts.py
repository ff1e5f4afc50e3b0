"""bot.answers.drafts: each field of a new wording is checked, and the message says what to do."""

from dataclasses import replace
from datetime import date

import pytest

from bot.answers.content import Source, read_answers_file
from bot.answers.drafts import DraftRefused, Fields, checked
from bot.answers.setup import ANSWERS_FILE

TODAY = date(2026, 11, 21)
TEXT = "CRS most often lasts about a week. " * 6
FIELDS = Fields(
    title=" How long  CRS lasts ",
    question="How long does CRS last?",
    text=f"{TEXT}\n\n- It can be shorter.  \n- It can be longer.\n",
    sources=(("The guide", " FAQ "), ("", ""), ("The guide", "FAQ")),
    related=("what_is_crs", "", "what_is_crs"),
    review_by="2027-05-31",
)
NAMES = ("what_is_crs", "crs_duration", "crs_grading/grade_2")
LONG_WORDS = "Immunological complications necessitate multidisciplinary consideration. " * 8

PROBLEMS = [
    ("title", "  ", "is missing"),
    ("title", "x" * 41, "has 41 characters; 40 at most"),
    ("question", "", "is missing"),
    ("question", "How long.", "must end with a question mark"),
    ("text", "Too short.", "has 2 words; it needs 40 to 180"),
    ("text", "word " * 181, "has 181 words; it needs 40 to 180"),
    ("text", "1 " * 40, "must be written in Latin letters"),
    ("text", LONG_WORDS, "asks for 4"),
    ("text", f"{TEXT}\nand goes on here.", "has a paragraph of several lines"),
    ("sources", (), "name at least one"),
    ("sources", (("Another", "FAQ"),), "choose the document of each source"),
    ("sources", (("", "FAQ"),), "choose the document of each source"),
    ("sources", (("The guide", " "),), "say in which section of the document it stands"),
    ("related", ("",), "choose at least one"),
    ("related", ("crs_length",), "'crs_length' is no other answer"),
    ("related", ("crs_duration",), "'crs_duration' is no other answer"),
    ("review_by", "31.5.2027", "must be a day such as 2027-05-31"),
    ("review_by", "2026-11-21", "must be a day to come"),
]


def read(fields: Fields) -> object:
    return checked("crs_duration", "", fields, documents=["The guide"], names=NAMES, today=TODAY)


def test_what_was_filled_in_becomes_content() -> None:
    content = checked("crs_duration", "", FIELDS, documents=["The guide"], names=NAMES, today=TODAY)

    assert (content.name, content.title, content.question) == (
        "crs_duration",
        "How long CRS lasts",
        "How long does CRS last?",
    )
    assert content.text == f"{TEXT.strip()}\n\n- It can be shorter.\n- It can be longer."
    assert (content.sources, content.related) == ((Source("The guide", "FAQ"),), ("what_is_crs",))
    assert content.review_by == date(2027, 5, 31)


@pytest.mark.parametrize(("field", "value", "problem"), PROBLEMS, ids=[f"{row[0]}: {row[2]}" for row in PROBLEMS])
def test_a_field_that_is_wrong_is_named_alone(field: str, value: object, problem: str) -> None:
    with pytest.raises(DraftRefused) as refused:
        read(replace(FIELDS, **{field: value}))

    assert list(refused.value.problems) == [field]
    assert refused.value.problems[field].startswith(problem)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(DraftRefused) as refused:
        read(Fields("", "", "", (), (), ""))

    assert list(refused.value.problems) == ["title", "question", "text", "sources", "related", "review_by"]


@pytest.mark.parametrize("content", read_answers_file(ANSWERS_FILE), ids=lambda content: content.name)
def test_every_answer_of_the_project_could_be_written_so(content: object) -> None:
    contents = read_answers_file(ANSWERS_FILE)
    documents = {source.document for each in contents for source in each.sources}
    fields = Fields(
        content.title,
        content.question,
        content.text,
        tuple((source.document, source.section) for source in content.sources),
        content.related,
        content.review_by.isoformat(),
    )

    names = [each.name for each in contents]
    assert checked(content.topic, content.variant, fields, documents=documents, names=names, today=TODAY) == content
