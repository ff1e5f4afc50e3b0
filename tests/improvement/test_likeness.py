"""bot.improvement.likeness: messages that mean the same stand together, and each is encoded once."""

from collections.abc import Sequence

import numpy as np
import pytest

from bot.data_file import DataFileError
from bot.embeddings import Array, shared_encoder
from bot.improvement.likeness import Likeness
from bot.improvement.rules import FILE, load_improvement_rules

MESSAGES = {
    1: "how long does the fever last",
    2: "can my brother bring his dog to the ward",
    3: "how many days will the fever go on",
    4: "who won the football match",
    5: "when will his fever be over, how many days",
}


class CountingEncoder:
    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, sentences: Sequence[str]) -> Array:
        self.encoded += sentences
        return shared_encoder().encode(sentences)


def test_what_means_the_same_stands_together() -> None:
    rules = load_improvement_rules()

    assert Likeness(shared_encoder().encode, rules.likeness).groups(MESSAGES) == [[1, 3, 5], [2], [4]]


def test_a_message_is_encoded_once_and_forgotten_when_it_is_gone() -> None:
    encoder = CountingEncoder()
    likeness = Likeness(encoder.encode, 0.5)

    likeness.groups({1: MESSAGES[1], 2: MESSAGES[2]})
    likeness.groups({1: MESSAGES[1], 2: MESSAGES[2], 3: MESSAGES[3]})
    assert encoder.encoded == [MESSAGES[1], MESSAGES[2], MESSAGES[3]]

    likeness.groups({1: MESSAGES[1]})
    likeness.groups({1: MESSAGES[1], 2: MESSAGES[2]})
    assert encoder.encoded == [MESSAGES[1], MESSAGES[2], MESSAGES[3], MESSAGES[2]]


def test_none_and_one() -> None:
    likeness = Likeness(shared_encoder().encode, 0.5)

    assert likeness.groups({}) == []
    assert likeness.groups({7: "hello"}) == [[7]]


def test_the_limit_decides() -> None:
    angles = np.deg2rad([0, 20, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    texts = {0: "a", 1: "b", 2: "c"}

    assert Likeness(lambda _texts: vectors, 0.9).groups(texts) == [[0, 1], [2]]
    assert Likeness(lambda _texts: vectors, 0.95).groups(texts) == [[0], [1], [2]]


def test_a_wrong_file_of_rules_is_refused_by_line_and_key(tmp_path: object) -> None:
    file = tmp_path / "improve.yml"
    file.write_text(FILE.read_text("utf-8").replace("likeness: 0.55", "likeness: 1.5"))

    with pytest.raises(DataFileError, match=r"improve\.yml, line 9: likeness: "):
        load_improvement_rules(file)
