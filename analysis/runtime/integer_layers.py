"""What an integer-only chip needs of an int8 model: codes, accumulators and multipliers.

The layers are read from the exported file: a Conv, Gemm or MatMul between DequantizeLinear and
QuantizeLinear, with a constant weight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from analysis.runtime.fixed_point import Multiplier

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """One layer in integers.

    Attributes:
        name: The node.
        op_type: ``Conv``, ``Gemm`` or ``MatMul``.
        reads: The tensor of codes that it reads.
        gives: The tensor of codes that it gives.
        weight: Its weight, output channels first: int64, shape (channels, ...).
        bias: int64, shape (channels,).
        scales: Scale of what it reads, of its weight by channel, and of what it gives.
        zeros: Zero point of what it reads and of what it gives.
        codes: Least and greatest code that it may read.
        limits: Least and greatest code that it gives, its clamp included.
        attributes: Of the node.
    """

    name: str
    op_type: str
    reads: str
    gives: str
    weight: Codes
    bias: Codes
    scales: tuple[float, NDArray[np.float64], float]
    zeros: tuple[int, int]
    codes: tuple[int, int]
    limits: tuple[int, int]
    attributes: Mapping[str, Any]

    @property
    def factors(self) -> NDArray[np.float64]:
        """Of each channel what turns an accumulator into steps of the output."""
        x, w, y = self.scales
        return x * w / y

    @cached_property
    def multipliers(self) -> tuple[Multiplier, ...]:
        """The same in integers."""
        return tuple(Multiplier.of(float(factor)) for factor in self.factors)

    @property
    def multiplier_error(self) -> float:
        """The largest relative error that the multipliers add."""
        pairs = zip(self.multipliers, self.factors, strict=True)
        return max(abs(m.real - f) / f if f else 0.0 for m, f in pairs)

    @property
    def accumulator_bits(self) -> int:
        """Bits that the largest accumulator any input can make needs, its sign included."""
        least, most = (code - self.zeros[0] for code in self.codes)
        flat = self.weight.reshape(len(self.weight), -1)
        positive = np.where(flat > 0, flat, 0).sum(axis=1)
        negative = np.where(flat < 0, flat, 0).sum(axis=1)
        high = positive * most + negative * least + self.bias
        low = positive * least + negative * most + self.bias
        return int(max(int(high.max()), -int(low.min()))).bit_length() + 1


def integer_layers(content: bytes) -> tuple[IntegerLayer, ...]:
    """The layers of an int8 file that an integer-only chip could compute.

    Args:
        content: Content of the ``.onnx`` file.

    Returns:
        The layers, in the order of the file. What reads or gives floats, has a weight that is no
        constant, or pads by itself is left out.
    """
    graph = onnx.load_model_from_string(content).graph
    reader = _Reader(graph)
    found = (reader.layer(node) for node in graph.node if node.op_type in _KINDS)
    return tuple(layer for layer in found if layer is not None)


_KINDS: Final = frozenset({"Conv", "Gemm", "MatMul"})


class _Reader:
    """Finds what stands around a node of a file."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._constants = {t.name: t for t in graph.initializer}
        self._producers = {name: node for node in graph.node for name in node.output}
        self._consumers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self._consumers.setdefault(name, []).append(node)
        self._outputs = {value.name for value in graph.output}

    def layer(self, node: onnx.NodeProto) -> IntegerLayer | None:
        """A node as a layer in integers; None where it is none."""
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        x, w = (self._dequantized(name) for name in node.input[:2])
        rounding, low = self._rounded(node.output[0])
        plain = attributes.get("auto_pad", b"NOTSET") in {b"NOTSET", b"VALID"}
        straight = not attributes.get("transA") and attributes.get("alpha", 1.0) == 1.0
        if x is None or w is None or rounding is None or not (plain and straight):
            return None
        codes = self._constant(w.input[0])
        if codes is None or (node.op_type == "MatMul" and codes.ndim != 2):
            return None
        weight = codes.astype(np.int64) - self._zero(w)
        if node.op_type == "MatMul" or (node.op_type == "Gemm" and not attributes.get("transB")):
            weight = weight.T
        bias = self._bias(node, len(weight))
        if bias is None:
            return None
        least, most = self._codes(rounding)
        zero = self._zero(rounding)
        scales = (
            float(self._scale(x)[0]),
            np.broadcast_to(self._scale(w), len(weight)).astype(np.float64),
            float(self._scale(rounding)[0]),
        )
        return IntegerLayer(
            node.name,
            node.op_type,
            x.input[0],
            rounding.output[0],
            weight,
            bias,
            scales,
            (self._zero(x), zero),
            self._codes(x),
            (max(least, zero) if low else least, most),
            attributes,
        )

    def _dequantized(self, name: str) -> onnx.NodeProto | None:
        found = self._producers.get(name)
        return found if found is not None and found.op_type == "DequantizeLinear" else None

    def _rounded(self, name: str) -> tuple[onnx.NodeProto | None, bool]:
        """What rounds a tensor, and whether a Relu stands before."""
        consumers = self._consumers.get(name, [])
        if len(consumers) != 1 or name in self._outputs:
            return None, False
        (found,) = consumers
        if found.op_type == "Relu":
            return self._rounded(found.output[0])[0], True
        return (found if found.op_type == "QuantizeLinear" else None), False

    def _bias(self, node: onnx.NodeProto, channels: int) -> Codes | None:
        if len(node.input) < 3 or not node.input[2]:
            return np.zeros(channels, np.int64)
        found = self._dequantized(node.input[2])
        codes = None if found is None else self._constant(found.input[0])
        return None if codes is None else codes.astype(np.int64).reshape(-1)

    def _constant(self, name: str) -> NDArray[np.generic] | None:
        tensor = self._constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def _scale(self, node: onnx.NodeProto) -> NDArray[np.float64]:
        found = self._constant(node.input[1])
        assert found is not None
        return np.atleast_1d(found).astype(np.float64)

    def _zero(self, node: onnx.NodeProto) -> int:
        """The zero point, which all channels share."""
        found = self._constant(node.input[2]) if len(node.input) > 2 else None
        return 0 if found is None else int(np.atleast_1d(found)[0])

    def _codes(self, node: onnx.NodeProto) -> tuple[int, int]:
        """The least and the greatest code of the type that a conversion is of."""
        found = self._constant(node.input[2]) if len(node.input) > 2 else None
        kind = np.iinfo("uint8" if found is None else found.dtype.name)
        return int(kind.min), int(kind.max)
