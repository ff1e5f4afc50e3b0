"""The figures as a page to read."""

from typing import Any

_WHAT_IS_COMPARED = """\
One turn of this service is the whole of it: red-flag gate, message and replies committed to SQLite on this disk, Rasa,
answers, fixed texts. One turn of the example bot is Rasa's `Agent.handle_text` alone, with its memory of conversations
in the process. Both are asked one message at a time. CPU is the time for which all threads together kept a core busy:
other work on the machine lengthens it less than the time that passes. MB are millions of bytes of resident memory."""

_ROWS = (
    ("one turn, warm: median of {turns}", "turn.median_ms", "ms"),
    ("95th percentile", "turn.p95_ms", "ms"),
    ("99th percentile", "turn.p99_ms", "ms"),
    ("CPU of one turn, mean", "turn.cpu_ms", "ms"),
    ("turn 10 of one session (median of 8 to 12)", "session.turn_10_ms", "ms"),
    ("turn 500 of it (median of 495 to 505)", "session.turn_500_ms", "ms"),
    ("turn 500 to turn 10", "session.ratio", "times"),
    ("memory in process, after the start", "memory.after_start_mb", "MB"),
    ("memory in process, after these turns", "memory.after_turns_mb", "MB"),
    ("memory of the server, after its first answer", "first_answer.memory_mb", "MB"),
    ("from the server's start to its first answer", "first_answer.median_s", "s"),
    ("training from nothing", "training.seconds", "s"),
    ("CPU of the training", "training.cpu_s", "s"),
)


def as_markdown(results: dict[str, Any]) -> str:
    """A page with the machine, the figures side by side, and what else was seen."""
    machine, ours, example = results["machine"], results["service"], results["example"]
    lines = [
        "# One turn, measured",
        "",
        f"{results['date']}, revision {results['revision']}; written by `make benchmark`.",
        "",
        f"Machine: {machine['cores']} cores, {machine['cpu']}, {machine['memory_gb']} GB of memory, "
        f"{machine['system']}, Python {machine['python']}. Load (1 min) before and after: {machine['load_before']} and "
        f"{machine['load_after']}; above 1 before, other work shared the machine.",
        "",
        "| | this service | Rasa's example bot |",
        "|---|---:|---:|",
    ]
    for label, path, unit in _ROWS:
        shown = label.format(turns=ours["turn"]["turns"])
        lines.append(f"| {shown} | {_cell(ours, path, unit)} | {_cell(example, path, unit)} |")
    lines += ["", _WHAT_IS_COMPARED, "", *_remarks(ours, example, results["example_missing"])]
    if results["conversations"]:
        lines += ["", *_conversations(results["conversations"])]
    return "\n".join(lines) + "\n"


def _cell(figures: dict[str, Any] | None, path: str, unit: str) -> str:
    value: Any = figures
    for name in path.split("."):
        value = None if value is None else value[name]
    if value is None:
        return "–"
    return f"{value:.2f} {unit}" if unit == "times" else f"{value:.1f} {unit}"


def _remarks(ours: dict[str, Any], example: dict[str, Any] | None, missing: str | None) -> list[str]:
    remarks = [
        f"- Replies to the {ours['turn']['turns']} messages: {_kinds(ours['reply_kinds'])}.",
        f"- Starts of the server, the table has the median: {_starts(ours)}.",
    ]
    if example is None:
        return [*remarks, f"- The example bot was not measured: {missing}."]
    return [
        *remarks,
        f"- Starts of the example bot's: {_starts(example) if example['first_answer'] else 'it failed'}.",
        f"- The example bot left {example['unanswered']} of its messages without a reply.",
    ]


def _starts(figures: dict[str, Any]) -> str:
    return ", ".join(
        f"{start['seconds']:.1f} s (CPU {start['cpu_s']:.1f} s)" for start in figures["first_answer"]["starts"]
    )


def _conversations(many: dict[str, Any]) -> list[str]:
    memory = [(int(number), size) for number, size in many["memory_mb"].items()]
    shown = memory[:: max(1, len(memory) // 10)]
    if shown[-1] != memory[-1]:
        shown.append(memory[-1])
    return [
        f"## Memory of this service over {many['count']:,} conversations",
        "",
        f"A new process; conversations of one turn, {many['at_a_time']} at a time, {many['per_second']} in a second; "
        f"the database then has {many['database_mb']:.0f} MB. Replies: {_kinds(many['reply_kinds'])}.",
        "",
        "| conversations | memory |",
        "|---:|---:|",
        *(f"| {number:,} | {size:.1f} MB |" for number, size in shown),
    ]


def _kinds(kinds: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
