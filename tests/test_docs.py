"""README.md and docs/: their commands work, the settings are those of the code, the links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from postgres import PostgresServer
from project import BOT
from rasa.__main__ import create_argument_parser
from sqlalchemy import inspect

from bot.channels.messaging.rules import Limits, load_rules
from bot.cli import main
from bot.paths import ROOT
from bot.storage.database import migrate, open_database

README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
BOT_AS_WRITTEN = ".venv/bin/bot"
ENDLESS = "run"  # serves until Ctrl-C: its arguments are parsed
ADDRESS_OF_A_REGISTRY = re.compile(
    r"https?://\S*(?:pypi|pythonhosted|npmjs|registry|/simple\b)|^\s*(?:-i|--(?:extra-)?index-url)\b", re.M
)
HOME = re.compile(r"/(?:home|Users|root)/\w")
TIME_LIMIT_S = 600

page_names = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def test_settings_table_is_that_of_the_code() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "settings-table")]
    printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    written = README.read_text(encoding="utf-8").split("<!-- settings -->")[1].split("<!-- /settings -->")[0]

    assert written.strip() == printed.strip(), "run .venv/bin/python scripts/settings-table --write"


def test_limits_of_messengers_are_those_of_the_data() -> None:
    page = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]

    assert rows == [_row_of(name, limits) for name, limits in load_rules().limits.items()]


def _row_of(name: str, limits: Limits) -> str:
    shown = {"buttons": "buttons", "list": "a list"}
    ways = [f"{way.most} as {shown[way.shown_as]}, titles of {way.title}" for way in limits.options]
    window = f"{limits.window_h:g} hours" if limits.window_h else "always"
    return f"| `{name}` | {limits.text} | {'; '.join(ways) or 'numbered in the text'} | {window} |"


@page_names
def test_make_targets_exist(page: Path) -> None:
    for command in _commands(page, "make"):
        done = _run(["make", "-n", *command[1:]], cwd=ROOT)
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"


@page_names
def test_bot_commands_work(page: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, in the order of the page, on one new database; what has no end, or is Rasa's own, is parsed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "messages.tsv").write_text(
        "text\ttopic\nHow long does CRS last?\tcrs_duration\nWho won the football match?\tout_of_scope\n"
    )
    for command in dict.fromkeys(tuple(command) for command in _commands(page, BOT_AS_WRITTEN)):
        arguments = list(command[1:])
        _parse(arguments)
        if arguments[0] in (ENDLESS, "rasa"):
            continue
        if arguments[0] == "evaluate":
            arguments.append("--no-voices")  # these take minutes
        done = _run([str(BOT), *arguments], cwd=tmp_path, var_dir=tmp_path)
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"
        assert done.stdout.strip()


def test_rasa_command_line_is_there(tmp_path: Path) -> None:
    done = _run([str(BOT), "rasa", "--help"], cwd=tmp_path, var_dir=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "shell" in done.stdout


@pytest.mark.parametrize(
    "wrong", ["evaluat x", "answers show", "run --porte 1", "rasa data valid", "rasa shell --modl x"]
)
def test_parsing_finds_a_wrong_command(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((click.UsageError, SystemExit)):
        _parse(shlex.split(wrong))


def test_map_of_folders_is_true() -> None:
    section = README.read_text(encoding="utf-8").split("## Where things are")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {path.rstrip("/") for row in rows for path in re.findall(r"`([^`]+)`", row)}
    made_later = {"var", "models"}

    assert [path for path in sorted(named - made_later) if not (ROOT / path).exists()] == []
    top = {Path(name).parts[0] for name in _tracked() if "/" in name and not name.startswith(".")}
    assert top <= named


@page_names
def test_links_lead_to_files_and_headings(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for target in targets:
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.is_file(), f"{page.name}: {target}"
        assert not anchor or anchor in _anchors(file), f"{page.name}: {target}"


def test_a_database_made_as_described_is_enough(postgres: PostgresServer) -> None:
    (statements,) = re.findall(r"^```sql\n(.*?)^```$", README.read_text(encoding="utf-8"), re.M | re.S)
    for statement in statements.splitlines():
        postgres.execute(statement)

    engine = open_database(postgres.url("bot").replace("postgres@", "bot:PASSWORD@"))
    migrate(engine)

    assert inspect(engine).has_table("conversation")
    engine.dispose()


def test_no_registry_and_no_home_folder_is_named() -> None:
    found = []
    for name in _tracked():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture, or a file that is deleted and not yet committed
        found.extend(f"{name}: {match[0]}" for match in ADDRESS_OF_A_REGISTRY.finditer(text))
        found.extend(f"{name}: {match[0]}" for match in HOME.finditer(text))

    assert found == []


def _commands(page: Path, program: str) -> list[list[str]]:
    """The commands of a page's shell blocks that start this program."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.M | re.S)
    commands = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    assert all(command[0] in ("make", BOT_AS_WRITTEN) for command in commands if command), "not checked by any test"
    return [command for command in commands if command and command[0] == program]


def _parse(arguments: list[str]) -> None:
    """Read the arguments as `bot` would, without doing anything.

    Raises:
        click.UsageError, SystemExit: they are wrong.
    """
    if arguments[0] == "rasa":
        create_argument_parser().parse_args(arguments[1:])
        return
    command: click.Command = main
    context = click.Context(main, info_name="bot", **main.context_settings)  # click keeps the options it first makes
    while isinstance(command, click.Group):
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command = found
        context = click.Context(command, context, name)
    command.make_context(command.name, list(arguments), parent=context.parent)


def _run(command: list[str], *, cwd: Path, var_dir: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    if var_dir is not None:
        environment |= {"BOT_DATABASE_URL": f"sqlite:///{var_dir}/bot.sqlite3", "BOT_VAR_DIR": str(var_dir)}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False
    )


def _tracked() -> list[str]:
    """The files that are, or will be, in the repository."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("this is no git repository")
    return [name for name in done.stdout.split("\0") if name]


def _anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
