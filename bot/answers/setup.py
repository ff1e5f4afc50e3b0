"""Putting the answers in place: the database migrated, the file loaded, the answering made from the settings."""

from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from bot.answers.answering import Answering
from bot.answers.content import read_answers_file
from bot.answers.follow_ups import FollowUps
from bot.answers.published import PublishedAnswers
from bot.answers.workflow import LoadReport, load_answers
from bot.fixed_texts import FixedTexts
from bot.paths import DATA
from bot.settings import Settings
from bot.storage.database import database_errors, migrate, open_database, session_factory

ANSWERS_FILE = DATA / "answers.yml"


def prepare_storage(settings: Settings) -> "sessionmaker[Session]":
    """Bring the database to the newest schema.

    Raises:
        DatabaseError: the database cannot be opened or migrated.
    """
    engine = open_database(settings.database_url)
    with database_errors():
        migrate(engine)
    return session_factory(engine)


def load_answers_file(
    sessions: "sessionmaker[Session]",
    path: Path = ANSWERS_FILE,
    *,
    author: str = "data/answers.yml",
    publish: bool = True,
) -> LoadReport:
    """Load the file of answers, whole or not at all.

    Raises:
        DataFileError: the file is wrong; nothing was loaded.
        DatabaseError: the database cannot be written; nothing was loaded.
    """
    contents = read_answers_file(path)
    with database_errors(), sessions() as session:
        report = load_answers(session, contents, author=author, publish=publish)
        session.commit()
    return report


def make_answering(settings: Settings) -> Answering:
    """The answering of a deployment, with the published answers read from its database.

    Raises:
        DataFileError: a data file is wrong.
        DatabaseError: the database cannot be opened.
    """
    answers = PublishedAnswers(session_factory(open_database(settings.database_url)))
    answers.refresh()
    return Answering(answers, FixedTexts(settings), FollowUps())
