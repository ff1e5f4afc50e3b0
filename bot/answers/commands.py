"""What `bot answers …` does; each function gives back what is printed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import Session

from bot.answers.content import answer_name
from bot.answers.models import PUBLISHED, WHO_MAXIMUM, AnswerRevision
from bot.answers.setup import ANSWERS_FILE, load_answers_file, prepare_storage
from bot.answers.workflow import (
    WorkflowError,
    all_answers,
    find_published,
    find_revision,
    publish_revision,
    retire_revision,
)
from bot.settings import Settings
from bot.storage.database import database_errors


def load(settings: Settings, file: str | None, *, publish: bool) -> str:
    """Load a file of answers.

    Raises:
        DataFileError: the file is wrong; nothing was loaded.
    """
    report = load_answers_file(prepare_storage(settings), Path(file) if file else ANSWERS_FILE, publish=publish)
    lines = [f"{len(report.added)} new, {len(report.changed)} changed, {len(report.unchanged)} unchanged"]
    return "\n".join([*lines, *(f"  changed: {name}" for name in report.changed)])


@contextmanager
def _session(settings: Settings) -> Iterator[Session]:
    with database_errors(), prepare_storage(settings)() as session:
        yield session


def list_all(settings: Settings) -> str:
    """A line for each answer."""
    with _session(settings) as session:
        return "\n".join(_line(answer.topic, answer.variant, answer.revisions) for answer in all_answers(session))


def _line(topic: str, variant: str, revisions: list[AnswerRevision]) -> str:
    published = next((revision for revision in revisions if revision.state == PUBLISHED), None)
    state = f"revision {published.number} published, review by {published.review_by}" if published else "none published"
    drafts = [str(revision.number) for revision in revisions if revision.state == "draft"]
    return f"{answer_name(topic, variant):32} {state}" + (f", drafts: {', '.join(drafts)}" if drafts else "")


def show(settings: Settings, name: str, number: int | None) -> str:
    """One revision, whole.

    Raises:
        WorkflowError: there is no such revision.
    """
    with _session(settings) as session:
        revision = find_revision(session, name, number)
        sources = "\n".join(f"  {source['document']}: {source['section']}" for source in revision.sources)
        history = f"{revision.state}, written by {revision.author} on {revision.created_at:%Y-%m-%d}"
        return (
            f"{name}, revision {revision.number} ({history})\n{revision.title}: {revision.question}\n\n{revision.text}"
            f"\n\nSources:\n{sources}\nRelated: {', '.join(revision.related)}\nReview by: {revision.review_by}"
        )


def publish(settings: Settings, name: str, number: int | None, *, by: str) -> str:
    """Publish a revision; the newest where no number is given.

    Raises:
        WorkflowError: there is no such revision, it is published already, or `by` wrote it.
    """
    _check_who(by)
    with _session(settings) as session:
        revision = find_revision(session, name, number)
        publish_revision(session, revision, by=by)
        session.commit()
        return f"{name}: revision {revision.number} published"


def retire(settings: Settings, name: str, number: int | None, *, by: str) -> str:
    """Retire a revision; the published one where no number is given.

    Raises:
        WorkflowError: there is no such revision, or it is retired already.
    """
    _check_who(by)
    with _session(settings) as session:
        revision = find_published(session, name) if number is None else find_revision(session, name, number)
        retire_revision(session, revision, by=by)
        session.commit()
        return f"{name}: revision {revision.number} retired"


def _check_who(by: str) -> None:
    if not by.strip():
        raise WorkflowError("--by must say who")
    if len(by) > WHO_MAXIMUM:
        raise WorkflowError(f"--by has {len(by)} characters; {WHO_MAXIMUM} at most")


def export(settings: Settings) -> Iterator[str]:
    """Every revision as a line of JSON."""
    with _session(settings) as session:
        for answer in all_answers(session):
            for revision in answer.revisions:
                yield json.dumps(_exported(revision), ensure_ascii=False)


def _exported(revision: AnswerRevision) -> dict[str, object]:
    moments = {name: getattr(revision, name) for name in ("created_at", "published_at", "retired_at")}
    return {
        "answer": answer_name(revision.answer.topic, revision.answer.variant),
        "revision": revision.number,
        "state": revision.state,
        "title": revision.title,
        "question": revision.question,
        "text": revision.text,
        "sources": revision.sources,
        "related": revision.related,
        "review_by": revision.review_by.isoformat(),
        "author": revision.author,
        "published_by": revision.published_by,
        "retired_by": revision.retired_by,
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }
