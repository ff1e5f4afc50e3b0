"""What `bot improve …` does; each function gives back what is printed."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from bot.answers.setup import prepare_storage
from bot.conversations import improvement
from bot.conversations.review_models import REGRESSION, TRAINING
from bot.errors import UserError
from bot.improvement import result
from bot.improvement.check import check as check_patch
from bot.improvement.patch import Patch, make_patch
from bot.improvement.result import FAILED, FEWER_IS_BETTER, CheckFolder, CheckResult, Measured
from bot.settings import Settings
from bot.staff import audit
from bot.storage.base import now
from bot.storage.database import database_errors

LESS_URGENT = 10  # how much a check gives way to other processes, families' messages first of all


class NothingQueued(UserError):
    """Nothing that is queued can be put into a patch."""


@contextmanager
def _session(settings: Settings) -> Iterator[Session]:
    with database_errors(), prepare_storage(settings)() as session:
        yield session


def patch(settings: Settings, *, mark_exported: bool) -> tuple[str, list[str]]:
    """The patch of what is queued.

    Args:
        settings: the service's settings.
        mark_exported: note that what it adds has left the queue.

    Returns:
        the patch, and a line for each text that it leaves out.

    Raises:
        NothingQueued: there is nothing to add.
    """
    with _session(settings) as session:
        queued = improvement.queue(session)
        made = make_patch(queued)
        out = [(each.topic, made.left_out[each.id]) for each in queued if each.id in made.left_out]
        if not made.taken:
            raise NothingQueued("nothing is queued that the files do not have: see Improve in the console")
        if mark_exported:
            audit.record(session, audit.COMMAND_LINE, "improve.exported", f"{len(made.taken)} examples and tests")
            improvement.mark_exported(session, made.taken)
            session.commit()
    return made.text, [f"left out, queued as {topic}: {why}" for topic, why in out]


def check(settings: Settings, files: Sequence[str]) -> str:
    """Measure what the patch would change, and keep the result for the console.

    Args:
        settings: the service's settings.
        files: labelled files; where none is given, that of BOT_EVALUATION_FILE if there is one.

    Raises:
        CheckRunning: another one is running.
        CheckError: it could not be done.
        LabelledFileError: a file is wrong.
    """
    folder = CheckFolder(settings.var_dir)
    chosen = [Path(file) for file in files or [settings.evaluation_file] if file]
    os.nice(LESS_URGENT)
    with folder.only_one():
        begun = CheckResult(result.TRAINING, now())
        folder.write(begun)
        try:
            made, begun = _patch_to_check(settings, begun)
            return table(check_patch(settings, made, chosen, note=folder.write, begun=begun))
        except Exception as error:
            message = str(error) if isinstance(error, UserError) else f"unexpected: {type(error).__name__}"
            folder.write(begun.now_at(FAILED, error=" ".join(message.split())))
            raise


def _patch_to_check(settings: Settings, begun: CheckResult) -> tuple[Patch, CheckResult]:
    with _session(settings) as session:
        queued = improvement.queue(session)
    made = make_patch(queued)
    purposes = [each.purpose for each in queued if each.id in made.taken]
    return made, replace(begun, examples=purposes.count(TRAINING), tests=purposes.count(REGRESSION))


def table(result: CheckResult) -> str:
    """The figures before and after, side by side, in per cent."""
    lines = [f"a patch of {result.examples} examples and {result.tests} tests; in per cent"]
    for measured in result.files:
        lines += ["", f"{measured.name[:27]:28}{'before':>10}{'after':>10}{'change':>10}"]
        lines += _rows(measured)
    return "\n".join([*lines, "", f"{' and '.join(FEWER_IS_BETTER)}: fewer are better"])


def _rows(measured: Measured) -> list[str]:
    return [
        f"  {column.replace('_', ' '):26}{before:10.1f}{after:10.1f}{after - before:+10.1f}"
        for column, before, after in measured.rows()
    ]
