"""Training the semantic detector on the project's own examples."""

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bot.embeddings import SentenceEncoder
from bot.redflags.examples import WITHOUT, Example, read_examples
from bot.redflags.semantic import Weights, parts_of

REGULARISATION = 10.0  # scikit-learn's C; 3 to 30 differ by less than a point
FOLDS = 3
TRIGGERS_ALLOWED = 0.009  # of the messages without a red flag that were not learned from
ITERATIONS = 50

Vectors = npt.NDArray[np.float32]


def learn(encoder: SentenceEncoder, questions: Sequence[str]) -> Weights:
    """Train the classifier, and set its limit by messages that it did not learn from.

    Args:
        encoder: embeds the examples.
        questions: ordinary questions, none of which mentions a red flag.

    Raises:
        DataFileError: the file of examples is wrong.
    """
    examples = read_examples()
    examples += [Example(text, WITHOUT, "questions") for text in questions]
    vectors = encoder.encode([example.text for example in examples])
    symptoms = np.array([example.symptom for example in examples])
    return weights_of(fitted(vectors, symptoms), limit=_limit(encoder, examples, vectors, symptoms))


def _limit(
    encoder: SentenceEncoder, examples: Sequence[Example], vectors: Vectors, symptoms: "npt.NDArray[np.str_]"
) -> float:
    """The score that only one in so many messages without a red flag reaches, found by cross-validation."""
    without = [place for place, example in enumerate(examples) if example.symptom == WITHOUT]
    parts = [
        (place, examples[place].text[start:end]) for place in without for start, end in parts_of(examples[place].text)
    ]
    of_example = np.array([place for place, _ in parts])
    part_vectors = encoder.encode([text for _, text in parts])
    highest = np.full(len(examples), -np.inf)
    for fold in range(FOLDS):
        left_out = np.arange(len(examples)) % FOLDS == fold
        learned = ~left_out | (symptoms != WITHOUT)
        weights = weights_of(fitted(vectors[learned], symptoms[learned]), limit=0.0)
        looked_at = left_out[of_example]
        odds, _ = weights.scores(part_vectors[looked_at])
        np.maximum.at(highest, of_example[looked_at], odds)
    return float(np.quantile(highest[without], 1 - TRIGGERS_ALLOWED))


def fitted(vectors: Vectors, symptoms: "npt.NDArray[np.str_]") -> LogisticRegression:
    """A linear classifier of symptoms; `classes_`, `coef_` and `intercept_` are its weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # more steps change the figures by less than a point
        return LogisticRegression(C=REGULARISATION, max_iter=ITERATIONS).fit(vectors, symptoms)


def weights_of(classifier: LogisticRegression, *, limit: float) -> Weights:
    """What a fitted classifier has learned."""
    return Weights(tuple(str(name) for name in classifier.classes_), classifier.coef_, classifier.intercept_, limit)
