"""Measure the detectors of red flags, and how their time grows with a text: `benchmarks/red_flags.py --help`.

Writes benchmarks/results/red_flags.json and red_flags.md. All measurements are of this machine and of one run.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from itertools import count
from string import ascii_lowercase, digits
from typing import Any

from figures import spread
from messages import message
from turn import RESULTS, _load, _machine, _revision

from bot.redflags.both import BothDetectors
from bot.redflags.lexicon import FOLDER, read_lexicon
from bot.settings import load_settings

LENGTHS = (1_000, 2_000, 5_000, 10_000, 16_000)
LONG = 10_000  # characters
TEXTS = 5  # of each kind but the messages
# Without symptoms. The running number stands first: whatever is cut off behind it, no two are alike.
_FILLERS = (
    "{n} letters came for us this week, most of them about the house and the garden. "
    "{n} people sang in the choir on Sunday, and my cousin played the piano. "
)

_draw = random.Random(1)  # the same texts in every run
_numbers = count(1)
Case = tuple[str, str, int | None, int, Callable[[], str]]  # detectors, text, bound in ms, how many, their writer


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=300, help="how many messages of 30 words (300)")
    messages = max(1, parser.parse_args().messages)
    both = BothDetectors(load_settings().models_dir)
    if both.second is None:
        raise SystemExit("benchmark: the second detector is missing: run `bot train`")
    date, machine = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC", {**_machine(), "load_before": _load()}
    rows = measure(both, _cases(messages))
    results = {"date": date, "revision": _revision(), "machine": {**machine, "load_after": _load()}, "rows": rows}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "red_flags.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    (RESULTS / "red_flags.md").write_text(_as_markdown(results))
    print(_as_markdown(results))


def measure(both: BothDetectors, cases: list[Case]) -> list[dict[str, Any]]:
    """Take the time of each case, after a warm-up; the second detector must be there."""
    for *_, write in cases[:1] * 20 + cases:
        both.detect(write())
    rows = []
    for detectors, text, bound, times, write in cases:
        detect, taken = both.detect if detectors == "both" else both.first.detect, []
        for written in [write() for _ in range(times)]:
            started = time.perf_counter()
            detect(written)
            taken.append((time.perf_counter() - started) * 1000)
        rows.append({"detectors": detectors, "text": text, "bound_ms": bound, **spread(taken)})
    return rows


def _cases(messages: int) -> list[Case]:
    words = [word for word in read_lexicon(FOLDER).words if word.isascii() and len(word) > 4]  # shorter: never mended
    pieces: dict[str, Callable[[], str]] = {
        "random letters": lambda: _draw.choice(ascii_lowercase + " " * 5),
        "digits": lambda: _draw.choice(digits + " " * 3),
        "one number": lambda: _draw.choice(digits),
        "single letters with spaces": lambda: _draw.choice(ascii_lowercase) + " ",
        "one long word": lambda: _draw.choice(ascii_lowercase),
        "one long word of words run together": lambda: "".join(filter(str.isalpha, _ordinary())),
        # One letter is another one, by chance now and then the same.
        "misspelt symptom words": lambda: (
            (word := _draw.choice(words)).replace(_draw.choice(word), _draw.choice(ascii_lowercase), 1) + " "
        ),
    }
    return [
        ("first", "30 words", 2, messages, _short),
        *(("first", f"{n:,} characters", {LONG: 60}.get(n), TEXTS, partial(_filled, n, _ordinary)) for n in LENGTHS),
        *(("first", f"{LONG:,}: {kind}", 60, TEXTS, partial(_filled, LONG, piece)) for kind, piece in pieces.items()),
        ("both", "30 words, 2 to 4 sentences", 10, messages, _short),
        ("both", "30 words, one sentence", 10, messages, lambda: _short().translate(dict.fromkeys(b".?\n"))),
        ("both", f"{LONG:,} characters", 1_000, TEXTS, partial(_filled, LONG, _ordinary)),
    ]


def _ordinary() -> str:
    n = next(_numbers)
    return f"Day {n}: {message(n)}\n {_FILLERS.format(n=n)}"


def _short() -> str:
    return " ".join(_ordinary().split(" ")[:30])


def _filled(characters: int, piece: Callable[[], str]) -> str:
    text = ""
    while len(text) < characters:
        text += piece()
    return text[:characters]


def _as_markdown(results: dict[str, Any]) -> str:
    machine = results["machine"]
    line = "| {detectors} | {text} | {turns} | {median_ms} | {p95_ms} | {bound_ms} |\n"
    table = "".join(line.format(**row) for row in results["rows"]).replace("None", "–")
    return f"""# Detection of red flags, measured

{results["date"]}, revision {results["revision"]}; written by `benchmarks/red_flags.py`.
Machine: {machine["cores"]} cores, {machine["cpu"]}, {machine["memory_gb"]} GB of memory, {machine["system"]}, Python \
{machine["python"]}. Load (1 min) before and after: {machine["load_before"]} and {machine["load_after"]}.

| detectors | text | texts | median, ms | 95th percentile, ms | asked for, ms |
|---|---|---:|---:|---:|---:|
{table}
No two texts or sentences are alike: neither remembered detections nor cached embeddings help. “Both” embeds every
sentence. Of {TEXTS} texts the slowest is the 95th percentile. Nothing here judges the figures by what was asked for.
"""


if __name__ == "__main__":
    main()
