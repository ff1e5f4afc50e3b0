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
    vectors = embedded(encoder, [example.text for example in examples])
    symptoms = np.array([example.symptom for example in examples])
    classifier = fitted(vectors, symptoms)
    return Weights(
        tuple(str(name) for name in classifier.classes_),
        classifier.coef_,
        classifier.intercept_,
        _limit(encoder, examples, vectors, symptoms),
    )


def _limit(
    encoder: SentenceEncoder, examples: Sequence[Example], vectors: Vectors, symptoms: "npt.NDArray[np.str_]"
) -> float:
    """The score that only one in so many messages without a red flag reaches, found by cross-validation."""
    without = np.flatnonzero(symptoms == WITHOUT)
    fold = np.arange(len(examples)) % FOLDS
    highest: list[float] = []
    for number in range(FOLDS):
        learned = (fold != number) | (symptoms != WITHOUT)
        classifier = fitted(vectors[learned], symptoms[learned])
        names = tuple(str(name) for name in classifier.classes_)
        weights = Weights(names, classifier.coef_, classifier.intercept_, 0.0)
        for place in without[fold[without] == number]:
            text = examples[place].text
            parts = parts_of(text)
            odds, _ = weights.scores(embedded(encoder, [text[start:end] for start, end in parts]))
            highest.append(float(odds.max()))
    return float(np.quantile(highest, 1 - TRIGGERS_ALLOWED))


def fitted(vectors: Vectors, symptoms: "npt.NDArray[np.str_]") -> LogisticRegression:
    """A linear classifier of symptoms; `classes_`, `coef_` and `intercept_` are its weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # more steps change the figures by less than a point
        return LogisticRegression(C=REGULARISATION, max_iter=ITERATIONS).fit(vectors, symptoms)


def embedded(encoder: SentenceEncoder, texts: Sequence[str]) -> Vectors:
    """Embed many texts, some at a time."""
    step = 64
    return np.concatenate([encoder.encode(list(texts[start : start + step])) for start in range(0, len(texts), step)])
