"""`bot redflags`: detection alone."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from bot.jsonl import read_line
from bot.redflags.both import BothDetectors


def detect_lines(lines: Iterable[str], output: TextIO, models: Path) -> None:
    """Detect red flags line by line, in order.

    Raises:
        DataFileError: the lexicon is wrong.
        InputError: a line is a JSON object without a text.
    """
    detector = BothDetectors(models)
    for number, line in enumerate(lines, start=1):
        text, _ = read_line(line, number)
        detection = detector.detect(text)
        flags = [asdict(flag) for flag in detection.red_flags]
        found = {"text": text, "tier": detection.tier, "red_flags": flags}
        output.write(json.dumps(found, ensure_ascii=False) + "\n")
        output.flush()
