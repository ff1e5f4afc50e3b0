"""bot.answers.workflow: how an answer comes to be published, and what the database itself refuses."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest
from databases import other_tool
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.content import AnswerContent, Source
from bot.answers.models import DRAFT, PUBLISHED, RETIRED, Answer, AnswerRevision
from bot.answers.setup import prepare_storage
from bot.answers.workflow import (
    FROM_CONSOLE,
    LoadReport,
    WorkflowError,
    add_draft,
    all_answers,
    find_revision,
    load_answers,
    publish_revision,
    published_revision,
    retire_revision,
)
from bot.settings import Settings

REFUSAL = "a revision of an answer never changes"


def content(topic: str = "crs_duration", **values: object) -> AnswerContent:
    made = AnswerContent(
        topic=topic,
        variant="",
        title=f"Title of {topic}",
        question="How long?",
        text="About a week.",
        sources=(Source("Guide", "Section"),),
        related=("what_is_crs",),
        review_by=date(2027, 5, 31),
    )
    return replace(made, **values)


@pytest.fixture
def empty(database_settings: Settings) -> "sessionmaker[Session]":
    return prepare_storage(database_settings)


@pytest.fixture
def session(empty: "sessionmaker[Session]") -> Iterator[Session]:
    """A session on a database with one answer loaded and published."""
    with empty() as session:
        load_answers(session, [content()], author="file")
        session.commit()
        yield session


def states(session: Session, name: str = "crs_duration") -> list[tuple[int, str, str]]:
    session.expire_all()
    return [(r.number, r.state, r.text) for r in find_revision(session, name).answer.revisions]


def test_the_first_load_publishes_revision_one(session: Session) -> None:
    revision = find_revision(session, "crs_duration")

    assert states(session) == [(1, PUBLISHED, "About a week.")]
    assert (revision.author, revision.published_by, revision.origin) == ("file", "file", "file")
    assert revision.published_at is not None
    assert revision.sources == [{"document": "Guide", "section": "Section"}]
    assert (revision.related, revision.review_by) == (["what_is_crs"], date(2027, 5, 31))
    assert revision.digest == content().digest


def test_the_same_file_again_changes_nothing(session: Session) -> None:
    report = load_answers(session, [content()], author="file")

    assert report == LoadReport(added=(), changed=(), unchanged=("crs_duration",))
    assert states(session) == [(1, PUBLISHED, "About a week.")]


def test_a_changed_text_becomes_a_new_revision_and_retires_the_old_one(session: Session) -> None:
    grade = content("crs_grading", variant="grade_2")

    report = load_answers(session, [content(text="Two weeks."), grade], author="second load")

    assert report == LoadReport(added=("crs_grading/grade_2",), changed=("crs_duration",), unchanged=())
    assert states(session) == [(1, RETIRED, "About a week."), (2, PUBLISHED, "Two weeks.")]
    old = find_revision(session, "crs_duration", 1)
    assert (old.retired_by, old.published_by) == ("second load", "file")
    assert old.retired_at >= old.published_at


def test_going_back_in_the_file_is_a_new_revision_too(session: Session) -> None:
    load_answers(session, [content(text="Two weeks.")], author="file")
    load_answers(session, [content()], author="file")

    assert [(number, state) for number, state, _ in states(session)] == [(1, RETIRED), (2, RETIRED), (3, PUBLISHED)]
    assert find_revision(session, "crs_duration").text == "About a week."


def test_an_answer_edited_elsewhere_is_left_alone_until_the_file_changes(session: Session) -> None:
    answer = find_revision(session, "crs_duration").answer
    edited = add_draft(session, answer, content(text="Edited."), author="navigator", origin="console")
    publish_revision(session, edited, by="clinician")

    report = load_answers(session, [content()], author="file")

    assert report.unchanged == ("crs_duration",)
    assert states(session) == [(1, RETIRED, "About a week."), (2, PUBLISHED, "Edited.")]

    load_answers(session, [content(text="Two weeks.")], author="file")

    assert states(session)[1:] == [(2, RETIRED, "Edited."), (3, PUBLISHED, "Two weeks.")]


def test_a_load_as_drafts_publishes_nothing(session: Session) -> None:
    contents = [content(text="Two weeks."), content("crs_symptoms")]

    load_answers(session, contents, author="file", publish=False)
    load_answers(session, contents, author="file", publish=False)

    assert states(session) == [(1, PUBLISHED, "About a week."), (2, DRAFT, "Two weeks.")]
    assert states(session, "crs_symptoms") == [(1, DRAFT, "About a week.")]


def test_a_load_that_is_not_committed_leaves_nothing(empty: "sessionmaker[Session]") -> None:
    with empty() as session:
        load_answers(session, [content()], author="file")

    with empty() as session:
        assert all_answers(session) == []


def test_a_draft_is_published_and_the_one_before_retired(session: Session) -> None:
    answer = find_revision(session, "crs_duration").answer
    draft = add_draft(session, answer, content(text="Edited."), author="navigator", origin="console")
    assert (draft.number, draft.state, draft.published_at) == (2, DRAFT, None)

    publish_revision(session, draft, by="clinician")

    assert states(session) == [(1, RETIRED, "About a week."), (2, PUBLISHED, "Edited.")]
    assert (draft.author, draft.published_by) == ("navigator", "clinician")
    assert find_revision(session, "crs_duration", 1).retired_by == "clinician"


@pytest.mark.parametrize("by", ["navigator", " Navigator "])
def test_nobody_publishes_what_they_wrote(session: Session, by: str) -> None:
    answer = find_revision(session, "crs_duration").answer
    draft = add_draft(session, answer, content(text="Edited."), author="navigator", origin=FROM_CONSOLE)

    with pytest.raises(WorkflowError, match=r"^revision 2 was written by navigator: somebody else publishes it$"):
        publish_revision(session, draft, by=by)
    assert states(session) == [(1, PUBLISHED, "About a week."), (2, DRAFT, "Edited.")]

    publish_revision(session, draft, by="clinician")
    publish_revision(session, find_revision(session, "crs_duration", 1), by="clinician")
    with pytest.raises(WorkflowError, match="somebody else publishes it"):
        publish_revision(session, draft, by=by)


def test_who_loads_a_file_as_drafts_may_publish_them(session: Session) -> None:
    load_answers(session, [content(text="Two weeks.")], author="file", publish=False)

    publish_revision(session, find_revision(session, "crs_duration"), by="file")

    assert states(session) == [(1, RETIRED, "About a week."), (2, PUBLISHED, "Two weeks.")]


def test_the_published_revision_of_an_answer(session: Session) -> None:
    first = find_revision(session, "crs_duration")
    assert published_revision(first.answer) is first
    retire_revision(session, first, by="clinician")
    assert published_revision(first.answer) is None


def test_an_older_revision_can_come_back(session: Session) -> None:
    load_answers(session, [content(text="Two weeks.")], author="file")

    publish_revision(session, find_revision(session, "crs_duration", 1), by="clinician")

    assert states(session) == [(1, PUBLISHED, "About a week."), (2, RETIRED, "Two weeks.")]
    first = find_revision(session, "crs_duration", 1)
    assert (first.published_by, first.retired_by, first.retired_at) == ("clinician", None, None)


def test_a_retired_answer_has_none_published(session: Session) -> None:
    retire_revision(session, find_revision(session, "crs_duration"), by="clinician")

    assert states(session) == [(1, RETIRED, "About a week.")]
    assert find_revision(session, "crs_duration").retired_by == "clinician"


def test_what_is_done_already_is_refused(session: Session) -> None:
    revision = find_revision(session, "crs_duration")

    with pytest.raises(WorkflowError, match=r"^revision 1 is published already$"):
        publish_revision(session, revision, by="clinician")
    retire_revision(session, revision, by="clinician")
    with pytest.raises(WorkflowError, match=r"^revision 1 is retired already$"):
        retire_revision(session, revision, by="clinician")


def test_a_revision_is_found_by_name_and_number(session: Session) -> None:
    load_answers(session, [content(text="Two weeks."), content("crs_grading", variant="grade_2")], author="file")

    assert find_revision(session, "crs_duration").number == 2
    assert find_revision(session, "crs_duration", 1).text == "About a week."
    assert find_revision(session, "crs_grading/grade_2").answer.variant == "grade_2"
    assert [(a.topic, a.variant) for a in all_answers(session)] == [("crs_duration", ""), ("crs_grading", "grade_2")]


@pytest.mark.parametrize(
    ("name", "number", "fault"),
    [
        ("crs_length", None, "there is no answer 'crs_length': `bot answers list` shows them"),
        ("crs_duration/grade_2", None, "there is no answer 'crs_duration/grade_2': `bot answers list` shows them"),
        ("", None, "there is no answer '': `bot answers list` shows them"),
        ("crs_duration", 2, "the answer 'crs_duration' has no revision 2: it has 1 to 1"),
        ("crs_duration", 0, "the answer 'crs_duration' has no revision 0: it has 1 to 1"),
    ],
)
def test_what_is_not_there_is_refused_by_name(session: Session, name: str, number: int | None, fault: str) -> None:
    with pytest.raises(WorkflowError) as refused:
        find_revision(session, name, number)

    assert str(refused.value) == fault


def _two_published(session: Session) -> None:
    answer = find_revision(session, "crs_duration").answer
    add_draft(session, answer, content(text="Edited."), author="x", origin="console").state = PUBLISHED
    session.flush()


def _number_twice(session: Session) -> None:
    answer = find_revision(session, "crs_duration").answer
    add_draft(session, answer, content(text="Edited."), author="x", origin="console")
    session.execute(
        text(
            "INSERT INTO answer_revision (answer_id, number, title, question, text, sources, related, review_by,"
            " origin, digest, state, author, created_at) SELECT answer_id, number, title, question, text, sources,"
            " related, review_by, origin, digest, 'draft', author, created_at FROM answer_revision WHERE number = 2"
        )
    )


def _topic_twice(session: Session) -> None:
    session.add(Answer(topic="crs_duration", variant=""))
    session.flush()


def _unknown_state(session: Session) -> None:
    find_revision(session, "crs_duration").state = "approved"
    session.flush()


def _revision_of_nothing(session: Session) -> None:
    session.execute(text("DELETE FROM answer"))


@pytest.mark.parametrize(
    "force",
    [_two_published, _number_twice, _topic_twice, _unknown_state, _revision_of_nothing],
    ids=lambda force: force.__name__.strip("_"),
)
def test_the_database_itself_refuses(session: Session, force: Callable[[Session], None]) -> None:
    with pytest.raises(IntegrityError):
        force(session)

    session.rollback()
    assert states(session) == [(1, PUBLISHED, "About a week.")]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("answer_id", 2),
        ("number", 2),
        ("title", "x"),
        ("question", "x"),
        ("text", "x"),
        ("sources", "[]"),
        ("related", "[]"),
        ("review_by", "2099-01-01"),
        ("digest", "x"),
    ],
)
def test_no_tool_can_change_what_a_revision_says(
    session: Session, database_url: str, column: str, value: object
) -> None:
    for statement in (f"UPDATE answer_revision SET {column} = :value", "DELETE FROM answer_revision"):
        with other_tool(database_url) as tool, pytest.raises(IntegrityError, match=REFUSAL):
            tool.execute(text(statement), {"value": value} if ":value" in statement else {})

    assert states(session) == [(1, PUBLISHED, "About a week.")]


REPLACED = (
    " INTO answer_revision SELECT id, answer_id, number, title, question, 'x', sources, related, review_by, origin,"
    " digest, state, author, created_at, published_by, published_at, retired_by, retired_at FROM answer_revision"
)
OWN_STATEMENTS = {
    "sqlite": ["INSERT OR REPLACE" + REPLACED],
    "postgresql": ["TRUNCATE answer_revision", "TRUNCATE answer CASCADE"],
}


def test_this_program_cannot_change_it_either(session: Session) -> None:
    for statement in (
        "UPDATE answer_revision SET text = 'x'",
        "DELETE FROM answer_revision",
        "INSERT" + REPLACED + " WHERE true ON CONFLICT (id) DO UPDATE SET text = excluded.text",
        *OWN_STATEMENTS[session.get_bind().dialect.name],
    ):
        with pytest.raises(IntegrityError, match=REFUSAL):
            session.execute(text(statement))
        session.rollback()

    assert states(session) == [(1, PUBLISHED, "About a week.")]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE answer SET topic = 'crs_symptoms'",
        "UPDATE answer SET variant = 'grade_2'",
        "UPDATE answer SET id = 7",
        "DELETE FROM answer",
    ],
)
def test_no_tool_can_give_an_answer_another_name(session: Session, database_url: str, statement: str) -> None:
    """What was approved for one question would be sent for another."""
    with other_tool(database_url) as tool, pytest.raises(IntegrityError, match="an answer keeps its name"):
        tool.execute(text(statement))

    assert states(session) == [(1, PUBLISHED, "About a week.")]


def test_the_orm_cannot_change_it_either(session: Session) -> None:
    revision: AnswerRevision = find_revision(session, "crs_duration")
    revision.text = "x"

    with pytest.raises(IntegrityError, match=REFUSAL):
        session.flush()
