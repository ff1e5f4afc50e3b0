"""all-MiniLM-L6-v2 once more, in plain NumPy and straight from the weights: what bot.embeddings is compared with."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from scipy.special import erf
from tokenizers import Tokenizer

LAYERS, HEADS, UNITS = 6, 12, 384
HEAD_UNITS = UNITS // HEADS


class ReferenceEncoder:
    """BERT as Devlin et al. 2019 describe it, one sentence at a time, in double precision."""

    def __init__(self, folder: Path) -> None:
        self._weights = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()

    def encode(self, sentence: str) -> npt.NDArray[np.float64]:
        """The unit vector of a sentence of at most 256 tokens."""
        tokens = self._tokenizer.encode(sentence).ids
        hidden = self._normalised(
            self._weight("embeddings.word_embeddings")[tokens]
            + self._weight("embeddings.position_embeddings")[: len(tokens)]
            + self._weight("embeddings.token_type_embeddings")[0],
            "embeddings.LayerNorm",
        )
        for number in range(LAYERS):
            layer = f"encoder.layer.{number}"
            attended = self._linear(self._attention(hidden, layer), f"{layer}.attention.output.dense")
            hidden = self._normalised(hidden + attended, f"{layer}.attention.output.LayerNorm")
            inner = self._linear(hidden, f"{layer}.intermediate.dense")
            inner = inner * (1 + erf(inner / np.sqrt(2))) / 2  # GELU
            hidden = self._normalised(
                hidden + self._linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm"
            )
        mean = hidden.mean(axis=0)
        return np.asarray(mean / np.sqrt((mean**2).sum()))

    def _attention(self, hidden: npt.NDArray[np.float64], layer: str) -> npt.NDArray[np.float64]:
        query, key, value = (
            self._linear(hidden, f"{layer}.attention.self.{part}") for part in ("query", "key", "value")
        )
        heads = []
        for head in range(HEADS):
            own = slice(head * HEAD_UNITS, (head + 1) * HEAD_UNITS)
            likeness = np.exp(query[:, own] @ key[:, own].T / np.sqrt(HEAD_UNITS))
            heads.append(likeness / likeness.sum(axis=1, keepdims=True) @ value[:, own])
        return np.concatenate(heads, axis=1)

    def _linear(self, values: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
        return values @ self._weight(name).T + self._weight(name, "bias")

    def _normalised(self, values: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
        centred = values - values.mean(axis=1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        return centred / deviation * self._weight(name) + self._weight(name, "bias")

    def _weight(self, name: str, part: str = "weight") -> npt.NDArray[np.float64]:
        return self._weights[f"{name}.{part}"].astype(np.float64)
