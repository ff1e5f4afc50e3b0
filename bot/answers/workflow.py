"""How an answer comes to be published: loaded from the file, or drafted and published; retired when it is replaced."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from bot.answers.content import AnswerContent
from bot.answers.models import DRAFT, PUBLISHED, RETIRED, Answer, AnswerRevision
from bot.errors import UserError
from bot.storage.base import now

FROM_FILE, FROM_CONSOLE = "file", "console"


class WorkflowError(UserError):
    """What was asked cannot be done to that revision; the message says why."""


@dataclass(frozen=True)
class LoadReport:
    """What a load did, by the names of the answers."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]


def load_answers(
    session: Session,
    contents: list[AnswerContent],
    *,
    author: str,
    publish: bool = True,
) -> LoadReport:
    """Store the contents of the file: a changed one becomes a new revision, an unchanged one nothing.

    An answer that was edited here since is left alone until the file itself changes: the comparison is with the last
    revision that came from the file.

    Args:
        session: a session; committed by the caller, so that all or nothing is loaded.
        contents: what the file says.
        author: recorded as who wrote and published it.
        publish: publish at once; otherwise the new revisions are drafts.
    """
    added, changed, unchanged = [], [], []
    for content in contents:
        answer = _find(session, content.topic, content.variant)
        if answer is None:
            answer = Answer(topic=content.topic, variant=content.variant)
            session.add(answer)
            session.flush()
            added.append(content.name)
        else:
            from_file = [revision for revision in answer.revisions if revision.origin == FROM_FILE]
            if from_file and from_file[-1].digest == content.digest:
                unchanged.append(content.name)
                continue
            changed.append(content.name)
        revision = add_draft(session, answer, content, author=author, origin=FROM_FILE)
        if publish:
            publish_revision(session, revision, by=author)
    return LoadReport(tuple(added), tuple(changed), tuple(unchanged))


def add_draft(
    session: Session,
    answer: Answer,
    content: AnswerContent,
    *,
    author: str,
    origin: str,
) -> AnswerRevision:
    """Write a new revision of an answer; it is not yet sent to anyone."""
    values: dict[str, Any] = content.as_dict()
    revision = AnswerRevision(
        answer=answer,
        number=max((revision.number for revision in answer.revisions), default=0) + 1,
        title=content.title,
        question=content.question,
        text=content.text,
        sources=values["sources"],
        related=values["related"],
        review_by=content.review_by,
        digest=content.digest,
        state=DRAFT,
        author=author,
        origin=origin,
    )
    session.add(revision)
    session.flush()
    return revision


def publish_revision(session: Session, revision: AnswerRevision, *, by: str) -> None:
    """Make a revision the one that families get; the one before it is retired.

    What a person wrote, another person publishes. What stands in the file was read before it was put there.

    Raises:
        WorkflowError: the revision is published already, or `by` wrote it.
    """
    if revision.state == PUBLISHED:
        raise WorkflowError(f"revision {revision.number} is published already")
    if revision.origin != FROM_FILE and is_same_person(revision.author, by):
        raise WorkflowError(f"revision {revision.number} was written by {revision.author}: somebody else publishes it")
    for other in revision.answer.revisions:
        if other.state == PUBLISHED:
            retire_revision(session, other, by=by)
    revision.state, revision.published_by, revision.published_at = PUBLISHED, by, now()
    revision.retired_by = revision.retired_at = None
    session.flush()


def retire_revision(session: Session, revision: AnswerRevision, *, by: str) -> None:
    """Take a revision out of use; without another one published, the topic gets the fallback.

    Raises:
        WorkflowError: the revision is retired already.
    """
    if revision.state == RETIRED:
        raise WorkflowError(f"revision {revision.number} is retired already")
    revision.state, revision.retired_by, revision.retired_at = RETIRED, by, now()
    session.flush()


def is_same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, capitals and spaces around them apart."""
    return one.strip().casefold() == other.strip().casefold()


def published_revision(answer: Answer) -> AnswerRevision | None:
    """The revision that families get; None where there is none."""
    return next((revision for revision in answer.revisions if revision.state == PUBLISHED), None)


def find_revision(session: Session, name: str, number: int | None = None) -> AnswerRevision:
    """A revision by the answer's name (`topic` or `topic/variant`); the newest where no number is given.

    Raises:
        WorkflowError: there is no such answer or revision.
    """
    topic, _, variant = name.partition("/")
    answer = _find(session, topic, variant)
    if answer is None or not answer.revisions:
        raise WorkflowError(f"there is no answer '{name}': `bot answers list` shows them")
    if number is None:
        return answer.revisions[-1]  # type: ignore[no-any-return]
    for revision in answer.revisions:
        if revision.number == number:
            return revision  # type: ignore[no-any-return]
    raise WorkflowError(f"the answer '{name}' has no revision {number}: it has 1 to {answer.revisions[-1].number}")


def find_published(session: Session, name: str) -> AnswerRevision:
    """The published revision of an answer, by its name.

    Raises:
        WorkflowError: there is no such answer, or none of its revisions is published.
    """
    published = published_revision(find_revision(session, name).answer)
    if published is not None:
        return published
    raise WorkflowError(f"no revision of the answer '{name}' is published")


def all_answers(session: Session) -> list[Answer]:
    """Every answer, by name."""
    query = select(Answer).options(selectinload(Answer.revisions)).order_by(Answer.topic, Answer.variant)
    return list(session.scalars(query))


def _find(session: Session, topic: str, variant: str) -> Answer | None:
    query = select(Answer).where(Answer.topic == topic, Answer.variant == variant)
    return session.scalars(query).one_or_none()  # type: ignore[no-any-return]
