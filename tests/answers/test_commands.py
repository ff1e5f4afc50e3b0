"""`bot answers …` as a user starts it: what it prints, what it exits with, and how it takes a mistake."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.answers.content import read_answers_file
from bot.answers.setup import ANSWERS_FILE

BOT = Path(sys.executable).parent / "bot"
CONTENTS = {content.name: content for content in read_answers_file(ANSWERS_FILE)}
CHANGED = ANSWERS_FILE.read_text("utf-8").replace('title: "What CRS is"', 'title: "What is CRS"')

Run = subprocess.CompletedProcess[str]
Bot = Callable[..., Run]


def run(database_url: str, *arguments: str) -> Run:
    own = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")}
    return subprocess.run(
        [BOT, "answers", *arguments],
        env={**own, "BOT_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the project's answers, loaded by the command; each test gets a copy."""
    database = tmp_path_factory.mktemp("loaded") / "bot.sqlite3"
    result = run(f"sqlite:///{database}", "load")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{len(CONTENTS)} new, 0 changed, 0 unchanged\n"
    return database


@pytest.fixture
def bot(loaded: Path, tmp_path: Path) -> Bot:
    shutil.copy(loaded, tmp_path / "bot.sqlite3")
    return lambda *arguments: run(f"sqlite:///{tmp_path}/bot.sqlite3", *arguments)


@pytest.fixture
def changed(tmp_path: Path) -> str:
    """The project's file with another title."""
    file = tmp_path / "answers.yml"
    file.write_text(CHANGED, encoding="utf-8")
    return str(file)


def printed(result: Run) -> str:
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def revisions(folder: Path, name: str) -> list[tuple[int, str]]:
    """The revisions of an answer and their states, as they stand in the database."""
    topic, _, variant = name.partition("/")
    query = (
        "SELECT number, state FROM answer_revision JOIN answer ON answer.id = answer_id"
        " WHERE topic = ? AND variant = ? ORDER BY number"
    )
    with closing(sqlite3.connect(folder / "bot.sqlite3")) as database:
        return database.execute(query, (topic, variant)).fetchall()


def test_loading_again_changes_nothing_and_a_change_is_named(bot: Bot, changed: str, tmp_path: Path) -> None:
    assert printed(bot("load")) == f"0 new, 0 changed, {len(CONTENTS)} unchanged\n"
    assert revisions(tmp_path, "what_is_crs") == [(1, "published")]
    assert printed(bot("load", changed)) == (
        f"0 new, 1 changed, {len(CONTENTS) - 1} unchanged\n  changed: what_is_crs\n"
    )
    assert revisions(tmp_path, "what_is_crs") == [(1, "retired"), (2, "published")]


def test_a_draft_waits_until_it_is_published(bot: Bot, changed: str) -> None:
    printed(bot("load", "--draft", changed))
    listed = printed(bot("list"))
    assert (
        listed.count(", drafts: 2")
        == listed.count("what_is_crs                      revision 1 published, review")
        == 1
    )

    assert printed(bot("publish", "what_is_crs", "--by", "Dr. Li")) == "what_is_crs: revision 2 published\n"

    (first, second) = [json.loads(line) for line in printed(bot("export")).splitlines() if '"what_is_crs", "re' in line]
    assert (first["state"], first["retired_by"], second["state"], second["published_by"]) == (
        "retired",
        "Dr. Li",
        "published",
        "Dr. Li",
    )


def test_retiring_leaves_none_published_until_a_revision_comes_back(bot: Bot, tmp_path: Path) -> None:
    assert printed(bot("retire", "crs_grading/grade_2", "--by", "x")) == "crs_grading/grade_2: revision 1 retired\n"
    assert "crs_grading/grade_2              none published\n" in printed(bot("list"))

    printed(bot("publish", "crs_grading/grade_2", "--revision", "1", "--by", "x"))

    assert revisions(tmp_path, "crs_grading/grade_2") == [(1, "published")]


def test_retiring_takes_the_published_revision_and_leaves_a_newer_draft(bot: Bot, changed: str, tmp_path: Path) -> None:
    printed(bot("load", "--draft", changed))

    assert printed(bot("retire", "what_is_crs", "--by", "x")) == "what_is_crs: revision 1 retired\n"
    assert revisions(tmp_path, "what_is_crs") == [(1, "retired"), (2, "draft")]

    again = bot("retire", "what_is_crs", "--by", "x")
    assert (again.returncode, again.stderr) == (1, "Error: no revision of the answer 'what_is_crs' is published\n")


def test_list_has_a_line_for_each_answer(bot: Bot) -> None:
    lines = printed(bot("list")).splitlines()

    assert lines == [
        f"{name:32} revision 1 published, review by {content.review_by}"
        for name, content in sorted(CONTENTS.items(), key=lambda item: item[0].split("/"))
    ]


def test_show_prints_the_whole_answer(bot: Bot) -> None:
    content = CONTENTS["crs_grading/grade_2"]

    shown = printed(bot("show", "crs_grading/grade_2", "--revision", "1"))

    heading, _, rest = shown.partition("\n")
    assert heading.startswith("crs_grading/grade_2, revision 1 (published, written by data/answers.yml on 20")
    assert rest.startswith(f"{content.title}: {content.question}\n\n{content.text}\n\nSources:\n")
    for source in content.sources:
        assert f"\n  {source.document}: {source.section}\n" in rest
    assert rest.endswith(f"Related: {', '.join(content.related)}\nReview by: {content.review_by}\n")


def test_export_prints_every_revision_as_json(bot: Bot, changed: str) -> None:
    bot("load", changed)

    lines = [json.loads(line) for line in printed(bot("export")).splitlines()]

    assert len(lines) == len(CONTENTS) + 1
    for line in lines:
        if line["revision"] == 1:
            content = CONTENTS[line["answer"]].as_dict()
            assert {key: line[key] for key in content if key in line} == {
                key: value for key, value in content.items() if key not in ("topic", "variant")
            }


def test_an_empty_database_lists_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/folder/bot.sqlite3"

    assert printed(run(url, "list")).strip() == ""
    assert printed(run(url, "export")) == ""


@pytest.mark.parametrize(
    ("arguments", "code", "fault"),
    [
        (["show", "crs_length"], 1, "Error: there is no answer 'crs_length': `bot answers list` shows them"),
        (["show", "crs_duration", "--revision", "7"], 1, "Error: the answer 'crs_duration' has no revision 7: it has"),
        (["publish", "crs_duration", "--by", "x"], 1, "Error: revision 1 is published already"),
        (["publish", "crs_duration", "--by", " "], 1, "Error: --by must say who"),
        (["publish", "crs_duration", "--by", "x" * 81], 1, "Error: --by has 81 characters; 80 at most"),
        (["publish", "crs_duration", "--by", "\udcff"], 2, "Error: Invalid value for '--by': must be one line of"),
        (["retire", "crs_duration", "--by", "Dr.\nLi"], 2, "Error: Invalid value for '--by': must be one line of"),
        (["show", "crs_\udcff"], 2, "Error: Invalid value for 'NAME': must be one line of printable text, in UTF-8"),
        (["publish", "crs_duration"], 2, "Error: Missing option '--by'."),
        (["retire", "crs_duration"], 2, "Error: Missing option '--by'."),
        (["show", "crs_duration", "--revision", "two"], 2, "Error: Invalid value for '--revision'"),
        (["load", "/nonexistent.yml"], 1, "Error: /nonexistent.yml: cannot be read: "),
        (["load", "/"], 2, "Error: Invalid value for '[FILE]'"),
        (["approve", "crs_duration"], 2, "Error: No such command 'approve'"),
    ],
)
def test_a_mistake_is_told_in_one_line(bot: Bot, arguments: list[str], code: int, fault: str) -> None:
    result = bot(*arguments)

    assert (result.returncode, result.stdout) == (code, "")
    assert result.stderr.splitlines()[-1].startswith(fault)
    assert code == 2 or len(result.stderr.splitlines()) == 1


def test_a_wrong_file_is_told_in_one_line_and_nothing_is_loaded(bot: Bot, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yml"
    file.write_text(CHANGED.replace("related: [", "related: [crs_length, ", 1), encoding="utf-8")

    result = bot("load", str(file))

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {file}, line ")
    assert result.stderr.endswith(": answers[0].related[0]: 'crs_length' is no other answer\n")
    assert revisions(tmp_path, "what_is_crs") == [(1, "published")]


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("mysql://localhost/bot", "Error: BOT_DATABASE_URL must begin with sqlite:/// or postgresql://"),
        ("sqlite:////proc/nowhere/bot.sqlite3", "Error: the folder of /proc/nowhere/bot.sqlite3 cannot be made: "),
        ("sqlite:////tmp", "Error: the database cannot be used (BOT_DATABASE_URL): unable to open database file"),
        ("postgresql://localhost:1/bot", "Error: the database cannot be used (BOT_DATABASE_URL): connection to server"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line(url: str, fault: str) -> None:
    result = run(url, "list")

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(fault)
    assert len(result.stderr.splitlines()) == 1


def test_a_database_that_another_writes_to_is_told_in_one_line(bot: Bot, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "bot.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        result = bot("retire", "crs_duration", "--by", "x")

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "Error: the database cannot be used (BOT_DATABASE_URL): database is locked\n"
    assert revisions(tmp_path, "crs_duration") == [(1, "published")]
