"""The spool: what the database could not take, on disk until it can."""

import json
import os
import tempfile
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import structlog

from bot.conversations.erased import ConversationErased, ErasedConversations
from bot.conversations.records import Inbound, Outcome
from bot.errors import UserError

logger = structlog.get_logger(__name__)


class LineRefused(Exception):
    """Raised by what a line is handed to: it can never be written, and must not keep the others waiting."""


class SpoolError(UserError):
    """The spool cannot be written where it should; the message says where and why."""


def check_folder(folder: Path) -> None:
    """Make the spool's folder and write a file in it: a fault would else be noticed when the database is gone.

    Raises:
        SpoolError: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"a line of the spool")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SpoolError(f"{folder} cannot be written (BOT_VAR_DIR): {error.strerror or error}") from error


class Spool:
    """A file of lines, each written through to the disk before `append` returns. Safe to use from several threads."""

    def __init__(self, folder: Path, erased: ErasedConversations | None = None) -> None:
        """Use a folder.

        Args:
            folder: made when it is needed.
            erased: conversations of which nothing is kept.
        """
        self._folder = folder
        self._erased = ErasedConversations() if erased is None else erased
        self._file = folder / "spool.jsonl"
        self._batch = folder / "spool.reading.jsonl"
        self._aside = folder / "spool.unreadable.txt"
        self._lock = threading.Lock()

    def append(self, inbound: Inbound, outcome: Outcome | None = None) -> None:
        """Keep a message, or what became of it.

        Raises:
            ConversationErased: the message's conversation was erased.
            OSError: the disk cannot be written either.
        """
        line = json.dumps(
            {
                "inbound": inbound.as_dict(),
                "outcome": outcome.as_dict() if outcome else None,
            }
        )
        with self._lock:
            if inbound.conversation in self._erased:
                raise ConversationErased
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
        with self._lock:
            if not self._batch.exists():
                if not self._file.exists():
                    return 0
                self._file.rename(self._batch)
        count = 0
        for line in self._batch.read_text(encoding="utf-8", errors="backslashreplace").splitlines():
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
        self._batch.unlink()
        return count

    def waiting(self) -> tuple[int, int]:
        """How many lines the database has not taken yet, and how many are put aside."""
        return _count(self._file) + _count(self._batch), _count(self._aside)

    def _put_aside(self, line: str) -> None:
        logger.error("spool.line.put_aside", kept_in="spool.unreadable.txt")
        with self._aside.open("a", encoding="utf-8") as aside:
            aside.write(line + "\n")

    def erase(self, conversation: str) -> None:
        """Drop the lines of a conversation, those put aside as well. Not while lines are being read back.

        Raises:
            OSError: a file cannot be rewritten.
        """

        def keep(line: str) -> bool:
            inbound = _inbound_of(line)
            # Of a line that was cut short only the words can be asked.
            return conversation not in line if inbound is None else inbound.conversation != conversation

        with self._lock:
            for file in (self._file, self._batch, self._aside):
                _rewrite(file, keep)

    def expire(self, before: datetime) -> None:
        """Drop what was put aside before a moment; of a line that does not say when, the file's last change counts.

        Raises:
            OSError: the file cannot be rewritten.
        """
        if not self._aside.exists():
            return
        changed = datetime.fromtimestamp(self._aside.stat().st_mtime, timezone.utc)

        def keep(line: str) -> bool:
            inbound = _inbound_of(line)
            return (changed if inbound is None else inbound.received_at) >= before

        with self._lock:
            _rewrite(self._aside, keep)


def _count(file: Path) -> int:
    """The lines of a file that is there now, or was."""
    try:
        return sum(1 for line in file.read_bytes().splitlines() if line)
    except FileNotFoundError:
        return 0


def _inbound_of(line: str) -> Inbound | None:
    """The message of a line; None where the line is damaged."""
    try:
        return Inbound.from_dict(json.loads(line)["inbound"])
    except (ValueError, KeyError, TypeError):
        return None


def _rewrite(file: Path, keep: Callable[[str], bool]) -> None:
    """Leave out the lines that are not to be kept; the file is whole at every moment."""
    if not file.exists():
        return
    # Bytes that are no text are kept as they are.
    lines = file.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    kept = [line for line in lines if keep(line)]
    if kept == lines:
        return
    if not any(kept):
        file.unlink()
        return
    new = file.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _write_whole(descriptor, "\n".join(kept).encode("utf-8", "surrogateescape"))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(file)


def _write_whole(descriptor: int, data: bytes) -> None:
    """Write all of it: a disk that fills up takes a part without a word and fails only at the next write."""
    while data:
        data = data[os.write(descriptor, data) :]
