"""What an answer says: the schema of data/answers.yml, and the values that travel through the service."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import Field, root_validator, validator

from bot.data_file import Entry, fault_at, load_data_file

TITLE_MAXIMUM = 40  # characters; longer ones are cut on a messenger's button
WORDS_MINIMUM, WORDS_MAXIMUM = 40, 180


@dataclass(frozen=True)
class Source:
    """Where the facts of an answer come from."""

    document: str
    section: str


@dataclass(frozen=True)
class AnswerContent:
    """One wording of an answer; everything of it that a family can see."""

    topic: str
    variant: str
    title: str
    question: str
    text: str
    sources: tuple[Source, ...]
    related: tuple[str, ...]  # names of answers
    review_by: date

    @property
    def name(self) -> str:
        """How people and buttons name this answer."""
        return answer_name(self.topic, self.variant)

    @property
    def digest(self) -> str:
        """A fingerprint of everything in it: the same content has the same digest."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def as_dict(self) -> dict[str, object]:
        """The content as plain values, as `bot answers export` prints it."""
        return {
            "topic": self.topic,
            "variant": self.variant,
            "title": self.title,
            "question": self.question,
            "text": self.text,
            "sources": [{"document": source.document, "section": source.section} for source in self.sources],
            "related": list(self.related),
            "review_by": self.review_by.isoformat(),
        }


def day(value: str) -> date:
    """A day from how it is written.

    Raises:
        ValueError: it is no day; says how one is written.
    """
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError("must be a day such as 2027-05-31") from error


def text_of_readable_length(value: str) -> str:
    """A text without space around it.

    Raises:
        ValueError: it is too short or too long.
    """
    words = len(value.split())
    if not WORDS_MINIMUM <= words <= WORDS_MAXIMUM:
        raise ValueError(f"has {words} words; it needs {WORDS_MINIMUM} to {WORDS_MAXIMUM}")
    return value.strip()


class _SourceEntry(Entry):
    document: str
    section: str = Field(min_length=1)


class _AnswerEntry(Entry):
    topic: str = Field(regex=r"^[a-z][a-z0-9_]*$")
    grade: int | None = Field(None, ge=1, le=4)
    title: str = Field(min_length=1, max_length=TITLE_MAXIMUM)
    question: str = Field(min_length=1)
    text: str
    sources: list[_SourceEntry] = Field(min_items=1)
    related: list[str] = Field(min_items=1)
    review_by: date

    @property
    def variant(self) -> str:
        return "" if self.grade is None else grade_variant(self.grade)

    @property
    def name(self) -> str:
        return answer_name(self.topic, self.variant)

    @validator("review_by", pre=True)
    def _is_a_day(cls, value: object) -> date:
        return day(str(value))

    @validator("text")
    def _has_a_readable_length(cls, value: str) -> str:
        return text_of_readable_length(value)


class _AnswersFile(Entry):
    documents: dict[str, str]
    answers: list[_AnswerEntry]

    @root_validator(skip_on_failure=True)
    def _hangs_together(cls, values: dict[str, object]) -> dict[str, object]:
        documents, answers = values["documents"], values["answers"]
        assert isinstance(documents, dict)
        assert isinstance(answers, list)
        names = {entry.name for entry in answers}
        seen = set()
        for number, entry in enumerate(answers):
            if entry.name in seen:
                raise fault_at(f"the answer '{entry.name}' stands twice", "answers", number)
            seen.add(entry.name)
            for position, related in enumerate(entry.related):
                if related not in names or related == entry.name:
                    raise fault_at(f"'{related}' is no other answer", "answers", number, "related", position)
            for position, source in enumerate(entry.sources):
                if source.document not in documents:
                    place = ("answers", number, "sources", position, "document")
                    raise fault_at(f"'{source.document}' is not in 'documents'", *place)
        return values


def read_answers_file(path: Path) -> list[AnswerContent]:
    """Read a file of answers whole, or refuse it whole.

    Raises:
        DataFileError: names the file, the line, the key and the fault.
    """
    file = load_data_file(path, _AnswersFile)
    return [
        AnswerContent(
            topic=entry.topic,
            variant=entry.variant,
            title=entry.title,
            question=entry.question,
            text=entry.text,
            sources=tuple(Source(file.documents[source.document], source.section) for source in entry.sources),
            related=tuple(entry.related),
            review_by=entry.review_by,
        )
        for entry in file.answers
    ]


def answer_name(topic: str, variant: str) -> str:
    """The name of an answer: its topic, and a variant behind a slash."""
    return f"{topic}/{variant}" if variant else topic


def grade_variant(grade: int) -> str:
    """The variant of a topic that speaks of one CRS grade."""
    return f"grade_{grade}"
