"""Figures from measurements. Standard library alone: the example bot's own Python uses this too."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * round(share * 1000) // 1000))
    return ordered[rank - 1]


def spread(milliseconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile of durations."""
    return {
        "turns": len(milliseconds),
        "median_ms": round(median(milliseconds), 2),
        "p95_ms": round(percentile(milliseconds, 0.95), 2),
        "p99_ms": round(percentile(milliseconds, 0.99), 2),
    }


def growth(milliseconds: Sequence[float]) -> dict[str, float]:
    """Turn 10 and turn 500 of a session of 505 turns or more, each the median of the turns around it."""
    early, late = median(milliseconds[7:12]), median(milliseconds[494:505])
    return {"turn_10_ms": round(early, 2), "turn_500_ms": round(late, 2), "ratio": round(late / early, 2)}


def resident_mb(pid: int | None = None) -> float:
    """The memory that a process holds (resident set size), in MB of a million bytes.

    Args:
        pid: which process; this one where none is given.
    """
    status = Path(f"/proc/{pid or os.getpid()}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        kibibytes = int(line.split()[1])
    else:
        shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid or os.getpid())], capture_output=True, check=True)
        kibibytes = int(shown.stdout)
    return round(kibibytes * 1024 / 1e6, 1)
