"""bot.answers.published: what may be sent, from memory, also when the database is gone."""

import pytest
from databases import Down
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.content import read_answers_file
from bot.answers.published import PublishedAnswers
from bot.answers.setup import ANSWERS_FILE, load_answers_file, prepare_storage
from bot.answers.workflow import add_draft, find_revision, publish_revision, retire_revision
from bot.settings import Settings

CONTENTS = {content.name: content for content in read_answers_file(ANSWERS_FILE)}


@pytest.fixture
def sessions(database_settings: Settings) -> "sessionmaker[Session]":
    sessions = prepare_storage(database_settings)
    load_answers_file(sessions)
    return sessions


@pytest.fixture
def answers(sessions: "sessionmaker[Session]") -> PublishedAnswers:
    answers = PublishedAnswers(sessions)
    assert answers.refresh()
    return answers


def retire(sessions: "sessionmaker[Session]", name: str) -> None:
    with sessions() as session:
        retire_revision(session, find_revision(session, name), by="clinician")
        session.commit()


def test_nothing_is_published_before_the_database_was_asked(sessions: "sessionmaker[Session]") -> None:
    answers = PublishedAnswers(sessions)

    assert answers.get("crs_duration") is None
    assert list(answers.topics()) == []


def test_every_answer_comes_out_as_it_went_in(answers: PublishedAnswers) -> None:
    for name, content in CONTENTS.items():
        published = answers.named(name)
        assert published is not None
        assert (published.content, published.revision) == (content, 1)
        assert published.content.digest == content.digest

    assert list(answers.topics()) == sorted({content.topic for content in CONTENTS.values()})


def test_an_unknown_variant_falls_back_to_the_topic(answers: PublishedAnswers) -> None:
    for topic, variant, name in (
        ("crs_duration", "", "crs_duration"),
        ("crs_grading", "grade_3", "crs_grading/grade_3"),
        ("crs_grading", "", "crs_grading"),
        ("crs_grading", "grade_9", "crs_grading"),
        ("crs_duration", "grade_3", "crs_duration"),
        ("crs_length", "", None),
        ("crs_length", "grade_3", None),
        ("", "", None),
    ):
        found = answers.get(topic, variant)
        assert (found.content.name if found else None) == name, (topic, variant)


def test_a_name_does_not_fall_back(answers: PublishedAnswers) -> None:
    assert answers.named("crs_grading/grade_9") is None
    assert answers.named("crs_length") is None


def test_a_topic_without_a_published_answer(answers: PublishedAnswers, sessions: "sessionmaker[Session]") -> None:
    retire(sessions, "crs_duration")

    assert answers.get("crs_duration") is not None  # until the database is asked again
    assert answers.refresh()
    assert answers.get("crs_duration") is None
    assert answers.named("crs_duration") is None
    assert "crs_duration" not in answers.topics()


def test_a_retired_variant_falls_back_to_the_topic(
    answers: PublishedAnswers, sessions: "sessionmaker[Session]"
) -> None:
    retire(sessions, "crs_grading/grade_3")
    answers.refresh()

    found = answers.get("crs_grading", "grade_3")

    assert found is not None
    assert found.content == CONTENTS["crs_grading"]


def test_a_new_revision_is_sent_after_a_refresh_and_a_draft_never(
    answers: PublishedAnswers, sessions: "sessionmaker[Session]"
) -> None:
    content = CONTENTS["what_is_crs"]
    with sessions() as session:
        answer = find_revision(session, "crs_duration").answer
        draft = add_draft(session, answer, content, author="navigator", origin="console")
        session.commit()
        answers.refresh()
        before = answers.get("crs_duration")
        publish_revision(session, draft, by="clinician")
        session.commit()
    answers.refresh()
    after = answers.get("crs_duration")

    assert before is not None
    assert after is not None
    assert (before.revision, before.content.text) == (1, CONTENTS["crs_duration"].text)
    assert (after.revision, after.content.text, after.content.topic) == (2, content.text, "crs_duration")


def test_what_was_known_is_served_while_the_database_is_gone(
    answers: PublishedAnswers, sessions: "sessionmaker[Session]", database_down: Down
) -> None:
    retire(sessions, "crs_duration")

    with database_down(sessions.kw["bind"]):
        assert answers.refresh() is False
        assert {name for name in CONTENTS if answers.named(name) is None} == set()

    assert answers.refresh() is True
    assert answers.get("crs_duration") is None
