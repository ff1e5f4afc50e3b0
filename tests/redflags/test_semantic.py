"""bot.redflags.semantic: the detector by meaning, its weights, and what is done where they are missing."""

import gc
from pathlib import Path

import numpy as np
import pytest

from bot.embeddings import shared_encoder
from bot.redflags.both import BothDetectors
from bot.redflags.detector import SEMANTIC
from bot.redflags.examples import WITHOUT
from bot.redflags.semantic import (
    NAME,
    NEAR,
    STEP,
    WHOLE_MAXIMUM,
    WINDOW,
    SemanticDetector,
    SemanticError,
    Weights,
    parts_of,
)

IDIOMS = [
    "there is nobody in there when I look at dad",
    "his engine is running at double time in there",
    "dad put his spectacles in the teapot and asked for the bus to his old school",
    "her legs turned to pudding on the way to the sink",
]
ORDINARY = [
    "What is CRS?",
    "Where can we park at the hospital?",
    "Thank you very much for your help",
    "ok thank you",
    "We had noodles for lunch and watched a film",
    "How long do we stay in Beijing?",
    "Can my sister visit on Sunday afternoon?",
    "What documents does the embassy need?",
    "He is reading his book and laughing at the jokes",
    "When will the cells be ready?",
    "We arrived yesterday and slept well",
]


@pytest.fixture
def weights() -> Weights:
    randomly = np.random.default_rng(1)
    return Weights(
        (WITHOUT, "fever", "pain"),
        randomly.normal(size=(3, 384)).astype(np.float32).astype(np.float64),
        randomly.normal(size=3).astype(np.float32).astype(np.float64),
        1.5,
    )


@pytest.fixture(scope="module")
def both(model: Path) -> BothDetectors:
    return BothDetectors(model.parent)


# weights


def test_weights_are_read_as_they_were_written(tmp_path: Path, weights: Weights) -> None:
    path = tmp_path / NAME
    weights.save(path)

    read = Weights.load(path)

    assert (read.symptoms, read.limit) == (weights.symptoms, weights.limit)
    np.testing.assert_array_equal(read.weights, weights.weights)
    np.testing.assert_array_equal(read.biases, weights.biases)
    assert [file.name for file in tmp_path.iterdir()] == [NAME]


def test_weights_take_the_place_of_older_ones(tmp_path: Path, weights: Weights) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"old")
    weights.save(path)
    assert Weights.load(path).symptoms == weights.symptoms


def test_missing_weights_are_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SemanticError) as refused:
        Weights.load(tmp_path / NAME)
    assert str(refused.value) == f"{tmp_path / NAME} is missing: run `bot train`"


@pytest.mark.parametrize("damage", ["empty", "no archive", "cut", "a part missing", "pickled", "text for a limit"])
def test_damaged_weights_are_refused_with_the_remedy(tmp_path: Path, weights: Weights, damage: str) -> None:
    path = tmp_path / NAME
    weights.save(path)
    whole = path.read_bytes()
    parts = {"symptoms": np.array(weights.symptoms), "weights": weights.weights, "biases": weights.biases}
    if damage == "a part missing":
        np.savez(path, **parts)
    elif damage == "pickled":
        np.savez(path, **{**parts, "symptoms": np.array([None, "fever"], dtype=object)}, limit=np.array(1.0))
    elif damage == "text for a limit":
        np.savez(path, **parts, limit=np.array("high"))
    else:
        path.write_bytes({"empty": b"", "no archive": b"weights", "cut": whole[: len(whole) // 2]}[damage])
    with pytest.raises(SemanticError) as refused:
        Weights.load(path)
    assert str(refused.value).startswith(f"{path} is damaged (")
    assert str(refused.value).endswith("): run `bot train`")
    del refused
    gc.collect()  # a file that was left open is complained of here, not in another test


def test_the_score_is_the_logarithm_of_the_odds(weights: Weights) -> None:
    vectors = np.random.default_rng(2).normal(size=(5, 384)).astype(np.float32) / 20
    odds, names = weights.scores(vectors)
    values = np.exp(vectors.astype(np.float64) @ weights.weights.T + weights.biases)
    np.testing.assert_allclose(odds, np.log((values[:, 1] + values[:, 2]) / values[:, 0]))
    assert names == [("fever", "pain")[place] for place in values[:, 1:].argmax(axis=1)]


# the parts of a message


@pytest.mark.parametrize("text", ["", " ", "?", "...", "38.5", "12 / 05", "👍", "°"])
def test_what_has_no_letters_has_no_parts(text: str) -> None:
    assert parts_of(text) == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("He is well", ["He is well"]),
        ("He is well.", ["He is well."]),
        ("He is well. She is not", ["He is well. She is not", "He is well", "She is not"]),
        ("One! Two… three", ["One! Two… three", "One", "Two", "three"]),
        ("a line\nanother", ["a line\nanother", "a line", "another"]),
        ("他好。她不好", ["他好。她不好", "他好", "她不好"]),
        ("temp 38.5 today", ["temp 38.5 today"]),
        ("38. Yes", ["38. Yes", "Yes"]),
    ],
)
def test_a_short_message_is_looked_at_whole_and_by_sentence(text: str, parts: list[str]) -> None:
    assert [text[start:end] for start, end in parts_of(text)] == parts


def test_a_question_mark_ends_a_sentence() -> None:
    text = "Is he well? She is not"
    parts = [text[start:end] for start, end in parts_of(text)]
    assert parts[:2] == [text, "Is he well"]
    assert any(part.strip("? ") == "She is not" for part in parts[1:])


def test_a_long_message_is_looked_at_by_sentence_only() -> None:
    sentence = "one two three four five six"
    text = ". ".join([sentence] * (WHOLE_MAXIMUM // 6 + 1))
    parts = [text[start:end] for start, end in parts_of(text)]
    assert parts == [sentence] * (WHOLE_MAXIMUM // 6 + 1)


@pytest.mark.parametrize("count", [WINDOW, WINDOW + STEP, WINDOW + STEP + 1, 100, 101, 119, 120, 121, 400])
def test_a_long_sentence_is_looked_at_in_windows_that_leave_nothing_out(count: int) -> None:
    text = " ".join(f"w{chr(97 + number % 26)}" for number in range(count))
    parts = parts_of(text)
    covered = {place for start, end in parts for place in range(start, end)}
    assert covered >= set(range(len(text)))
    assert all(len(text[start:end].split()) <= max(WINDOW + STEP, WHOLE_MAXIMUM) for start, end in parts)


# the trained detector


@pytest.mark.parametrize("text", IDIOMS)
def test_an_idiom_is_found(both: BothDetectors, text: str) -> None:
    assert both.second is not None
    flags = both.second.find(text)
    assert flags
    assert all(flag.detector == SEMANTIC and text[flag.start : flag.end] == flag.text for flag in flags)
    assert both.detect(text).triggers
    assert both.detect(text).tier == "T1"


def test_the_lexicon_alone_finds_not_all_of_them(both: BothDetectors) -> None:
    assert not all(both.first.detect(text).triggers for text in IDIOMS)


@pytest.mark.parametrize("text", IDIOMS)
def test_an_idiom_is_found_among_ordinary_sentences(both: BothDetectors, text: str) -> None:
    assert both.second is not None
    message = " ".join([*(f"{line}." for line in ORDINARY if "?" not in line), f"{text}.", "Thank you for your help."])
    assert both.second.find(message)


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_message_is_no_red_flag(both: BothDetectors, text: str) -> None:
    assert both.second is not None
    assert both.second.find(text) == []
    assert not both.detect(text).triggers


@pytest.mark.parametrize("text", ["", "?", "38", "👍"])
def test_what_has_no_words_is_no_red_flag(both: BothDetectors, text: str) -> None:
    assert both.second is not None
    assert both.second.find(text) == []


def test_a_symptom_is_named_once(both: BothDetectors) -> None:
    assert both.second is not None
    flags = both.second.find("He has a high fever. He has a fever again. The fever is back.")
    assert [flag.symptom for flag in flags].count("fever") == 1


class ScoredEncoder:
    """Gives each text the score that the test wants, and remembers which texts were embedded."""

    def __init__(self, scores: dict[str, float]) -> None:
        self._scores = scores
        self.embedded: list[str] = []

    def encode(self, texts: list[str]) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
        self.embedded += texts
        vectors = np.zeros((len(texts), 384), dtype=np.float32)
        vectors[:, 0] = [self._scores[text] for text in texts]
        return vectors


@pytest.mark.parametrize(
    ("best_sentence", "whole", "found"),
    [
        (-NEAR - 0.1, 5.0, None),  # far from the limit: the whole is not looked at
        (-NEAR + 0.1, 5.0, "He sits there. Nobody home"),
        (-NEAR + 0.1, -0.1, None),
        (0.1, 5.0, "Nobody home"),  # the sentence alone is enough
    ],
)
def test_the_whole_is_looked_at_where_a_sentence_comes_near(
    best_sentence: float, whole: float, found: str | None
) -> None:
    text = "He sits there. Nobody home"
    encoder = ScoredEncoder({"He sits there": -9.0, "Nobody home": best_sentence, text: whole})
    weights = Weights((WITHOUT, "drowsy"), np.stack([np.zeros(384), np.eye(384)[0]]), np.zeros(2), 0.0)

    flags = SemanticDetector(encoder, weights).find(text)  # type: ignore[arg-type]

    assert [flag.text for flag in flags] == ([found] if found else [])
    assert (text in encoder.embedded) == (-NEAR <= best_sentence < 0)


def test_the_limit_decides(weights: Weights) -> None:
    text = "How long do we stay?"
    never = Weights(weights.symptoms, weights.weights, weights.biases, float("inf"))
    always = Weights(weights.symptoms, weights.weights, weights.biases, float("-inf"))
    assert SemanticDetector(shared_encoder(), never).find(text) == []
    assert SemanticDetector(shared_encoder(), always).find(text)
    assert SemanticDetector(shared_encoder(), always).limit == float("-inf")


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_without_weights_the_first_detector_works_alone(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / NAME).write_bytes(content)
    alone = BothDetectors(tmp_path)
    assert alone.second is None
    assert alone.detect("he has a fever").triggers
    assert not alone.detect("ok thank you").triggers
