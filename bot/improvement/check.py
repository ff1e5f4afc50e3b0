"""What a patch would change: the project as it is and a copy with the patch, measured on the same files."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bot.errors import UserError
from bot.evaluation.labelled import read_labelled
from bot.improvement.patch import Patch
from bot.improvement.result import AFTER, BEFORE, DONE, TRAINING, CheckResult, Measured
from bot.paths import ROOT
from bot.settings import Settings

# What a model is trained from and a message is answered with.
PARTS = ("bot", "actions", "data", "config.yml", "domain.yml", "endpoints.yml", "credentials.yml")
REGRESSION_NAME = "regression.tsv"


class CheckError(UserError):
    """The check could not be done; the message says why."""


def check(
    settings: Settings, patch: Patch, files: Sequence[Path], *, note: Callable[[CheckResult], None], begun: CheckResult
) -> CheckResult:
    """Measure files before and after a patch; the project itself stays as it is.

    Args:
        settings: the service's settings.
        patch: what is tried.
        files: labelled files with the columns text and topic, besides the regression tests.
        note: gets each state that the check reaches.
        begun: the result so far.

    Returns:
        the result, done.

    Raises:
        CheckError: training or measuring failed.
        LabelledFileError: a file is wrong.
    """
    for file in files:
        read_labelled(file, ("text", "topic"))
    with tempfile.TemporaryDirectory(prefix="improve-check-") as name:
        folder = Path(name)
        copy = _patched_copy(folder / "patched", patch, settings.models_dir)
        tests = folder / REGRESSION_NAME
        tests.write_text(patch.regression, encoding="utf-8")
        measured = [tests, *files]

        note(result := begun.now_at(TRAINING))
        _bot(copy, copy / "models", folder, "train")
        note(result := result.now_at(BEFORE))
        before = [_figures(ROOT, settings.models_dir, file, folder) for file in measured]
        note(result := result.now_at(AFTER))
        after = [_figures(copy, copy / "models", file, folder) for file in measured]
    rows = tuple(Measured(file.name, *pair) for file, *pair in zip(measured, before, after, strict=True))
    note(result := result.now_at(DONE, files=rows))
    return result


def _patched_copy(copy: Path, patch: Patch, models: Path) -> Path:
    """A copy of the project with the patch, and with the models: what the patch does not touch stays trained."""
    copy.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / part)
    if models.is_dir():
        shutil.copytree(models, copy / "models")
    (copy / "data" / "nlu.yml").write_text(patch.nlu, encoding="utf-8")
    return copy


def _figures(project: Path, models: Path, file: Path, folder: Path) -> dict[str, Any]:
    printed = _bot(project, models, folder, "evaluate", "--json", "--no-voices", str(file.resolve()))
    figures: dict[str, Any] = json.loads(printed)["file"]
    return figures


def _bot(project: Path, models: Path, folder: Path, *arguments: str) -> str:
    """What a `bot` command of a project prints; it writes to a database of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(project),
        "BOT_DATABASE_URL": f"sqlite:///{folder}/check.sqlite3",
        "BOT_VAR_DIR": str(folder / "var"),
        "BOT_MODELS_DIR": str(models),
        "BOT_LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "bot", *arguments]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=project, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise CheckError(f"`bot {arguments[0]}` failed: {lines[-1].removeprefix('Error: ')}")
    return done.stdout
