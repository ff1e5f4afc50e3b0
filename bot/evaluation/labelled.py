"""Labelled messages: tab-separated files with a header line."""

import csv
from pathlib import Path

from bot.errors import UserError


class LabelledFileError(UserError):
    """A labelled file is not what it should be; the message names the line."""


def read_labelled(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Read a labelled file.

    Args:
        path: the file.
        columns: those it must have; further ones are kept.

    Raises:
        LabelledFileError: the file cannot be read, lacks a column, or a line has too few fields.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise LabelledFileError(f"{path}, line 1: the column '{missing[0]}' is missing")
            rows = []
            for number, row in enumerate(reader, start=2):
                if any(row[column] is None for column in columns):
                    raise LabelledFileError(f"{path}, line {number}: has fewer fields than the header")
                rows.append(row)
    except (OSError, UnicodeDecodeError) as error:
        raise LabelledFileError(f"{path} cannot be read: {error}") from error
    if not rows:
        raise LabelledFileError(f"{path} holds no messages")
    return rows
