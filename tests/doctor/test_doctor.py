"""`bot doctor` on one installation after another: what it finds, and that it changes nothing."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alerts.log import inbound, red_flag, write
from click.testing import CliRunner, Result
from project import BOT
from sqlalchemy import update

from bot.channels.messaging.identities import Identities
from bot.cli import main
from bot.conversations.models import Conversation
from bot.conversations.review_models import Alert
from bot.conversations.spool import Spool
from bot.doctor import command
from bot.doctor.findings import Finding
from bot.logs import configure_logs
from bot.settings import Settings
from bot.storage.base import now
from bot.storage.database import open_database, session_factory

SOUND = {
    "BOT_SECRET_KEY": "k" * 32,
    "BOT_EMERGENCY_NUMBER": "999",
    "BOT_24H_PHONE": "+44 1632 960000",
    "BOT_NAVIGATOR_CONTACT": "+44 1632 960001",
    "BOT_ALERT_WEBHOOK_URL": "https://calls.hospital.example/hook",
    "BOT_CONSOLE_URL": "https://chat.hospital.example/console",
}

pytestmark = pytest.mark.usefixtures("model")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, answers_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A sound installation with settings of its own."""
    for name in [name for name in os.environ if name.upper().startswith("BOT_")]:
        monkeypatch.delenv(name)
    for name, value in SOUND.items():
        monkeypatch.setenv(name, value)
    shutil.copy(answers_file, tmp_path / "bot.sqlite3")
    monkeypatch.setenv("BOT_DATABASE_URL", f"sqlite:///{tmp_path}/bot.sqlite3")
    monkeypatch.setenv("BOT_VAR_DIR", str(tmp_path / "var"))
    yield tmp_path
    configure_logs("ERROR")  # a command in this process sends the logs to its own standard error


def doctor(*options: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *options], prog_name="bot")


def report() -> dict[str, list[tuple[str, str]]]:
    """What was found, by what was looked at."""
    result = doctor("--json")
    assert isinstance(result.exception, (SystemExit, type(None))), (
        result.exception
    )  # anything else would be a traceback
    found = json.loads(result.stdout)
    levels = [finding["level"] for finding in found["findings"]]
    assert set(levels) <= {"ok", "warning", "fault"}
    assert (found["fit"], result.exit_code) == (("fault" not in levels), int("fault" in levels))
    by_what: dict[str, list[tuple[str, str]]] = {}
    for finding in found["findings"]:
        sentences = f"{finding['finding']}. {finding['remedy']}".removesuffix(". ")
        by_what.setdefault(finding["what"], []).append((finding["level"], sentences))
    return by_what


def test_a_sound_installation_has_no_fault_and_only_signatures_and_staff_are_missing() -> None:
    result = doctor()

    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert all(line[:9] in ("ok       ", "warning  ") and ": " in line for line in lines)
    warned = [line[9:].partition(":")[0] for line in lines if line.startswith("warning")]
    assert warned == ["console", "fixed texts", "red flags"]
    assert [line for line in lines if line.endswith(": not configured")] == [
        f"ok       {name}: not configured" for name in ("whatsapp", "telegram", "twilio", "messenger", "slack")
    ]


def test_nothing_is_made_or_changed(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    doctor()

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not (folder / "var").exists()


# The settings


@pytest.mark.parametrize(
    ("variable", "value", "what", "level", "told"),
    [
        ("BOT_PORT", "many", "settings", "fault", "BOT_PORT value is not a valid integer"),
        ("BOT_DATABASE_URL", "mysql://h/bot", "settings", "fault", "BOT_DATABASE_URL must begin with sqlite:///"),
        ("BOT_HOST", "127.0.0.1", "reach", "ok", "listens on 127.0.0.1 port 8000, for this machine and a proxy on it"),
        ("BOT_HOST", "0.0.0.0", "reach", "ok", "listens on 0.0.0.0 port 8000, for whoever reaches this machine"),
        ("BOT_SECRET_KEY", "", "reach", "warning", "BOT_SECRET_KEY is not set, so every restart ends the sessions"),
        ("BOT_EMERGENCY_NUMBER", "", "contacts", "warning", "BOT_EMERGENCY_NUMBER is not set, so the emergency reply"),
        ("BOT_24H_PHONE", "", "contacts", "warning", "BOT_24H_PHONE is not set"),
        ("BOT_WARD_PHONE", "", "contacts", "ok", "the emergency number and the hospital's lines are set"),
        ("BOT_ALERT_WEBHOOK_URL", "", "alerts", "warning", "nobody is called: BOT_ALERT_WEBHOOK_URL and"),
        ("BOT_SMTP_URL", "smtp://127.0.0.1?from=a@b.example&to=c@d.example", "alerts", "ok", "by webhook and e-mail"),
    ],
)
def test_a_setting_is_judged(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, what: str, level: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)

    found = report()

    assert [sentences for each, sentences in found[what] if each == level and told in sentences]


@pytest.mark.parametrize("variable", ["BOT_SECRET_KEY", "BOT_EMERGENCY_NUMBER", "BOT_CONSOLE_URL"])
def test_what_a_reachable_service_needs_is_a_fault(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("BOT_HOST", "0.0.0.0")
    monkeypatch.delenv(variable)

    ((level, sentences),) = report()["reach"]

    assert (level, sentences.startswith(f"{variable} is missing: listening on 0.0.0.0")) == ("fault", True)


def test_after_a_wrong_setting_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_RETENTION_DAYS", "0")

    assert list(report()) == ["settings"]


# The database


def _tables(folder: Path) -> object:
    """What is in the file; None where there is none."""
    if not (folder / "bot.sqlite3").exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(folder / "bot.sqlite3")) as connection:
            return list(connection.iterdump())
    except sqlite3.DatabaseError:
        return (folder / "bot.sqlite3").read_bytes()


def _gone(folder: Path) -> None:
    (folder / "bot.sqlite3").unlink()


def _empty(folder: Path) -> None:
    _gone(folder)
    sqlite3.connect(folder / "bot.sqlite3").close()
    (folder / "bot.sqlite3").touch()


def _revision(revision: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        with sqlite3.connect(folder / "bot.sqlite3") as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.close()

    return make


def _no_database(folder: Path) -> None:
    (folder / "bot.sqlite3").write_bytes(b"no database " * 1000)


@pytest.mark.parametrize(
    ("make", "level", "told"),
    [
        (lambda _folder: None, "ok", "sqlite, can be written, and has the newest schema"),
        (_gone, "warning", "bot.sqlite3 is not there yet. The first start makes it"),
        (_empty, "warning", "has no tables yet. The first start makes them"),
        (_revision("0001"), "warning", "was last used by an older version of this program"),
        (_revision("9999"), "fault", "was written by another version of this program"),
        (_no_database, "fault", "the database cannot be used (BOT_DATABASE_URL): file is not a database"),
    ],
    ids=["sound", "gone", "empty", "old", "newer", "no database"],
)
def test_the_database_is_judged_and_left_as_it_is(
    folder: Path, make: Callable[[Path], None], level: str, told: str
) -> None:
    make(folder)
    before = _tables(folder)

    found = report()

    ((seen, sentences),) = found["database"]
    assert (seen, told in sentences) == (level, True), sentences
    assert ("answers" in found) == (level == "ok"), "what is in it is looked at only where it can be"
    assert _tables(folder) == before


def test_a_database_that_another_process_writes_to_is_no_fault(folder: Path) -> None:
    with sqlite3.connect(folder / "bot.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        found = report()["database"]
        other.execute("ROLLBACK")
    other.close()

    assert found == [("warning", "another process is writing to it at length. Ask again in a minute")]


def test_a_database_server_is_asked(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_DATABASE_URL", database_url)
    kind = database_url.partition(":")[0]

    assert report()["database"] == [("ok", f"{kind}, can be written, and has the newest schema")]

    if kind == "postgresql":
        monkeypatch.setenv("BOT_DATABASE_URL", f"{database_url}&options=-c%20default_transaction_read_only%3Don")
        ((level, sentences),) = report()["database"]
        assert (level, "read-only" in sentences) == ("fault", True)


def test_a_database_server_that_is_away_is_told_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_DATABASE_URL", "postgresql://bot:geheim@127.0.0.1:1/bot")

    ((level, sentences),) = report()["database"]

    assert (level, "geheim" in sentences) == ("fault", False)


# What is in the database


def test_answers_and_staff_are_counted(folder: Path) -> None:
    overdue = now().date() - timedelta(days=1)
    with sqlite3.connect(folder / "bot.sqlite3") as connection:
        connection.execute("DROP TRIGGER answer_revision_never_changes")
        connection.execute("UPDATE answer_revision SET review_by = ? WHERE id = 1", [overdue.isoformat()])
    connection.close()
    added = CliRunner().invoke(
        main, ["users", "add", "maria", "--role", "admin", "--password-stdin"], input="otters juggle nine teapots\n"
    )
    assert added.exit_code == 0, added.output

    found = report()

    (published, (level, sentences)) = found["answers"]
    assert published[0] == "ok"
    assert (level, sentences.startswith("1 past the day of their review: ")) == ("warning", True)
    assert found["console"] == [("ok", "1 may sign in")]


def test_a_database_without_answers_is_told(migrated_file: Path, folder: Path) -> None:
    shutil.copy(migrated_file, folder / "bot.sqlite3")

    assert report()["answers"] == [("warning", "none is published. Load data/answers.yml: `bot answers load`")]


def test_calls_that_did_not_come_through_are_told(folder: Path) -> None:
    engine = open_database(os.environ["BOT_DATABASE_URL"])
    sessions = session_factory(engine)
    write(sessions, red_flag(), at=datetime(2026, 3, 1, 12, tzinfo=timezone.utc))
    with sessions() as session:
        session.execute(update(Alert).values(error="webhook: HTTP 500"))
        session.commit()
    engine.dispose()

    assert report()["alerts"][1:] == [
        (
            "warning",
            "1 could not be sent since 2026-03-01 12:00 UTC. "
            "Acknowledge them in the console, then try the way: docs/alerts.md",
        )
    ]


def test_ids_of_families_that_no_key_decrypts_are_a_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = "o" * 32, "n" * 32
    engine = open_database(os.environ["BOT_DATABASE_URL"])
    write(session_factory(engine), red_flag(), at=now())
    with session_factory(engine)() as session:
        session.execute(update(Conversation).values(address=Identities([old]).encrypted("+441632960000")))
        session.commit()
    engine.dispose()
    assert "families" not in report(), "no channel is used"

    monkeypatch.setenv("BOT_IDENTITY_KEY", f"{new},{old}")
    assert report()["families"] == [("ok", "the newest 1 ids of families can be decrypted")]
    monkeypatch.setenv("BOT_IDENTITY_KEY", new)
    ((level, sentences),) = report()["families"]

    assert (level, sentences.startswith("1 of the newest 1 ids of families cannot be decrypted. Put")) == (
        "fault",
        True,
    )


# The machine


def test_lines_of_the_spool_are_counted(folder: Path) -> None:
    spool = Spool(folder / "var" / "spool")
    spool.append(inbound())
    spool.append(inbound())
    assert report()["spool"][0][1].startswith("2 lines wait for the database")

    (folder / "var" / "spool" / "spool.jsonl").write_text("\n{cut sh\n")
    spool.read_back(lambda _inbound, _outcome: None)
    found = report()["spool"]

    assert [level for level, _ in found] == ["warning", "ok"]
    assert found[0][1].startswith("1 line(s) could not be read back and are put aside. Read ")


def test_a_spool_that_cannot_be_written_is_a_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").touch()
    monkeypatch.setenv("BOT_VAR_DIR", str(folder / "file" / "var"))
    assert report()["spool"][0][0] == "fault", "it could never be made"

    monkeypatch.setenv("BOT_VAR_DIR", str(folder))
    (folder / "spool").touch()
    ((level, sentences),) = report()["spool"]

    assert (level, "cannot be written (BOT_VAR_DIR)" in sentences) == ("fault", True)


@pytest.mark.parametrize(("free", "level"), [(10 * 2**30, "ok"), (2**29, "warning"), (2**27, "fault")])
def test_free_room_is_judged(monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    usage = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)

    assert [each for each, _ in report()["disk"]] == [level]


def test_a_model_that_is_not_trained_is_told_and_not_trained(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_MODELS_DIR", str(folder / "models"))

    found = report()

    ((level, sentences),) = found["model"]
    assert level == "warning"
    assert sentences.startswith("crs-family-chat.tar.gz and red-flags.npz in ")
    assert "the first detector decides alone" in found["red flags"][1][1]
    assert not (folder / "models").exists()


# The report itself


def test_a_check_that_fails_is_one_line_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_settings: Settings) -> Iterator[Finding]:
        yield Finding("ok", "first", "found before")
        raise RuntimeError("a secret of the settings")

    monkeypatch.setattr(command, "CHECKS", (("first", fails), *command.CHECKS))

    result = doctor()

    assert (result.exit_code, "secret" in result.output) == (1, False)
    lines = result.stdout.splitlines()
    assert lines[1:3] == [
        "ok       first: found before",
        "fault    first: the check itself failed with RuntimeError. Please report it",
    ]
    assert lines[-1] == "ok       slack: not configured"


def test_as_a_user_starts_it_in_any_locale(folder: Path) -> None:
    strange = os.fsencode(folder) + b"/\xff\xe5\xa6\x88"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [BOT, "doctor", "--offline"],
        env={**{os.fsencode(k): os.fsencode(v) for k, v in environment.items()}, b"BOT_VAR_DIR": strange},
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert "/?妈/spool is not there yet" in done.stdout.decode()
