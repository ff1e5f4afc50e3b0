"""The newest check of a patch, kept in var/: how far it has come, and what it found."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.errors import UserError
from bot.storage.base import now

TRAINING, BEFORE, AFTER, DONE, FAILED = "training", "before", "after", "done", "failed"
COLUMNS = ("right", "another", "clarified", "right_or_offered", "rejected", "refused")
FEWER_IS_BETTER = ("another", "clarified")
_TRIES, _PAUSE_S = 20, 0.05  # somebody may be looking at the very moment whether a check is running


class CheckRunning(UserError):
    """A check is running already: there is one at a time."""


@dataclass(frozen=True)
class Measured:
    """A labelled file's figures without the patch and with it, as `bot evaluate --json` prints them."""

    name: str
    before: dict[str, Any]
    after: dict[str, Any]

    def rows(self) -> list[tuple[str, float, float]]:
        """Each figure in per cent, before and after; without those that the file has no messages for."""
        return [
            (column, self.before[column] * 100, self.after[column] * 100)
            for column in COLUMNS
            if self.before[column] is not None and self.after[column] is not None
        ]


@dataclass(frozen=True)
class CheckResult:
    """A check.

    Args:
        state: training, before, after: what it is doing or measuring; done or failed.
        begun_at: when it began.
        ended_at: when it was done or failed.
        examples: how many training examples the patch adds.
        tests: how many regression tests it adds.
        files: the figures; empty until it is done.
        error: why it failed.
    """

    state: str
    begun_at: datetime
    ended_at: datetime | None = None
    examples: int = 0
    tests: int = 0
    files: tuple[Measured, ...] = ()
    error: str = ""

    def now_at(self, state: str, *, files: tuple[Measured, ...] = (), error: str = "") -> "CheckResult":
        """The same check, further on."""
        ended_at = now() if state in (DONE, FAILED) else None
        return replace(self, state=state, ended_at=ended_at, files=files, error=error)


class CheckFolder:
    """Where the newest check is kept."""

    def __init__(self, var: Path) -> None:
        self._folder = var / "improve"
        self._file = self._folder / "check.json"
        self._lock = self._folder / "check.lock"

    @contextmanager
    def only_one(self) -> Iterator[None]:
        """Hold the place of the one check.

        Raises:
            CheckRunning: another process holds it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as file:
            for tried in range(_TRIES):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if tried == _TRIES - 1:
                        raise CheckRunning("a check is running already: wait until it is done") from error
                    time.sleep(_PAUSE_S)
            yield

    def is_running(self) -> bool:
        """Whether a check is running now."""
        try:
            with self._lock.open("r") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def write(self, result: CheckResult) -> None:
        """Keep a result; whoever reads meanwhile gets the old one or the new one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(asdict(result), default=datetime.isoformat, indent=1), encoding="utf-8")
        os.replace(new, self._file)

    def read(self) -> CheckResult | None:
        """The newest result; None where there is none, or none that this version wrote."""
        try:
            values = json.loads(self._file.read_text(encoding="utf-8"))
            moments = {name: datetime.fromisoformat(values[name]) for name in ("begun_at", "ended_at") if values[name]}
            files = tuple(Measured(**each) for each in values["files"])
            return CheckResult(**{**values, **moments, "files": files})
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return None
