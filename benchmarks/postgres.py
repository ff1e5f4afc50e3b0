"""A PostgreSQL server for tests and measurements: private, on a Unix socket only, gone when they end."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

MISSING = "PostgreSQL is missing: apt-get install postgresql"
MIGRATED = "migrated"

# Nothing here must outlive a power cut. The time zone is none that a moment could be in by chance.
CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{folder}'
fsync = off
full_page_writes = off
timezone = 'Asia/Kathmandu'
"""

# The end of the input is the end of the server: it ends with the tests, also when these are killed. Ctrl-C is theirs.
KEEP = """
trap '' INT
"$0" start --wait --timeout=60 --log="$1/../log" --pgdata="$1" >/dev/null && echo started
read -r _
"$0" stop --wait --mode=immediate --pgdata="$1" >/dev/null
"""

# What another test left open is ended first. As a replica the server fires no trigger: some refuse this.
EMPTY = """
DO $$ BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;
    EXECUTE (
        SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
        FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    );
    INSERT INTO audit_head (id, digest, count) VALUES (1, repeat('0', 64), 0);  -- as the migration does
END $$
"""


def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs: Debian keeps them off the PATH. None where there is none."""
    debian = [initdb.parent for initdb in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if debian:
        return max(debian, key=lambda folder: float(folder.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """A server and its databases; each connection is trusted, because only this user reaches the socket."""

    def __init__(self, folder: Path, programs: Path) -> None:
        """Make the server's files.

        Args:
            folder: empty, with a short path: that of a socket has 107 bytes at most.
            programs: the folder of `initdb` and `pg_ctl`.
        """
        self._folder = folder
        self._programs = programs
        self._data = folder / "data"
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user, self._user)
        settings = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
        initdb = self._popen(str(programs / "initdb"), f"--pgdata={self._data}", *settings)
        initdb.communicate()
        assert initdb.returncode == 0
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(CONFIGURATION.format(folder=folder))

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self._keeper = self._popen("sh", "-c", KEEP, str(self._programs / "pg_ctl"), str(self._data), stdout=PIPE)
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"started\n", (self._folder / "log").read_text()

    def kill(self) -> None:
        """Stop the server at once, as a crash would."""
        self._keeper.communicate()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Crash, and start again behind the block."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    def url(self, database: str) -> str:
        """What BOT_DATABASE_URL would be for a database."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement outside any transaction."""
        engine = create_engine(self.url(database), future=True, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def emptied(self) -> str:
        """The URL of the migrated database, with nothing in it: a copy for each test would take five times as long."""
        self.execute(EMPTY, MIGRATED)
        return self.url(MIGRATED)

    @contextmanager
    def new_database(self, options: str = "") -> Iterator[str]:
        """A database without a table: its URL.

        Args:
            options: of CREATE DATABASE.
        """
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} {options}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _popen(self, *command: str, stdout: int = DEVNULL) -> "Popen[bytes]":
        groups = [] if self._user else None
        owner = {"user": self._user, "group": self._user, "extra_groups": groups}
        return Popen(command, stdin=PIPE, stdout=stdout, cwd=self._folder, **owner)


@contextmanager
def postgres_server(programs: Path, migrate: Callable[[str], None]) -> Iterator[PostgresServer]:
    """A running server with one migrated database.

    Args:
        programs: see `PostgresServer`.
        migrate: brings the database of a URL to the newest schema, and leaves no connection open.
    """
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        server = PostgresServer(Path(folder), programs)
        server.start()
        try:
            server.execute(f"CREATE DATABASE {MIGRATED}")
            migrate(server.url(MIGRATED))
            yield server
        finally:
            server.kill()
