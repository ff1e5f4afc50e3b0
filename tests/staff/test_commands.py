"""`bot users …` and `bot audit …`: what they do, what they print, and one clear line for every mistake."""

import json
import os
import pty
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner, Result
from project import BOT
from sqlalchemy.orm import Session

from bot.cli import main
from bot.logs import configure_logs
from bot.staff.models import User
from bot.staff.passwords import Passwords
from bot.staff.rules import load_rules
from bot.staff.users import all_users
from bot.storage.database import open_database, session_factory

GOOD, OTHER = "seven blue kettles sing", "nine green umbrellas"
ADMIN = ["--role", "admin", "--password-stdin"]
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def url(_environment: None, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of each kind that the commands use."""
    monkeypatch.setenv("BOT_DATABASE_URL", database_url)
    return database_url


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings of the test's own; how long a hash takes is tested elsewhere; the logs are as before afterwards."""
    for name in [name for name in os.environ if name.upper().startswith("BOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BOT_DATABASE_URL", f"sqlite:///{tmp_path}/bot.sqlite3")
    monkeypatch.setenv("BOT_VAR_DIR", str(tmp_path))
    monkeypatch.setattr("bot.staff.passwords.argon2id", lambda: CHEAP)
    yield
    configure_logs("ERROR")


def run(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=given, prog_name="bot")


def done(*arguments: str, given: str = "") -> str:
    result = run(*arguments, given=given)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def refused(*arguments: str, given: str = "") -> str:
    result = run(*arguments, given=given)
    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.output
    return result.stderr.splitlines()[-1]


def add(name: str, role: str = "admin", *options: str) -> str:
    return done("users", "add", name, "--role", role, "--password-stdin", *options, given=f"{GOOD}\n")


def stored(url: str) -> dict[str, User]:
    engine = open_database(url)
    with session_factory(engine)() as session:
        users = {user.name: user for user in all_users(session)}
    engine.dispose()
    return users


def test_from_the_first_admin_to_a_whole_audit(url: str) -> None:
    assert done("users", "list") == "no users\n"
    assert add("Anna", "admin", "--display-name", "Anna B.") == "user 'anna' added with the role admin\n"
    assert add("nina", "navigator", "--must-change") == "user 'nina' added with the role navigator\n"
    assert done("users", "role", "NINA", "approver") == "user 'nina' has the role approver\n"
    assert done("users", "disable", "nina") == "user 'nina' disabled, and signed out\n"
    listed = done("users", "list").splitlines()
    assert [line.split()[:2] for line in listed] == [["anna", "admin"], ["nina", "approver"]]
    assert listed[0].endswith("Anna B.")
    assert "disabled since" in listed[1]
    assert "must change the password" in listed[1]
    assert done("users", "enable", "nina") == "user 'nina' enabled\n"
    typed = done("users", "password", "nina", "--password-stdin", given=f"{OTHER}\r\n")
    assert typed == "password of user 'nina' set\n"

    passwords, users = Passwords(load_rules().passwords, CHEAP), stored(url)
    assert passwords.verify(users["nina"].password_hash, OTHER)
    assert not users["nina"].must_change_password
    assert done("audit", "verify") == "6 events, all as they were written\n"
    events = [json.loads(line) for line in done("audit", "export").splitlines()]
    assert [(event["action"], event["subject"]) for event in events] == [
        ("user.added", "user anna"),
        ("user.added", "user nina"),
        ("user.role", "user nina"),
        ("user.disabled", "user nina"),
        ("user.enabled", "user nina"),
        ("user.password", "user nina"),
        ("audit.exported", "audit"),
    ]
    assert {(event["actor"], event["role"]) for event in events} == {("command line", "operator")}
    assert [event["previous"] for event in events[1:]] == [event["digest"] for event in events[:-1]]
    assert GOOD not in str(events)


def test_a_lost_phone(url: str) -> None:
    add("anna")
    assert refused("users", "remove-second-factor", "anna") == "Error: user 'anna' has no second factor"
    engine = open_database(url)
    with Session(engine) as session:
        session.query(User).update({"totp_secret": "sealed"})
        session.commit()
    engine.dispose()
    assert "second factor" in done("users", "list")
    assert done("users", "remove-second-factor", "anna") == "second factor of user 'anna' removed\n"
    assert stored(url)["anna"].totp_secret is None


@pytest.mark.parametrize(
    ("arguments", "given", "line"),
    [
        (["users", "add", "nina", "--role", "boss"], "", "Error: Invalid value for '--role': 'boss' is not one of"),
        (["users", "add", "nina", "--role", "admin"], "", "Error: there is no terminal to type a password at: use"),
        (["users", "add", "n", *ADMIN], GOOD, "Error: a name has 2 to 64 characters"),
        (["users", "add", "ANNA", *ADMIN], GOOD, "Error: there is a user 'anna' already"),
        (["users", "add", "nina", *ADMIN], "", "Error: the password must have 12 to 128 characters"),
        (["users", "add", "nina", *ADMIN], "nina and more words", "Error: the password must not contain the name"),
        (["users", "password", "nobody", "--password-stdin"], GOOD, "Error: there is no user 'nobody'"),
        (["users", "password", "anna"], "", "Error: there is no terminal to type a password at: use"),
        (["users", "disable", "nobody"], "", "Error: there is no user 'nobody'"),
        (["users", "disable", "anna"], "", "Error: 'anna' is the last admin: make another one first"),
        (["users", "role", "anna", "navigator"], "", "Error: 'anna' is the last admin: make another one first"),
        (["users", "role", "anna", "boss"], "", "Error: Invalid value for"),
        (["users", "enable", "anna"], "", "Error: user 'anna' is not disabled"),
        (["audit", "verify", "extra"], "", "Error: Got unexpected extra argument (extra)"),
    ],
)
def test_mistakes(sqlite_with_anna: Path, arguments: list[str], given: str, line: str) -> None:
    assert refused(*arguments, given=given).startswith(line)
    assert done("audit", "verify") == "1 events, all as they were written\n", "nothing was done"


@pytest.fixture
def sqlite_with_anna(tmp_path: Path) -> Path:
    add("anna")
    return tmp_path / "bot.sqlite3"


def test_a_broken_audit_ends_with_an_error(sqlite_with_anna: Path) -> None:
    done("users", "password", "anna", "--password-stdin", given=OTHER)
    with closing(sqlite3.connect(sqlite_with_anna)) as connection:
        connection.execute("DROP TRIGGER audit_event_never_changes")
        connection.execute("UPDATE audit_event SET subject = 'user nina' WHERE id = 2")
        connection.commit()

    line = refused("audit", "verify")

    assert line.startswith("Error: the audit is broken behind its first 1 events: event 2 of ")
    assert line.endswith(" was changed")


@pytest.mark.parametrize("command", [["users", "list"], ["users", "disable", "anna"], ["audit", "verify"]])
def test_a_database_that_cannot_be_used(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "bot.sqlite3").write_text("This is no database, but a text as long as the header of one. " * 9)

    assert "the database cannot be used (BOT_DATABASE_URL)" in refused(*command)


def test_a_password_is_typed_twice_and_not_shown(tmp_path: Path) -> None:
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - another program from here on
        environment = {**os.environ, "BOT_DATABASE_URL": f"sqlite:///{tmp_path}/bot.sqlite3"}
        os.execve(BOT, [str(BOT), "users", "add", "anna", "--role", "admin"], environment)
    shown = b""
    try:
        for prompt in (b"Password: ", b"Repeat for confirmation: "):
            while not shown.endswith(prompt):
                shown += os.read(terminal, 1000)
            os.write(terminal, GOOD.encode() + b"\n")
        while b"added" not in shown:
            shown += os.read(terminal, 1000)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)

    assert b"user 'anna' added with the role admin" in shown
    assert GOOD.encode() not in shown
