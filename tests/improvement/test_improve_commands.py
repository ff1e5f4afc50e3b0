"""`bot improve patch` and `bot improve check` as a user starts them."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from project import BOT, settings_in
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations import improvement
from bot.conversations.models import Conversation, Message
from bot.conversations.review_models import EXPORTED, QUEUED, TRAINING, QueuedExample
from bot.dialogue.nlu_examples import FILE
from bot.improvement.check import CheckError, check
from bot.improvement.commands import table
from bot.improvement.patch import Patch
from bot.improvement.result import TRAINING as TRAINING_MODEL
from bot.improvement.result import CheckFolder, CheckResult
from bot.settings import Settings
from bot.staff.models import NAVIGATOR, AuditEvent, User
from bot.storage.base import now

Bot = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def bot(settings: Settings) -> Bot:
    own = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")}
    environment = {**own, "BOT_DATABASE_URL": settings.database_url, "BOT_VAR_DIR": str(settings.var_dir)}
    return lambda *arguments, **more: subprocess.run(
        [BOT, "improve", *arguments],
        env={**environment, **more},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def queued(settings: Settings) -> "sessionmaker[Session]":
    """Two examples in the queue, of which one stands in the file already."""
    sessions = prepare_storage(settings)
    with sessions() as session:
        session.add(User(id=1, name="nina", display_name="Nina", role=NAVIGATOR))
        session.add(Conversation(id=1, key="family", channel="widget"))
        for number, text in enumerate(("for how many sleeps is nana on crs", "whats a cytokine"), start=1):
            session.add(
                Message(id=number, key=str(number), conversation_id=1, direction="in", channel="widget", text=text)
            )
            session.flush()
            session.add(QueuedExample(message_id=number, purpose=TRAINING, text=text, topic="crs_duration", by_id=1))
        session.commit()
    return sessions


def states(sessions: "sessionmaker[Session]") -> list[tuple[int, str]]:
    with sessions() as session:
        return [tuple(row) for row in session.execute(select(QueuedExample.message_id, QueuedExample.state))]


def test_a_patch_is_printed_and_marked_on_demand(bot: Bot, queued: "sessionmaker[Session]") -> None:
    printed = bot("patch")

    assert printed.returncode == 0
    assert printed.stdout.startswith("--- a/data/nlu.yml\n+++ b/data/nlu.yml\n@@ ")
    assert "+    - for how many sleeps is nana on crs\n" in printed.stdout
    assert printed.stderr == ("left out, queued as crs_duration: it stands there already, with the topic what_is_crs\n")
    assert states(queued) == [(1, QUEUED), (2, QUEUED)]

    marked = bot("patch", "--mark-exported")

    assert marked.stdout == printed.stdout
    assert states(queued) == [(1, EXPORTED), (2, QUEUED)]
    with queued() as session:
        event = session.scalars(select(AuditEvent)).one()
        assert (event.actor, event.action, event.subject) == (
            "command line",
            "improve.exported",
            "1 examples and tests",
        )
        assert len(improvement.queue(session)) == 1

    again = bot("patch")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("Error: nothing is queued that the files do not have")


@pytest.mark.parametrize(
    ("text", "more", "fault"),
    [
        ("text\nhello\n", {}, "line 1: the column 'topic' is missing"),
        ("text\ttopic\n", {}, "messages.tsv holds no messages"),
        (None, {"BOT_EVALUATION_FILE": "/nonexistent.tsv"}, "/nonexistent.tsv cannot be read"),
    ],
)
def test_a_wrong_file_is_told_in_one_line_and_in_the_result(
    bot: Bot, settings: Settings, tmp_path: Path, text: str | None, more: dict[str, str], fault: str
) -> None:
    file = tmp_path / "messages.tsv"
    if text is not None:
        file.write_text(text)

    done = bot("check", *([str(file)] if text is not None else []), **more)

    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert fault in done.stderr
    result = CheckFolder(settings.var_dir).read()
    assert result is not None
    assert (result.state, fault in result.error) == ("failed", True)


def test_a_check_measures_without_the_patch_and_with_it(tmp_path: Path, model: Path) -> None:
    """Here the patch has tests alone: training would take a minute."""
    settings = settings_in(tmp_path)
    states: list[CheckResult] = []
    tests = "text\ttopic\nhi\tsmall_talk\nhello\ttalk_to_human\n"
    patch = Patch("", (), {}, FILE.read_text("utf-8"), tests)

    result = check(settings, patch, [], note=states.append, begun=CheckResult(TRAINING_MODEL, now(), tests=1))

    assert [each.state for each in states] == ["training", "before", "after", "done"]
    assert states[-1] == result
    assert [(each.name, each.before["right"], each.after["right"]) for each in result.files] == [
        ("regression.tsv", 0.5, 0.5)
    ]
    printed = table(result).splitlines()
    assert printed[0] == "a patch of 0 examples and 1 tests; in per cent"
    assert "  right                           50.0      50.0      +0.0" in printed
    assert not (settings.var_dir / "bot.sqlite3").exists()  # nothing is written to the log


def test_a_patch_that_cannot_be_trained_is_told_in_one_line(settings: Settings, model: Path) -> None:
    patch = Patch("", (), {}, "version: '3.1'\nnlu: []\nnul: []\n", "text\ttopic\nhi\tsmall_talk\n")

    with pytest.raises(CheckError, match=r"^`bot train` failed: \S") as failed:
        check(settings, patch, [], note=lambda _result: None, begun=CheckResult(TRAINING_MODEL, now()))

    assert "\n" not in str(failed.value)
