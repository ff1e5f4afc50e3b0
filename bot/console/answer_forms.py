"""The form of a new wording: what it holds when it is opened, and what comes back."""

from typing import TypeVar

from bot.answers.drafts import Fields
from bot.console.forms import Form

Value = TypeVar("Value")

SOURCES, RELATED = 5, 3  # rows that a form has at least
SPARE_SOURCES = 2  # empty rows behind those of the revision it begins with


def padded(fields: Fields) -> Fields:
    """The fields with empty rows to fill in."""
    sources = _padded(fields.sources, ("", ""), max(SOURCES, len(fields.sources) + SPARE_SOURCES))
    related = _padded(fields.related, "", max(RELATED, len(fields.related)))
    return Fields(fields.title, fields.question, fields.text, sources, related, fields.review_by)


def fields_of(form: Form) -> Fields:
    """What was typed, just as it was; rows are told apart by their order."""
    documents, sections = form.getlist("document"), form.getlist("section")
    return Fields(
        title=form.get("title", ""),
        question=form.get("question", ""),
        text=form.get("text", ""),
        sources=tuple(zip(documents, sections, strict=False)),
        related=tuple(form.getlist("related")),
        review_by=form.get("review_by", ""),
    )


def _padded(values: tuple[Value, ...], empty: Value, length: int) -> tuple[Value, ...]:
    return (*values, *[empty] * (length - len(values)))
