"""All answers at a glance: what is published, what waits, what a clinician has to read again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from bot.answers.content import answer_name
from bot.answers.models import DRAFT, Answer, AnswerRevision
from bot.answers.workflow import all_answers, published_revision


@dataclass(frozen=True)
class Summary:
    """One answer.

    Args:
        answer_id: of its row.
        name: its topic, and its variant behind a slash.
        title: of the published revision; of the newest one where none is published.
        published: the number of the published revision.
        review_by: the day by which a clinician reads the published revision again.
        is_overdue: whether that day is over.
        drafts: the numbers of the drafts that wait.
    """

    answer_id: int
    name: str
    title: str
    published: int | None
    review_by: date | None
    is_overdue: bool
    drafts: tuple[int, ...]


def summaries(session: Session, today: date) -> list[Summary]:
    """Every answer that has a revision, by name."""
    return [_summary(answer, today) for answer in all_answers(session) if answer.revisions]


def documents(session: Session) -> list[str]:
    """The documents that sources of any answer name."""
    sources = (source for answer in all_answers(session) for each in answer.revisions for source in each.sources)
    return sorted({source["document"] for source in sources})


def is_overdue(revision: AnswerRevision, today: date) -> bool:
    """Whether a clinician should have read a revision again by now."""
    return bool(revision.review_by < today)


def waiting_drafts(revisions: Iterable[AnswerRevision]) -> list[AnswerRevision]:
    """The drafts that nobody has published or retired yet."""
    return [revision for revision in revisions if revision.state == DRAFT]


def _summary(answer: Answer, today: date) -> Summary:
    published = published_revision(answer)
    return Summary(
        answer_id=answer.id,
        name=answer_name(answer.topic, answer.variant),
        title=(published or answer.revisions[-1]).title,
        published=published.number if published else None,
        review_by=published.review_by if published else None,
        is_overdue=published is not None and is_overdue(published, today),
        drafts=tuple(revision.number for revision in waiting_drafts(answer.revisions)),
    )
