"""Running a labelled file through the whole service, and printing the figures."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean

from bot.answers.questions import SMALL_TALK, TALK_TO_HUMAN
from bot.asking import ask_all
from bot.dialogue.turn import TurnResult
from bot.evaluation.labelled import read_labelled
from bot.evaluation.scores import Given, Scores, score
from bot.evaluation.voices import leave_voices_out
from bot.replies import ANSWER, FALLBACK, HANDOVER
from bot.replies import SMALL_TALK as SMALL_TALK_KIND
from bot.settings import Settings

SHOWN_CONFUSIONS = 15
COLUMNS = ("right", "another", "clarified", "right_or_offered", "rejected", "refused")


def evaluate_topics(settings: Settings, file: str, *, as_json: bool, voices: bool) -> str:
    """Measure the understanding.

    Args:
        settings: the service's settings.
        file: a labelled file with the columns text and topic.
        as_json: print JSON instead of a table.
        voices: also leave each voice of data/nlu.yml out in turn; takes a minute or two.

    Raises:
        LabelledFileError: the file is wrong.
    """
    rows = read_labelled(Path(file), ("text", "topic"))
    results = asyncio.run(ask_all(settings, [row["text"] for row in rows]))
    scores = score(given(row["text"], row["topic"], result) for row, result in zip(rows, results, strict=True))
    left_out = list(leave_voices_out()) if voices else []
    if as_json:
        return json.dumps(
            {"file": asdict(scores), "voices": {voice: asdict(each) for voice, each in left_out}}, indent=2
        )
    return _table(file, scores, left_out)


def given(text: str, expected: str, result: TurnResult) -> Given:
    """What a message got, from its replies."""
    answered = {reply.topic for reply in result.replies if reply.kind == ANSWER and reply.topic}
    kinds = {reply.kind for reply in result.replies}
    answered |= {SMALL_TALK} if SMALL_TALK_KIND in kinds else set()
    answered |= {TALK_TO_HUMAN} if HANDOVER in kinds else set()
    offered = {
        button.token.partition("/")[0] for reply in result.replies if reply.kind != ANSWER for button in reply.buttons
    }
    return Given(text, expected, frozenset(answered), frozenset(offered), FALLBACK in kinds)


def _table(file: str, scores: Scores, left_out: Sequence[tuple[str, Scores]]) -> str:
    head = f"{'':24}" + "".join(f"{name.replace('_', ' '):>18}" for name in COLUMNS)
    lines = [f"{scores.in_scope} messages in scope, {scores.out_of_scope} out of scope, in per cent", "", head]
    lines.append(_row(Path(file).name, scores))
    if left_out:
        lines += ["", "each voice of data/nlu.yml left out of training:"]
        lines += [_row(voice, each) for voice, each in left_out]
        means = {name: mean(getattr(each, name) for _, each in left_out) for name in COLUMNS}
        lines.append(f"{'  mean':24}" + "".join(f"{means[name] * 100:18.1f}" for name in COLUMNS))
    if scores.confusions:
        lines += ["", "answered with another topic (label → answered):"]
        lines += [f"{count:4}  {label} → {topic}" for label, topic, count in scores.confusions[:SHOWN_CONFUSIONS]]
    return "\n".join(lines)


def _row(name: str, scores: Scores) -> str:
    values = (getattr(scores, column) for column in COLUMNS)
    return f"{name[:23]:24}" + "".join(f"{'-' if value is None else f'{value * 100:.1f}':>18}" for value in values)
