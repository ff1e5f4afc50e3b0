"""Every statement of the pages that navigators see all day looks its messages up: none reads them all.

A log of 2,000 messages shows it as well as one of a million: what is asked of a plan is how it reads, not how long.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from console.house import House, add_staff
from console_pages import Page, ask, pages_of
from generated_log import generate_log
from postgres import PostgresServer
from project import settings_in
from query_plans import Scan, scans_of, statements_of
from sqlalchemy import text
from sqlalchemy.engine import Engine

from bot.answers.setup import prepare_storage
from bot.service import Service


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('plans')}/bot.sqlite3"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.new_database() as url:
        yield url


@dataclass
class Visit:
    """A navigator who is signed in to a console over a generated log."""

    engine: Engine
    http: httpx.AsyncClient
    pages: dict[str, Page]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def visit(url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Visit]:
    settings = settings_in(tmp_path_factory.mktemp("house"), database_url=url, secret_key="k" * 32)
    sessions = prepare_storage(settings)
    add_staff(sessions)
    generate_log(sessions, messages=2_000)
    with sessions() as session:
        if url.startswith("postgresql"):  # which does so by itself; nobody does it for SQLite
            session.execute(text("ANALYZE"))
            session.commit()
        pages = {page.name: page for page in pages_of(session)}
    house = House(Service(settings, model=Path("none.tar.gz"), sessions=sessions), sessions, settings)
    async with house.signed_in("nina") as http:
        yield Visit(sessions.kw["bind"], http, pages)
    await house.service.stop()
    sessions.kw["bind"].dispose()


PAGES = (
    *("inbox", "all", "later", "tier T1", "any tier, all", "unanswered", "unsure", "unhelpful", "wants person"),
    *("undelivered", "channel", "common topic", "common topic, all", "rare topic", "tag", "assignee", "mine: none"),
    *("nobody's", "dates, a week", "oldest first", "most urgent first", "most urgent first, all", "everything at once"),
    *("page 2", "a deep page, newest, all", "a deep page, urgent, all"),
    *("search: a common word, all", "search: two words, all", "search: one letter, all", "search: a rare word, all"),
    *("search: a common and a rare word, all", "search: a Chinese word, all", "search: nothing found, all"),
    *("search: two words in to review", "search: two words in T1", "search: two words in later, unanswered"),
    *("search: two words in a rare topic", "search: two words in mine: none"),
    *("conversation, an ordinary one", "conversation, the longest"),
    *("the same, from the most urgent first, to review", "the same, from the most urgent first, all", "alert bar"),
)
# Numbers and what can be learnt are read from all messages of a period; answers have nothing to do with the log.
OTHER_PAGES = {"numbers, 7 days", "numbers, 30 days", "numbers, 90 days", "improve", "answers"}


def test_every_page_that_is_measured_is_in_the_table(visit: Visit) -> None:
    assert set(visit.pages) == {*PAGES, *OTHER_PAGES}


@pytest.mark.parametrize("name", PAGES)
async def test_no_page_reads_a_whole_table_or_all_messages(visit: Visit, name: str) -> None:
    with statements_of(visit.engine) as sent:
        await ask(visit.http, visit.pages[name])
    with visit.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))  # it takes an index wherever one would do
        scans = {statement.text: scans_of(connection, statement) for statement in sent.values()}
    assert any("FROM conversation" in statement or "FROM alert" in statement for statement in scans)
    assert {statement: found for statement, found in scans.items() if any(map(is_costly, found))} == {}


def is_costly(scan: Scan) -> bool:
    """Whether it reads a table, or anything of the messages, from end to end."""
    return scan.index is None or scan.table == "message"
