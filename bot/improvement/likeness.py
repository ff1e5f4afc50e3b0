"""Messages that mean about the same, found by their sentence embeddings."""

import threading
from collections.abc import Callable, Mapping

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from bot.embeddings import Array

ENCODED_AT_ONCE = 16  # messages; between two such portions, a family's message gets its turn

Encode = Callable[[list[str]], Array]


class Likeness:
    """Groups messages. Their vectors are kept as long as the messages are asked about; safe to use from threads."""

    def __init__(self, encode: Encode, limit: float) -> None:
        """Prepare.

        Args:
            encode: makes unit vectors of texts.
            limit: the average likeness, from 0 to 1, at which two groups are one.
        """
        self._encode = encode
        self._limit = limit
        self._vectors: dict[int, Array] = {}
        self._lock = threading.Lock()

    def groups(self, texts: Mapping[int, str]) -> list[list[int]]:
        """Group messages by what they mean; takes a while the first time.

        Args:
            texts: by the message's id. The same id always has the same text.

        Returns:
            the ids, in groups: the largest group first, else in the order given.
        """
        if not texts:
            return []
        ids = list(texts)
        with self._lock:
            vectors = self._known(texts)
        numbers = _clusters(np.stack([vectors[each] for each in ids]), 1 - self._limit)
        groups: dict[int, list[int]] = {}
        for each, number in zip(ids, numbers, strict=True):
            groups.setdefault(number, []).append(each)
        return sorted(groups.values(), key=len, reverse=True)

    def _known(self, texts: Mapping[int, str]) -> dict[int, Array]:
        """The vectors of these messages; those of others, which may be erased by now, are forgotten."""
        self._vectors = {each: vector for each, vector in self._vectors.items() if each in texts}
        missing = [each for each in texts if each not in self._vectors]
        for start in range(0, len(missing), ENCODED_AT_ONCE):
            portion = missing[start : start + ENCODED_AT_ONCE]
            self._vectors.update(zip(portion, self._encode([texts[each] for each in portion]), strict=True))
        return self._vectors


def _clusters(vectors: Array, distance: float) -> list[int]:
    """The number of each vector's cluster: average linkage on the cosine."""
    if len(vectors) == 1:
        return [1]
    numbers = fcluster(linkage(vectors, method="average", metric="cosine"), t=distance, criterion="distance")
    return [int(number) for number in numbers]
