"""The computation graph of the sentence encoder, as an ONNX model without weights.

ONNX is a protobuf format (github.com/onnx/onnx, onnx.proto3). The few messages needed here are written directly: the
`onnx` package would add 63 MB to the environment for this one page.
"""

import struct
from collections.abc import Iterable

OPSET = 17  # the first with LayerNormalization
IR_VERSION = 8
FLOAT, INT64 = 1, 7  # TensorProto.DataType


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    encoded = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(encoded)) + encoded


def _attribute(name: str, value: int | float | list[int]) -> bytes:
    if isinstance(value, float):
        return _bytes(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, int):
        return _bytes(1, name) + _number(3, value) + _number(20, 2)
    return _bytes(1, name) + b"".join(_number(8, item) for item in value) + _number(20, 7)


def _declaration(name: str, data_type: int, shape: Iterable[str | int]) -> bytes:
    dimensions = (_number(1, size) if isinstance(size, int) else _bytes(2, size) for size in shape)
    tensor = _number(1, data_type) + _bytes(2, b"".join(_bytes(1, dimension) for dimension in dimensions))
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor))


class _Graph:
    """Collects nodes and constants; every method that adds a node returns the name of its result."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []

    def weight(self, name: str, shape: tuple[int, ...]) -> str:
        """Declare a weight that is handed over when the graph is loaded."""
        location = _bytes(1, "location") + _bytes(2, "handed over at load")
        dimensions = b"".join(_number(1, size) for size in shape)
        self._constants.append(dimensions + _number(2, FLOAT) + _bytes(8, name) + _bytes(13, location) + _number(14, 1))
        return name

    def numbers(self, name: str, values: list[int]) -> str:
        raw = struct.pack(f"<{len(values)}q", *values)
        self._constants.append(_number(1, len(values)) + _number(2, INT64) + _bytes(8, name) + _bytes(9, raw))
        return name

    def scalar(self, name: str, value: float) -> str:
        self._constants.append(_number(2, FLOAT) + _bytes(8, name) + _bytes(9, struct.pack("<f", value)))
        return name

    def node(
        self,
        operation: str,
        *inputs: str,
        result: str = "",
        **attributes: int | float | list[int],
    ) -> str:
        result = result or f"value_{len(self._nodes)}"
        self._nodes.append(
            b"".join(_bytes(1, name) for name in inputs)
            + _bytes(2, result)
            + _bytes(4, operation)
            + b"".join(_bytes(5, _attribute(name, value)) for name, value in attributes.items())
        )
        return result

    def model(self, inputs: Iterable[bytes], outputs: Iterable[bytes]) -> bytes:
        graph = (
            b"".join(_bytes(1, node) for node in self._nodes)
            + _bytes(2, "encoder")
            + b"".join(_bytes(5, constant) for constant in self._constants)
            + b"".join(_bytes(11, declaration) for declaration in inputs)
            + b"".join(_bytes(12, declaration) for declaration in outputs)
        )
        return _number(1, IR_VERSION) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, OPSET))


def encoder_graph(*, layers: int, heads: int, shapes: dict[str, tuple[int, ...]], epsilon: float) -> bytes:
    """The BERT encoder (Devlin et al. 2019, figure 1; Vaswani et al. 2017, section 3.1).

    Inputs of the graph: `embedded`, (sentences, length, units), the sums of word, position and type embeddings, and
    `padding`, (sentences, 1, 1, length), 0 for a token and a large negative number for padding. Output: `hidden`,
    (sentences, length, units).

    Args:
        layers: number of layers.
        heads: attention heads of each layer.
        shapes: the shape of each weight by its name in the published file; those of the dense layers transposed, (in,
            out), so that the graph need not keep a second copy of them.
        epsilon: added to the variance in layer normalisation.

    Returns:
        a serialised ONNX ModelProto whose weights are declared as external.
    """
    graph = _Graph()
    units = shapes["embeddings.LayerNorm.weight"][0]
    by_head = graph.numbers("by_head", [0, 0, heads, units // heads])
    together = graph.numbers("together", [0, 0, units])
    scale = graph.scalar("scale", (units // heads) ** -0.5)
    half, one, root = (
        graph.scalar("half", 0.5),
        graph.scalar("one", 1.0),
        graph.scalar("root", 0.5**0.5),
    )

    def weight(name: str) -> str:
        return graph.weight(name, shapes[name])

    def dense(value: str, name: str) -> str:
        return graph.node("Add", graph.node("MatMul", value, weight(f"{name}.weight")), weight(f"{name}.bias"))

    def norm(value: str, name: str) -> str:
        parameters = (
            weight(f"{name}.LayerNorm.weight"),
            weight(f"{name}.LayerNorm.bias"),
        )
        return graph.node("LayerNormalization", value, *parameters, axis=-1, epsilon=epsilon)

    def split_by_head(value: str, order: list[int]) -> str:
        return graph.node("Transpose", graph.node("Reshape", value, by_head), perm=order)

    hidden = norm("embedded", "embeddings")
    for index in range(layers):
        layer = f"encoder.layer.{index}"
        query = split_by_head(dense(hidden, f"{layer}.attention.self.query"), [0, 2, 1, 3])
        key = split_by_head(dense(hidden, f"{layer}.attention.self.key"), [0, 2, 3, 1])
        value = split_by_head(dense(hidden, f"{layer}.attention.self.value"), [0, 2, 1, 3])
        scores = graph.node("Add", graph.node("Mul", graph.node("MatMul", query, key), scale), "padding")
        mixed = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
        mixed = graph.node("Reshape", graph.node("Transpose", mixed, perm=[0, 2, 1, 3]), together)
        attended = graph.node("Add", hidden, dense(mixed, f"{layer}.attention.output.dense"))
        hidden = norm(attended, f"{layer}.attention.output")
        inner = dense(hidden, f"{layer}.intermediate.dense")
        gate = graph.node("Add", graph.node("Erf", graph.node("Mul", inner, root)), one)
        inner = graph.node("Mul", graph.node("Mul", inner, half), gate)
        added = graph.node("Add", hidden, dense(inner, f"{layer}.output.dense"))
        hidden = norm(added, f"{layer}.output")
    graph.node("Identity", hidden, result="hidden")
    return graph.model(
        inputs=[
            _declaration("embedded", FLOAT, ["sentences", "length", units]),
            _declaration("padding", FLOAT, ["sentences", 1, 1, "length"]),
        ],
        outputs=[_declaration("hidden", FLOAT, ["sentences", "length", units])],
    )
