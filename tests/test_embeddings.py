"""bot.embeddings: unit vectors of all-MiniLM-L6-v2, the same alone and in a batch, from checked weights only."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from minilm import ReferenceEncoder

from bot import embeddings
from bot.embeddings import (
    DIMENSIONS,
    WEIGHTS_SHA256,
    EncoderError,
    SentenceEncoder,
    shared_encoder,
    weights_folder,
)

SENTENCES = (
    "How long does CRS last?",
    "What is tocilizumab, and does it weaken the CAR-T cells?",
    "Mum's temp is 38.4 °C 😟 — naïve question: do we call?",
)
MIXED = tuple(f"{'Is this normal? ' * length}{length}" for length in (0, 40, 3, 17, 1, 60, 8, 33, 5, 25)) + SENTENCES


@pytest.fixture
def encoder() -> SentenceEncoder:
    """One that has encoded nothing yet."""
    return SentenceEncoder(weights_folder())


@pytest.fixture(scope="module")
def reference() -> ReferenceEncoder:
    return ReferenceEncoder(weights_folder())


def broken(encoder: SentenceEncoder) -> SentenceEncoder:
    """An encoder that can answer from its cache only."""
    encoder._session = None
    return encoder


@pytest.mark.parametrize("count", [0, 1, 3])
def test_shape(count: int) -> None:
    vectors = shared_encoder().encode(SENTENCES[:count])
    assert vectors.shape == (count, DIMENSIONS)
    assert vectors.dtype == np.float32


@pytest.mark.parametrize(
    "text", [*MIXED, "", " ", "\n\x00", "🤒" * 300, "漢字" * 500, "x" * 20_000], ids=lambda text: ascii(text[:9])
)
def test_every_text_has_a_vector_of_length_one(text: str) -> None:
    assert np.linalg.norm(shared_encoder().encode([text])[0]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "nearer", "farther"),
    [
        ("How long does CRS last?", "What is the duration of cytokine release syndrome?", "Where can we park?"),
        ("He has a fever", "His temperature is high", "He has a new car"),
        ("What does the stay cost?", "How much money will we need?", "How many grades are there?"),
        ("sleeping like a log, pinching no use", "she cannot be woken", "the bed is made of wood"),
    ],
)
def test_likeness_follows_meaning(text: str, nearer: str, farther: str) -> None:
    vectors = shared_encoder().encode([text, nearer, farther])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


@pytest.mark.parametrize("sentence", SENTENCES)
def test_vectors_are_those_of_the_published_network(sentence: str, reference: ReferenceEncoder) -> None:
    np.testing.assert_allclose(shared_encoder().encode([sentence])[0], reference.encode(sentence), atol=1e-5)


def test_a_text_has_the_same_vector_alone_and_in_a_batch(encoder: SentenceEncoder) -> None:
    together = encoder.encode([*MIXED, *reversed(MIXED)])
    for text, vector, again in zip(MIXED, together, reversed(together), strict=False):
        encoder._cache.clear()
        np.testing.assert_allclose(encoder.encode([text])[0], vector, atol=1e-4)
        np.testing.assert_array_equal(vector, again)


def test_what_lies_beyond_256_tokens_is_not_read() -> None:
    words = ["fever"] * 254  # and the two tokens that mark begin and end
    whole, longer, other = shared_encoder().encode(
        [" ".join(words), " ".join([*words, "and", "what", "does", "it", "cost"]), " ".join([*words[:253], "cost"])]
    )
    np.testing.assert_allclose(whole, longer, atol=1e-4)
    assert np.abs(whole - other).max() > 1e-3


def test_a_text_is_encoded_once(encoder: SentenceEncoder) -> None:
    first = encoder.encode(SENTENCES)
    np.testing.assert_array_equal(broken(encoder).encode(SENTENCES[::-1]), first[::-1])


def test_the_cache_keeps_what_was_asked_last(encoder: SentenceEncoder) -> None:
    encoder.remember(2)
    one, two, three = SENTENCES
    encoder.encode([one, two])
    encoder.encode([one])
    encoder.encode([three])
    broken(encoder).encode([one, three])
    with pytest.raises(AttributeError):
        encoder.encode([two])


def test_the_process_has_one_encoder() -> None:
    assert shared_encoder() is shared_encoder()


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json"])
def test_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    for file in weights_folder().glob("*.*"):
        if file.name != missing:
            (tmp_path / file.name).symlink_to(file)
    with pytest.raises(EncoderError, match=f"{tmp_path} cannot be read"):
        SentenceEncoder(tmp_path)


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path: Path) -> None:
    file = Path(shutil.copy(weights_folder() / "model.safetensors", tmp_path))
    place = file.stat().st_size // 2
    with file.open("r+b") as opened:
        opened.seek(place)
        byte = opened.read(1)[0]
        opened.seek(place)
        opened.write(bytes([byte ^ 1]))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(EncoderError) as caught:
        SentenceEncoder(tmp_path)
    assert str(file) in str(caught.value)
    assert f"its sha256 is {digest}, expected {WEIGHTS_SHA256}" in str(caught.value)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "WEIGHTS_PACKAGE", "no-such-weights")
    with pytest.raises(EncoderError, match="the package no-such-weights is not installed: run `make install`"):
        weights_folder()
