"""Measure the pages of the console on a log of a million messages: `benchmarks/console.py --help`.

Writes benchmarks/results/console.json and console.md. All measurements are of this machine and of one run.
"""

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
from console_pages import Page, ask, pages_of
from console_report import as_markdown
from figures import spread
from generated_log import RULESET, generate_log
from postgres import MISSING, PostgresServer, postgres_server, programs
from query_plans import scans_of, statements_of
from rasa_example import FOLDER
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker
from turn import RESULTS, _load, _machine, _revision

from bot.answers.setup import load_answers_file, prepare_storage
from bot.app import create_app
from bot.console.app import Console
from bot.conversations.models import INBOUND, Message
from bot.logs import configure_logs
from bot.service import Service
from bot.settings import Settings, load_settings
from bot.staff.models import NAVIGATOR
from bot.staff.passwords import Passwords
from bot.staff.rules import load_rules
from bot.staff.users import add_user
from bot.storage.base import now

HERE = "http://127.0.0.1"
MESSAGES, ROUNDS = 1_000_000, 15
WARM_UP = 2  # rounds
BETWEEN_ROUNDS = timedelta(minutes=2)  # of the console's clock: figures are kept for a minute


class Visit:
    """A navigator's browser in a console of its own."""

    def __init__(self, sessions: "sessionmaker[Session]", settings: Settings, folder: Path) -> None:
        self.sessions, self.moment = sessions, now()
        self._name, self._password = f"benchmark-{secrets.token_hex(4)}", secrets.token_urlsafe(20)
        hashed = Passwords(load_rules().passwords).hash(self._password)
        with sessions() as session:
            how = {"display_name": "Benchmark", "role": NAVIGATOR, "must_change_password": False}
            add_user(session, self._name, password_hash=hashed, **how)
            session.commit()
            self.pages = pages_of(session)
        # The console needs no model.
        self._service = Service(settings, model=folder / "none.tar.gz", sessions=sessions)
        console = Console(self._service, sessions, settings, clock=lambda: self.moment)
        self._app = create_app(self._service, console=console)

    async def measure(self, rounds: int) -> dict[str, Any]:
        """Each page once in every round, so that no page finds its own data just read."""
        taken: dict[str, list[float]] = defaultdict(list)
        transport = httpx.ASGITransport(app=self._app, client=("127.0.0.1", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url=HERE, timeout=None) as http:
            entered = await http.post("/console/sign-in", data={"name": self._name, "password": self._password})
            assert entered.status_code == 303, f"signing in was answered with {entered.status_code}"
            account = (await http.get("/console/account")).text
            http.headers["x-csrf-token"] = account.partition('name="csrf" value="')[2].partition('"')[0]
            scans = {page.name: await self._scans(http, page) for page in self.pages}
            for number in range(WARM_UP + rounds):
                self.moment += BETWEEN_ROUNDS
                for page in self.pages:
                    started = time.perf_counter()
                    await ask(http, page)
                    if number >= WARM_UP:
                        taken[page.name].append((time.perf_counter() - started) * 1000)
        await self._service.stop()
        return {
            page.name: {
                **spread(taken[page.name]),
                "min_ms": round(min(taken[page.name]), 2),
                "bound_ms": page.bound_ms,
                **scans[page.name],
            }
            for page in self.pages
        }

    async def _scans(self, http: httpx.AsyncClient, page: Page) -> dict[str, Any]:
        """How many statements a page sends, and what of large tables their plans read from end to end."""
        engine = self.sessions.kw["bind"]
        with statements_of(engine) as sent:
            await ask(http, page)
        with engine.connect() as connection:
            found = [str(scan) for statement in sent.values() for scan in scans_of(connection, statement)]
        return {"statements": len(sent), "scans": sorted(set(found))}


def measure(url: str, messages: int, rounds: int) -> dict[str, Any]:
    """Measure on one database; where it has no conversations a log is made."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = load_settings(database_url=url, var_dir=folder, secret_key=secrets.token_urlsafe(32))
        sessions = prepare_storage(settings)
        load_answers_file(sessions)
        try:
            _fill(sessions, messages)
            with sessions() as session:
                count = session.execute(select(func.count()).select_from(Message)).scalar_one()
            return {"messages": count, "pages": asyncio.run(_measured(sessions, settings, folder, rounds))}
        finally:
            sessions.kw["bind"].dispose()


async def _measured(sessions: "sessionmaker[Session]", settings: Settings, folder: Path, rounds: int) -> dict[str, Any]:
    return await Visit(sessions, settings, folder).measure(rounds)


def _fill(sessions: "sessionmaker[Session]", messages: int) -> None:
    with sessions() as session:
        ruleset = session.scalars(select(Message.ruleset).where(Message.direction == INBOUND).limit(1)).first()
    if ruleset not in (None, RULESET):
        raise SystemExit("benchmark: the database has conversations of families: take another one")
    if ruleset is None:
        print(f"writing {messages:,} messages", file=sys.stderr)
        generate_log(sessions, messages=messages)
    with sessions.kw["bind"].connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("VACUUM ANALYZE")  # as the server does by itself in its time


@contextmanager
def private_databases() -> Iterator[dict[str, str]]:
    """The URLs of an SQLite file and of a PostgreSQL server's database, both new; without PostgreSQL of the file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    installed = programs()
    # On the project's own disk: a folder for temporary files may be one in memory, where a commit costs nothing.
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        urls = {"sqlite": f"sqlite:///{folder}/console.sqlite3"}
        if installed is None:
            print(f"benchmark: {MISSING}", file=sys.stderr)
            yield urls
            return
        with postgres_server(installed, lambda url: None) as server, server.new_database() as url:
            _make_durable(server)
            yield urls | {"postgresql": url}


def _make_durable(server: PostgresServer) -> None:
    """Let it wait for the disk at each commit, as a service's database does."""
    for setting in ("fsync", "full_page_writes"):
        server.execute(f"ALTER SYSTEM SET {setting} = on")
    server.execute("SELECT pg_reload_conf()")


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=MESSAGES, help=f"how many a new log has, about ({MESSAGES})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each page is asked for ({ROUNDS})")
    parser.add_argument(
        "--database-url",
        action="append",
        help="instead of new databases: one that is empty or has a generated log; gets an account and its audit events",
    )
    arguments = parser.parse_args()
    configure_logs("CRITICAL")  # that there is no model is meant
    results: dict[str, Any] = {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "revision": _revision(),
        "machine": {**_machine(), "load_before": _load()},
        "rounds": max(1, arguments.rounds),
        "databases": {},
    }
    given = {url.partition(":")[0]: url for url in arguments.database_url or ()}
    with nullcontext(given) if given else private_databases() as urls:
        for kind, url in urls.items():
            print(f"the console on {kind}", file=sys.stderr)
            results["databases"][kind] = measure(url, arguments.messages, results["rounds"])
    results["machine"]["load_after"] = _load()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "console.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    (RESULTS / "console.md").write_text(as_markdown(results))
    print(as_markdown(results))


if __name__ == "__main__":
    main()
