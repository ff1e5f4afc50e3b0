"""The figures of the console as a page to read."""

from typing import Any

_TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_HOW = """\
Times are of the whole answer: the session is looked up, the page is read and rendered, and who saw it is recorded and
committed. All pages are asked for in turn, round after round, by one browser, without a network. The bound is for the
median; **bold** is over it. The shortest time is the one that other work on the machine disturbed least.
A plan that goes “by” an index begins at its end and leaves off when the page is full; “all of” a table is read whole.
"""


def as_markdown(results: dict[str, Any]) -> str:
    """A page with the machine, both databases side by side, and the plans that read much."""
    machine, databases = results["machine"], results["databases"]
    columns = [f"{_TITLES[kind]}: {figure}" for kind in databases for figure in ("median", "95 %", "shortest")]
    messages = ", ".join(f"{found['messages']:,} on {_TITLES[kind]}" for kind, found in databases.items())
    names = list(next(iter(databases.values()))["pages"])
    lines = [
        "# The console, measured",
        "",
        f"{results['date']}, revision {results['revision']}; written by `benchmarks/console.py`. Messages in the log: "
        f"{messages}. Rounds: {results['rounds']}.",
        "",
        f"Machine: {machine['cores']} cores, {machine['cpu']}, {machine['memory_gb']} GB of memory, "
        f"{machine['system']}, Python {machine['python']}. Load (1 min) before and after: {machine['load_before']} and "
        f"{machine['load_after']}; above 1 before, other work shared the machine.",
        "",
        f"| page, ms | {' | '.join(columns)} | bound |",
        f"|---|{'---:|' * (len(columns) + 1)}",
        *(_row(name, [found["pages"][name] for found in databases.values()]) for name in names),
        "",
        _HOW,
    ]
    for kind, found in databases.items():
        lines += [f"## Plans on {_TITLES[kind]}", "", *_plans(found["pages"]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, figures: list[dict[str, Any]]) -> str:
    bound = figures[0]["bound_ms"]
    cells = []
    for each in figures:
        median = f"{each['median_ms']:.0f}"
        cells.append(f"**{median}**" if bound is not None and each["median_ms"] > bound else median)
        cells += [f"{each['p95_ms']:.0f}", f"{each['min_ms']:.0f}"]
    return f"| {name} | {' | '.join(cells)} | {bound or '–'} |"


def _plans(pages: dict[str, Any]) -> list[str]:
    """What the statements of each page read of large tables without looking it up; pages alike in one line."""
    alike: dict[str, list[str]] = {}
    for name, figures in pages.items():
        alike.setdefault(", ".join(figures["scans"]) or "everything is looked up by an index", []).append(name)
    return [f"- {scans}: {'; '.join(names)}." for scans, names in alike.items()]
