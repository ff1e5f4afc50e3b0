"""Lines of a CSV file that a spreadsheet opens without running any of it."""

import csv
import io
from collections.abc import Iterable

# What a spreadsheet takes for the beginning of a formula, and what it skips before that.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_SKIPPED = " \n\xa0\u3000"


def csv_line(values: Iterable[object]) -> str:
    """One line; a text that a spreadsheet would run gets an apostrophe in front."""
    line = io.StringIO()
    csv.writer(line).writerow([_harmless(value) for value in values])
    return line.getvalue()


def _harmless(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.lstrip(_SKIPPED).startswith(_FORMULA) else text
