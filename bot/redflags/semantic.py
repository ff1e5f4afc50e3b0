"""The second detector: a linear classifier on sentence embeddings, for wordings that no list foresees.

A message is looked at sentence by sentence; any of them is enough. Where none is and one comes near, the message is
looked at as a whole, if it is short.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.embeddings import SentenceEncoder
from bot.errors import UserError
from bot.redflags.detector import SEMANTIC, RedFlag
from bot.redflags.examples import WITHOUT
from bot.redflags.reading import words_of

NAME = "red-flags.npz"  # in the folder of trained models
WHOLE_MAXIMUM = 60  # words of a message that is looked at as a whole
WINDOW = 30  # words of a long sentence looked at together
STEP = 20
NEAR = 3.0  # below the limit: a message whose sentences score lower has never had a hit as a whole

Numbers = npt.NDArray[np.float64]


class SemanticError(UserError):
    """The trained detector is missing or damaged; says what to do."""


@dataclass(frozen=True)
class Weights:
    """A trained classifier: a score for each symptom and for messages without any, and the limit of a hit."""

    symptoms: tuple[str, ...]  # WITHOUT among them
    weights: Numbers  # (symptoms, 384)
    biases: Numbers
    limit: float

    def scores(self, vectors: npt.NDArray[np.float32]) -> tuple[Numbers, list[str]]:
        """How much each vector speaks for a red flag, and for which; the score is the logarithm of the odds."""
        values = vectors.astype(np.float64) @ self.weights.T + self.biases
        without = self.symptoms.index(WITHOUT)
        others = np.delete(values, without, axis=1)
        names = [name for name in self.symptoms if name != WITHOUT]
        highest = others.max(axis=1)
        odds = highest + np.log(np.exp(others - highest[:, None]).sum(axis=1)) - values[:, without]
        return odds, [names[place] for place in others.argmax(axis=1)]

    def save(self, path: Path) -> None:
        """Write the weights, whole or not at all."""
        new = path.with_suffix(".new.npz")
        np.savez(
            new,
            symptoms=np.array(self.symptoms),
            weights=self.weights.astype(np.float32),
            biases=self.biases.astype(np.float32),
            limit=np.array(self.limit),
        )
        new.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Weights":
        """Read weights.

        Raises:
            SemanticError: they are missing or damaged.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return cls(
                    tuple(str(name) for name in stored["symptoms"]),
                    stored["weights"].astype(np.float64),
                    stored["biases"].astype(np.float64),
                    float(stored["limit"]),
                )
        except FileNotFoundError as error:
            raise SemanticError(f"{path} is missing: run `bot train`") from error
        except Exception as error:  # a damaged archive fails in many ways
            raise SemanticError(f"{path} is damaged ({type(error).__name__}): run `bot train`") from error


class SemanticDetector:
    """Finds red flags by meaning. Safe to use from several threads."""

    def __init__(self, encoder: SentenceEncoder, weights: Weights) -> None:
        self._encoder = encoder
        self._weights = weights

    @property
    def limit(self) -> float:
        """The score from which a part of a message counts."""
        return self._weights.limit

    def find(self, text: str) -> list[RedFlag]:
        """The parts of a message that speak of a red flag, the most telling of each symptom."""
        places = parts_of(text)
        sentences, whole = (places[1:], places[:1]) if len(places) > 1 and places[0] == (0, len(text)) else (places, [])
        scored = self._scored(text, sentences)
        if whole and self._weights.limit - NEAR <= max(odds for odds, _, _ in scored) < self._weights.limit:
            scored = self._scored(text, whole)
        found: dict[str, RedFlag] = {}
        for odds, symptom, (start, end) in sorted(scored, reverse=True):
            if odds >= self._weights.limit:
                found.setdefault(symptom, RedFlag(symptom, text[start:end], start, end, SEMANTIC))
        return list(found.values())

    def _scored(self, text: str, places: Sequence[tuple[int, int]]) -> list[tuple[float, str, tuple[int, int]]]:
        odds, symptoms = self._weights.scores(self._encoder.encode([text[start:end] for start, end in places]))
        return list(zip(odds.tolist(), symptoms, places, strict=True))


def parts_of(text: str) -> list[tuple[int, int]]:
    """Where the parts of a message that are looked at begin and end: its sentences, and the whole if it is short."""
    words = words_of(text)
    starts = [place for place, word in enumerate(words) if place == 0 or word.begins_sentence or word.text == "?"]
    sentences = zip(starts, [*starts[1:], len(words)], strict=True) if words else ()
    parts = [window for first, last in sentences for window in _windows(first, last)]
    places = [(words[first].start, words[last - 1].end) for first, last in parts]
    several = sum(any(character.isalnum() for character in text[start:end]) for start, end in places) > 1
    places = [(start, end) for start, end in places if any(character.isalpha() for character in text[start:end])]
    if not places or len(words) > WHOLE_MAXIMUM:
        return places
    return [(0, len(text)), *(places if several else ())]


def _windows(first: int, last: int) -> Sequence[tuple[int, int]]:
    if last - first <= WINDOW + STEP:
        return [(first, last)]
    return [(start, min(start + WINDOW, last)) for start in range(first, last - (WINDOW - STEP), STEP)]
