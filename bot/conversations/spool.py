"""The spool: what the database could not take, on disk until it can."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from bot.conversations.records import Inbound, Outcome

logger = structlog.get_logger(__name__)


class LineRefused(Exception):
    """Raised by what a line is handed to: it can never be written, and must not keep the others waiting."""


class Spool:
    """A file of lines, each written through to the disk before `append` returns. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "spool.jsonl"
        self._lock = threading.Lock()

    def append(self, inbound: Inbound, outcome: Outcome | None = None) -> None:
        """Keep a message, or what became of it.

        Raises:
            OSError: the disk cannot be written either.
        """
        line = json.dumps(
            {
                "inbound": inbound.as_dict(),
                "outcome": outcome.as_dict() if outcome else None,
            }
        )
        with self._lock:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # The line break comes first: a line cut short by a crash then spoils only itself.
                _write_whole(descriptor, f"\n{line}\n".encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read_back(self, write: Callable[[Inbound, Outcome | None], None]) -> int:
        """Hand every line, in order, to `write`, and forget the file once all are written.

        `write` must tolerate what it was given before: after a failure, all lines are handed over again. Lines appended
        meanwhile wait for the next call. A line cut short by a crash, or refused with `LineRefused`, is put aside, not
        lost.

        Returns:
            how many lines were written.

        Raises:
            Exception: whatever `write` raised; the lines stay.
        """
        batch = self._folder / "spool.reading.jsonl"
        with self._lock:
            if not batch.exists():
                if not self._file.exists():
                    return 0
                self._file.rename(batch)
        count = 0
        for line in batch.read_text(encoding="utf-8", errors="backslashreplace").splitlines():
            if not line:
                continue
            try:
                entry = json.loads(line)
                inbound = Inbound.from_dict(entry["inbound"])
                outcome = Outcome.from_dict(entry["outcome"]) if entry["outcome"] else None
            except (ValueError, KeyError, TypeError):
                self._put_aside(line)
                continue
            try:
                write(inbound, outcome)
            except LineRefused:
                self._put_aside(line)
                continue
            count += 1
        batch.unlink()
        return count

    def _put_aside(self, line: str) -> None:
        logger.error("spool.line.put_aside", kept_in="spool.unreadable.txt")
        with (self._folder / "spool.unreadable.txt").open("a", encoding="utf-8") as aside:
            aside.write(line + "\n")


def _write_whole(descriptor: int, data: bytes) -> None:
    """Write all of it: a disk that fills up takes a part without a word and fails only at the next write."""
    while data:
        data = data[os.write(descriptor, data) :]
