"""The published answers in memory: served from there, also when the database is gone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, joinedload, sessionmaker

from bot.answers.content import AnswerContent, Source
from bot.answers.models import PUBLISHED, AnswerRevision

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class PublishedAnswer:
    """An answer as families get it."""

    content: AnswerContent
    revision: int


class PublishedAnswers:
    """What may be sent, by topic and variant. Reads are from memory; `refresh` asks the database."""

    def __init__(self, sessions: "sessionmaker[Session]") -> None:
        self._sessions = sessions
        self._answers: dict[tuple[str, str], PublishedAnswer] = {}

    def refresh(self) -> bool:
        """Read the published revisions anew.

        Returns:
            False where the database could not be asked: what was known before stays.
        """
        query = (
            select(AnswerRevision).options(joinedload(AnswerRevision.answer)).where(AnswerRevision.state == PUBLISHED)
        )
        try:
            with self._sessions() as session:
                found = [_published(revision) for revision in session.scalars(query)]
        except SQLAlchemyError as error:
            logger.error("answers.refresh.failed", error=type(error).__name__)
            return False
        self._answers = {(answer.content.topic, answer.content.variant): answer for answer in found}
        return True

    def get(self, topic: str, variant: str = "") -> PublishedAnswer | None:
        """The published answer of a topic; of the topic itself where the variant has none."""
        return self._answers.get((topic, variant)) or self._answers.get((topic, ""))

    def named(self, name: str) -> PublishedAnswer | None:
        """The published answer of that name; None where there is none, so that no button leads nowhere."""
        topic, _, variant = name.partition("/")
        return self._answers.get((topic, variant))

    def topics(self) -> Iterable[str]:
        """The topics on which something is published."""
        return sorted({topic for topic, _ in self._answers})


def _published(revision: AnswerRevision) -> PublishedAnswer:
    review_by = revision.review_by
    assert isinstance(review_by, date)
    content = AnswerContent(
        topic=revision.answer.topic,
        variant=revision.answer.variant,
        title=revision.title,
        question=revision.question,
        text=revision.text,
        sources=tuple(Source(**source) for source in revision.sources),
        related=tuple(revision.related),
        review_by=review_by,
    )
    return PublishedAnswer(content, revision.number)
