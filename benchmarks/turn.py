"""Measure one turn of this service beside Rasa's own example bot: `make benchmark`, `benchmarks/turn.py --help`.

Writes benchmarks/results/turn.json and turn.md. All measurements are of this machine and of one run.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from our_service import measure_conversations, measure_service
from processes import ProcessFailed
from rasa_example import FOLDER, ExampleUnavailable, measure_example
from report import as_markdown

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"


def main() -> None:
    """Measure everything, and write the results."""
    arguments = _arguments()
    conversations = max(1, arguments.conversations or (2_000 if arguments.quick else 50_000))
    turns, starts = (100, 1) if arguments.quick else (400, 3)
    results: dict[str, Any] = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": _revision(),
        "machine": {**_machine(), "load_before": _load()},
        "service": None,
        "conversations": None,
        "example": None,
        "example_missing": "left out",
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    # On the project's own disk: a folder for temporary files may be one in memory, where a commit costs nothing.
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        folder = Path(name)
        try:
            results["service"] = measure_service(folder, turns=turns, starts=starts)
            _write(results)
            if not arguments.without_example:
                results |= _example(folder, turns=turns, starts=starts, session=not arguments.quick)
            _write(results)
            results["conversations"] = measure_conversations(folder, count=conversations, minutes=arguments.minutes)
            _write(results)
        except ProcessFailed as error:
            sys.exit(f"benchmark: {error}")
    print(as_markdown(results))


def _example(folder: Path, **how: Any) -> dict[str, Any]:
    try:
        return {"example": measure_example(folder, **how), "example_missing": None}
    except ExampleUnavailable as error:
        missing = " ".join(str(error).split())
        print(f"benchmark: the example bot is not measured: {missing}", file=sys.stderr)
        return {"example_missing": missing}


def _write(results: dict[str, Any]) -> None:
    """Write what there is so far: the whole takes long, and whoever ends it keeps this."""
    results["machine"]["load_after"] = _load()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "turn.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    (RESULTS / "turn.md").write_text(as_markdown(results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer turns, starts and conversations")
    parser.add_argument("--conversations", type=int, help="look at the memory after so many (50000; 2000 with --quick)")
    parser.add_argument("--minutes", type=float, default=60, help="the most that the conversations may take (60)")
    parser.add_argument("--without-example", action="store_true", help="leave Rasa's example bot out")
    return parser.parse_args()


def _machine() -> dict[str, Any]:
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _cpu(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown CPU"


def _load() -> float:
    return round(os.getloadavg()[0], 2)


def _revision() -> str:
    """The commit that was measured, and whether the files differed from it."""
    try:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, check=True)
        changed = subprocess.run(["git", "status", "--porcelain"], cwd=HERE, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.stdout.decode().strip() + (" with changes" if changed.stdout.strip() else "")


if __name__ == "__main__":
    main()
