"""A new wording as somebody fills it in, checked field by field before it becomes a draft."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TypeVar

from bot.answers.content import TITLE_MAXIMUM, AnswerContent, Source, answer_name, day, text_of_readable_length
from bot.answers.models import AnswerRevision
from bot.answers.reading_grade import reading_grade
from bot.errors import UserError

READING_GRADE_MAXIMUM = 9.0  # years of school
QUESTION_MAXIMUM = 200  # characters
SECTION_MAXIMUM = 200  # characters
_ITEM = re.compile(r"(?:[-*]|\d+[.)])\s")

Value = TypeVar("Value")


@dataclass(frozen=True)
class Fields:
    """What a form holds, as it was typed: pairs of document and section, names of related answers."""

    title: str
    question: str
    text: str
    sources: tuple[tuple[str, str], ...]
    related: tuple[str, ...]
    review_by: str

    @classmethod
    def of(cls, revision: AnswerRevision) -> "Fields":
        """Those that say what a revision says."""
        return cls(
            revision.title,
            revision.question,
            revision.text,
            tuple((source["document"], source["section"]) for source in revision.sources),
            tuple(revision.related),
            revision.review_by.isoformat(),
        )


class DraftRefused(UserError):
    """What was filled in cannot become a draft.

    Args:
        problems: what is wrong with each field, by its name.
    """

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in problems.items()))
        self.problems = problems


def checked(
    topic: str, variant: str, fields: Fields, *, documents: Collection[str], names: Collection[str], today: date
) -> AnswerContent:
    """The content that was filled in.

    Args:
        topic: what the answer is on.
        variant: of the topic.
        fields: as they were typed.
        documents: those that a source may name.
        names: of all answers.
        today: the day.

    Raises:
        DraftRefused: says what is wrong with each field.
    """
    problems: dict[str, str] = {}

    def read(field: str, check: Callable[[], Value], otherwise: Value) -> Value:
        try:
            return check()
        except ValueError as error:
            problems[field] = str(error)
            return otherwise

    own = answer_name(topic, variant)
    content = AnswerContent(
        topic=topic,
        variant=variant,
        title=read("title", lambda: _line(fields.title, TITLE_MAXIMUM), ""),
        question=read("question", lambda: _question(fields.question), ""),
        text=read("text", lambda: _readable(fields.text), ""),
        sources=read("sources", lambda: _sources(fields.sources, documents), ()),
        related=read("related", lambda: _related(fields.related, set(names) - {own}), ()),
        review_by=read("review_by", lambda: _day_ahead(fields.review_by, today), today),
    )
    if problems:
        raise DraftRefused(problems)
    return content


def _line(value: str, maximum: int) -> str:
    value = " ".join(value.split())
    if not value:
        raise ValueError("is missing")
    if len(value) > maximum:
        raise ValueError(f"has {len(value)} characters; {maximum} at most")
    return value


def _question(value: str) -> str:
    value = _line(value, QUESTION_MAXIMUM)
    if not value.endswith("?"):
        raise ValueError("must end with a question mark")
    return value


def _readable(value: str) -> str:
    value = "\n".join(line.rstrip() for line in text_of_readable_length(value).split("\n"))
    for before, line in pairwise(value.split("\n")):
        if before and line and not _ITEM.match(line):
            raise ValueError(
                "has a paragraph of several lines: write each on one line, and leave a line empty between two; "
                f"see “{line[:40]}”"
            )
    if not re.search("[A-Za-z]", value):
        raise ValueError("must be written in Latin letters")
    grade = reading_grade(value.replace("*", ""))
    if grade > READING_GRADE_MAXIMUM:
        raise ValueError(
            f"asks for {grade:.1f} years of school; {READING_GRADE_MAXIMUM:.0f} at most: "
            "use shorter sentences and plainer words"
        )
    return value


def _sources(pairs: tuple[tuple[str, str], ...], documents: Collection[str]) -> tuple[Source, ...]:
    found = []
    for document, section in pairs:
        if not document and not section.strip():
            continue
        if document not in documents:
            raise ValueError("choose the document of each source")
        if not section.strip():
            raise ValueError("say in which section of the document it stands")
        found.append(Source(document, _line(section, SECTION_MAXIMUM)))
    if not found:
        raise ValueError("name at least one")
    return tuple(dict.fromkeys(found))


def _related(chosen: tuple[str, ...], others: Collection[str]) -> tuple[str, ...]:
    related = tuple(dict.fromkeys(name for name in chosen if name))
    if not related:
        raise ValueError("choose at least one")
    for name in related:
        if name not in others:
            raise ValueError(f"'{name}' is no other answer")
    return related


def _day_ahead(value: str, today: date) -> date:
    review_by = day(value.strip())
    if review_by <= today:
        raise ValueError("must be a day to come")
    return review_by
