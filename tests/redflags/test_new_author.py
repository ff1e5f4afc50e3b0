"""Messages of an author who knew neither the lexicon nor the examples: how a stranger's red flags are found."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.evaluation.labelled import read_labelled
from bot.redflags.both import BothDetectors

FILE = Path(__file__).parent.parent / "data" / "red_flags_new_author.tsv"

# Before anybody had looked at the misses, 245 of 264 were found, and 2 of 160 ordinary messages triggered.
FOUND_AT_LEAST = 0.96
TRIGGERS_AT_MOST = 0.02


@pytest.fixture(scope="module")
def triggers(model: Path) -> Callable[[str], bool]:
    detectors = BothDetectors(model.parent)
    return lambda text: detectors.detect(text).triggers


def _texts(kind: str) -> list[str]:
    return [row["text"] for row in read_labelled(FILE, ("kind", "label", "text")) if row["kind"] == kind]


def test_red_flags_of_a_stranger_are_found(triggers: Callable[[str], bool]) -> None:
    texts = _texts("redflag")
    missed = [text for text in texts if not triggers(text)]
    assert len(missed) <= (1 - FOUND_AT_LEAST) * len(texts), missed


def test_ordinary_messages_of_a_stranger_stay_quiet(triggers: Callable[[str], bool]) -> None:
    texts = _texts("benign")
    triggering = [text for text in texts if triggers(text)]
    assert len(triggering) <= TRIGGERS_AT_MOST * len(texts), triggering
