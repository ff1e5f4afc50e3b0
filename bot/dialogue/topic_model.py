"""The linear topic model: sentence embedding and n-grams into one-against-the-rest support vector machines.

Chosen side by side on a development set by authors whose messages it was not trained on (see docs/decisions.md).
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from bot.errors import UserError

Array = npt.NDArray[np.float32]
Vectors = npt.NDArray[np.float32]

SHORTEST_MISSPELT = 5  # letters; a shorter word is too easily another one
LONG_WORD = 10  # letters from which two slips are allowed
WORD = r"(?u)\b\w+\b"
WEIGHTS_FILE, TERMS_FILE = "topic_model.npz", "topic_terms.json"


class TopicModelError(UserError):
    """The stored topic model is missing or damaged."""


class _Grams:
    """One text at a time through a fitted vectorizer: its own analysis, then the weights of its `transform`."""

    def __init__(self, vectorizer: TfidfVectorizer) -> None:
        self._analyze = vectorizer.build_analyzer()
        self._vocabulary: dict[str, int] = vectorizer.vocabulary_
        self._idf = np.asarray(vectorizer.idf_, dtype=np.float32)

    def vector(self, text: str) -> tuple[npt.NDArray[np.int64], Array]:
        """The columns that are not zero, and their values: a vector of length 1, or nothing."""
        counts = Counter(self._vocabulary[gram] for gram in self._analyze(text) if gram in self._vocabulary)
        indices = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        values = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        values = (1 + np.log(values)) * self._idf[indices]
        length = np.linalg.norm(values)
        return indices, values / length if length else values


class TopicModel:
    """Scores a text for each intent."""

    def __init__(
        self,
        words: TfidfVectorizer,
        characters: TfidfVectorizer,
        intents: list[str],
        weights: Array,
        bias: Array,
        embedding_weight: float,
    ) -> None:
        self.intents = intents
        self._words = words
        self._characters = characters
        self._weights = np.ascontiguousarray(weights)
        self._blocks = np.split(self._weights, np.cumsum([len(words.vocabulary_), len(characters.vocabulary_)]))
        self._grams = (_Grams(words), _Grams(characters))
        self._bias = bias
        self._single_words = [
            term for term in words.vocabulary_ if " " not in term and len(term) >= SHORTEST_MISSPELT - 2
        ]
        self._embedding_weight = embedding_weight

    @classmethod
    def train(
        cls,
        texts: Sequence[str],
        embeddings: Vectors,
        intents: Sequence[str],
        *,
        regularisation: float,
        embedding_weight: float,
    ) -> "TopicModel":
        """Fit the model.

        Args:
            texts: the examples.
            embeddings: their sentence embeddings, shape (examples, 384).
            intents: the intent of each.
            regularisation: the C of the support vector machines; smaller is smoother.
            embedding_weight: the length of the embedding beside the two n-gram vectors, whose length is 1.
        """
        words, characters = _word_vectorizer(), _character_vectorizer()
        words.fit(texts)
        characters.fit(texts)
        features = _features(words, characters, embedding_weight, texts, embeddings)
        machine = LinearSVC(C=regularisation, random_state=0).fit(features, list(intents))
        return cls(
            words,
            characters,
            [str(name) for name in machine.classes_],
            np.asarray(machine.coef_.T, dtype=np.float32),
            np.asarray(machine.intercept_, dtype=np.float32),
            embedding_weight,
        )

    def scores(self, texts: Sequence[str], embeddings: Vectors) -> Array:
        """The margin of each text for each intent, shape (texts, intents): above 0 means it belongs.

        The same as the product of features and weights in `train`, text by text and without sparse matrices, whose
        overhead for a few short texts is ten times the work.
        """
        margins = self._bias + embeddings @ self._blocks[2] * np.float32(self._embedding_weight)
        for row, text in enumerate(texts):
            for grams, weights in zip(self._grams, self._blocks, strict=False):
                indices, values = grams.vector(text)
                margins[row] += values @ weights[indices]
        return np.asarray(margins)

    def rank(
        self, texts: Sequence[str], embeddings: Vectors, *, sharpness: float, length: int
    ) -> list[list[tuple[str, float]]]:
        """The likeliest intents of each text with their confidence, best first.

        Confidence is a softmax over the margins: it orders and separates, it is not a probability.

        Args:
            texts: the texts.
            embeddings: their sentence embeddings, shape (texts, 384).
            sharpness: the margins are multiplied by this first.
            length: how many intents to give for each.
        """
        margins = self.scores(texts, embeddings) * sharpness
        exponentials = np.exp(margins - margins.max(axis=1, keepdims=True))
        confidences = exponentials / exponentials.sum(axis=1, keepdims=True)
        best = np.argsort(-confidences, axis=1)[:, :length]
        return [
            [(self.intents[index], float(row[index])) for index in order]
            for row, order in zip(confidences, best, strict=True)
        ]

    def known_words(self, text: str) -> float:
        """The share of a text's words that stand in the examples, a slip of the finger allowed; 0 without words."""
        words = re.findall(WORD, text.lower())
        return sum(map(self._knows, words)) / len(words) if words else 0.0

    def _knows(self, word: str) -> bool:
        word = re.sub(r"(.)\1{2,}", r"\1", word)  # hiiii, byeee
        if word in self._words.vocabulary_:
            return True
        if len(word) < SHORTEST_MISSPELT or not word.isascii():
            return False
        allowed = 1 if len(word) < LONG_WORD else 2
        found = process.extractOne(word, self._single_words, scorer=DamerauLevenshtein.distance, score_cutoff=allowed)
        return found is not None

    def save(self, folder: Path) -> None:
        """Write the model as numbers and JSON: nothing that runs code when it is read."""
        terms = {
            "intents": self.intents,
            "words": list(self._words.get_feature_names_out()),
            "characters": list(self._characters.get_feature_names_out()),
        }
        (folder / TERMS_FILE).write_text(json.dumps(terms, ensure_ascii=False), encoding="utf-8")
        np.savez(
            folder / WEIGHTS_FILE,
            weights=self._weights,
            bias=self._bias,
            word_idf=np.asarray(self._words.idf_),
            character_idf=np.asarray(self._characters.idf_),
            embedding_weight=np.asarray(self._embedding_weight),
        )

    @classmethod
    def load(cls, folder: Path) -> "TopicModel":
        """Read a saved model.

        Raises:
            TopicModelError: a file is missing or damaged.
        """
        try:
            terms = json.loads((folder / TERMS_FILE).read_text(encoding="utf-8"))
            # Opened here: NumPy leaves a file that is no archive open.
            with (folder / WEIGHTS_FILE).open("rb") as file, np.load(file, allow_pickle=False) as numbers:
                return cls(
                    _with_terms(_word_vectorizer(), terms["words"], numbers["word_idf"]),
                    _with_terms(_character_vectorizer(), terms["characters"], numbers["character_idf"]),
                    list(terms["intents"]),
                    numbers["weights"],
                    numbers["bias"],
                    float(numbers["embedding_weight"]),
                )
        except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError) as error:
            raise TopicModelError(f"the topic model in {folder} cannot be read ({error}): run `bot train`") from error


def _word_vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="word", ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=WORD, dtype=np.float32
    )


def _character_vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2, dtype=np.float32)


def _with_terms(vectorizer: TfidfVectorizer, terms: list[str], idf: Array) -> TfidfVectorizer:
    vectorizer.vocabulary = {term: index for index, term in enumerate(terms)}
    vectorizer.idf_ = idf  # also makes it count as fitted
    return vectorizer


def _features(
    words: TfidfVectorizer,
    characters: TfidfVectorizer,
    embedding_weight: float,
    texts: Sequence[str],
    embeddings: Vectors,
) -> csr_matrix:
    dense = csr_matrix(embeddings * np.float32(embedding_weight))
    return hstack([words.transform(texts), characters.transform(texts), dense], format="csr")
