"""What is queued, as a patch of the examples and of the tests; people read it and apply it with `git apply`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path

from bot.conversations.improvement import one_line
from bot.conversations.review_models import TRAINING, QueuedExample
from bot.dialogue.nlu_examples import FILE as NLU_FILE
from bot.dialogue.nlu_examples import read_nlu_examples
from bot.evaluation.labelled import read_labelled
from bot.paths import ROOT

VOICE = "navigators"
REGRESSION_FILE = ROOT / "tests" / "data" / "regression.tsv"
_ENTITY_BEGINS = re.compile(r"\](?=[({\[])")


@dataclass(frozen=True)
class Patch:
    """A patch of the project's files.

    Args:
        text: the unified diff; empty where nothing is left to add.
        taken: the ids of what it adds.
        left_out: why something is not in it, by its id.
        nlu: the whole data/nlu.yml as it will be.
        regression: the whole tests/data/regression.tsv as it will be.
    """

    text: str
    taken: tuple[int, ...]
    left_out: dict[int, str]
    nlu: str
    regression: str


@dataclass
class _Known:
    """What stands in the files already, and what was taken so far: the topic of each text."""

    examples: dict[str, str]
    tests: dict[str, str]
    intents: set[str]
    left_out: dict[int, str] = field(default_factory=dict)


def make_patch(queued: Sequence[QueuedExample], *, nlu: Path = NLU_FILE, regression: Path = REGRESSION_FILE) -> Patch:
    """Make the patch that adds what is queued to the project's files as they are now.

    Args:
        queued: examples and tests.
        nlu: the file of examples.
        regression: the file of tests.

    Raises:
        DataFileError: the file of examples is wrong.
        LabelledFileError: the file of tests is wrong.
    """
    examples = read_nlu_examples(nlu)
    known = _Known(
        {_compared(example.text): example.intent for example in examples},
        {_compared(row["text"]): row["topic"] for row in read_labelled(regression, ("text", "topic"))},
        {example.intent for example in examples},
    )
    taken = [each for each in queued if _is_new(each, known)]
    nlu_before, tests_before = (path.read_text(encoding="utf-8") for path in (nlu, regression))
    nlu_after, tests_after = nlu_before, tests_before
    for each in taken:
        if each.purpose == TRAINING:
            nlu_after = _with_example(nlu_after, each.topic, as_example(each.text))
        else:
            tests_after = f"{tests_after.rstrip()}\n{one_line(each.text)}\t{each.topic}\n"
    text = _diff(nlu_before, nlu_after, "data/nlu.yml") + _diff(tests_before, tests_after, "tests/data/regression.tsv")
    return Patch(text, tuple(each.id for each in taken), known.left_out, nlu_after, tests_after)


def as_example(text: str) -> str:
    """A text as it may stand among the examples: Rasa would read `[word](entity)` as a mark, and a dash as an item."""
    return _ENTITY_BEGINS.sub("] ", one_line(text)).lstrip("- ")


def _is_new(each: QueuedExample, known: _Known) -> bool:
    """Whether something can be added; notes why not, and what it adds."""
    text = _compared(as_example(each.text) if each.purpose == TRAINING else one_line(each.text))
    in_examples, in_tests = known.examples.get(text), known.tests.get(text)
    own, other = (in_examples, in_tests) if each.purpose == TRAINING else (in_tests, in_examples)
    if not text:
        reason = "nothing is left of its text"
    elif each.topic not in known.intents:
        reason = f"no example in data/nlu.yml has the topic {each.topic}"
    elif other is not None:
        reason = "the same text is both an example and a test: what is measured with is not trained on"
    elif own is not None:
        reason = "it stands there already" if own == each.topic else f"it stands there already, with the topic {own}"
    else:
        (known.examples if each.purpose == TRAINING else known.tests)[text] = each.topic
        return True
    known.left_out[each.id] = reason
    return False


def _compared(text: str) -> str:
    return " ".join(text.split()).casefold()


def _with_example(nlu: str, intent: str, text: str) -> str:
    """The file with one more example, in the block of our voice behind the others of its intent."""
    lines = nlu.split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("- ")]
    blocks = [
        (start, _end_of_block(lines, start, end))
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
        if lines[start].rstrip() == f"- intent: {intent}"
    ]
    own = next((end for start, end in blocks if f"    voice: {VOICE}" in lines[start:end]), None)
    example = f"    - {text}"
    if own is not None:
        return "\n".join([*lines[:own], example, *lines[own:]])
    end = blocks[-1][1]
    block = [f"- intent: {intent}", "  metadata:", f"    voice: {VOICE}", "  examples: |", example]
    return "\n".join([*lines[:end], *block, *lines[end:]])


def _end_of_block(lines: Sequence[str], start: int, end: int) -> int:
    """The line behind the last one of a block; a comment behind it is not of the block."""
    while end > start and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return end


def _diff(before: str, after: str, name: str) -> str:
    return "".join(_whole_lines(unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}")))


def _lines(text: str) -> list[str]:
    """Lines as git counts them: only a line feed ends one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _whole_lines(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
