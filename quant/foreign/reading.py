"""Read an int8 file in Q/DQ form, or of ONNX Runtime's operators on codes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from quant.errors import ModelError
from quant.foreign.int8_file import Codes, FileNode, Int8File
from quant.model.read import read_model

QUANTIZED: Final = "_quantized"
"""What ONNX Runtime's quantizer ends the name of an integer tensor with."""

_OPERANDS: Final[Mapping[str, tuple[str, tuple[int, ...], int, int]]] = {
    "QLinearConv": ("Conv", (0, 3), 6, 8),
    "QLinearMatMul": ("MatMul", (0, 3), 6, -1),
    "QGemm": ("Gemm", (0, 3), 7, 6),
    "QLinearAdd": ("Add", (0, 3), 6, -1),
    "QLinearMul": ("Mul", (0, 3), 6, -1),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,), 3, -1),
    "QLinearAveragePool": ("AveragePool", (0,), 3, -1),
    "QLinearSigmoid": ("Sigmoid", (0,), 3, -1),
    "QLinearLeakyRelu": ("LeakyRelu", (0,), 3, -1),
    "QLinearSoftmax": ("Softmax", (0,), 3, -1),
    "QLinearReduceMean": ("ReduceMean", (0,), 3, -1),
}
"""Operator on codes -> the float one, where its operands are (each before its scale and zero
point), where the scale of the result is, and where the bias is or -1."""


def read_int8(source: str | Path | bytes) -> Int8File:
    """Read an int8 model in Q/DQ form, or of ONNX Runtime's operators on codes.

    Args:
        source: Path of the file, or its content.

    Returns:
        Its parameters.

    Raises:
        ModelError: If it cannot be read, or nothing in it is quantized.
    """
    read = read_model(source)
    name = read.path.name if read.path else "the int8 model"
    try:
        found = _Reader(read.proto.graph).read(name)
    except ModelError:
        raise
    except Exception as error:  # whatever odd nodes and constants make the libraries raise
        raise ModelError(
            f"{name}: expected an int8 model whose scales can be read, found one whose cannot "
            f"({type(error).__name__}: {' '.join(str(error).split()[:30])}); check that ONNX "
            "Runtime runs it"
        ) from error
    if not found.activations and not any(any(n.codes) for n in found.nodes.values()):
        listed = ", ".join(f"{count} {op}" for op, count in found.unread.items())
        raise ModelError(
            f"{name}: expected an int8 model with QuantizeLinear or QLinear operators, found "
            f"{listed or 'none'}; give the file that the other tool wrote"
        )
    return found


_UNREAD: Final = frozenset(
    {"ConvInteger", "MatMulInteger", "DynamicQuantizeLinear", "QAttention", "MatMulNBits"}
)


def _transposed(node: onnx.NodeProto) -> bool:
    """Whether a Gemm's weight has its output channels first."""
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)


class _Reader:
    """One pass over a graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.tensors = {t.name: t for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].HasField("t"):
                self.tensors[node.output[0]] = node.attribute[0].t
        self.activations: dict[str, Codes] = {}
        self.constants: dict[str, Codes] = {}
        """What a DequantizeLinear makes of a constant, by its output."""
        self.stands_for: dict[str, str] = {}
        """The float tensor that codes, or what was made of them, stand for."""
        self.unread: dict[str, int] = {}
        self.nodes: dict[str, FileNode] = {}

    def read(self, name: str) -> Int8File:
        kinds: dict[str, Callable[[onnx.NodeProto], None]] = {
            "QuantizeLinear": self.quantize,
            "DequantizeLinear": self.dequantize,
            "Constant": lambda _: None,
        }
        for node in self.graph.node:
            if node.op_type in _UNREAD:
                self.unread[node.op_type] = self.unread.get(node.op_type, 0) + 1
            kinds.get(node.op_type, self.node)(node)
        return Int8File(name, self.activations, self.nodes, self.unread)

    def array(self, name: str) -> NDArray[Any]:
        return np.asarray(numpy_helper.to_array(self.tensors[name]))

    def codes(self, scale: str, zero: str, *, axis: int = 1, values: str = "") -> Codes | None:
        """Parameters by the names of their constants; None where they are no constants."""
        if scale not in self.tensors or (zero and zero not in self.tensors):
            return None
        scales = self.array(scale).astype(np.float32)
        stored = self.array(values) if values else None
        zeros = self.array(zero) if zero else None
        dtype = stored.dtype if stored is not None else np.dtype(np.uint8)
        dtype = zeros.dtype if zeros is not None else dtype
        points = np.zeros(scales.shape) if zeros is None else zeros
        if scales.ndim > 1 or (dtype.kind not in "iu" and "int" not in dtype.name):
            return None  # by blocks, or eight bits of a float
        if not (np.isfinite(scales).all() and (scales > 0).all() and points.size == scales.size):
            raise ModelError(
                f"{scale}: expected positive scales with a zero point each, found {scales.size} "
                f"scales from {scales.min(initial=0):.3g} and {points.size} zero points; make the "
                "file again"
            )
        if scales.size == 1:
            scales, points = scales.reshape(()), points.reshape(())
        at = (axis % stored.ndim if stored is not None else axis) if scales.size > 1 else None
        if stored is not None and at is not None and stored.shape[at] != scales.size:
            raise ModelError(
                f"{values}: expected a scale for each of {stored.shape[at]} channels along axis "
                f"{at}, found {scales.size}; its scales are of another axis or another weight"
            )
        return Codes(dtype, scales, points.astype(np.int64), at, stored)

    def plain(self, name: str) -> str:
        """The float tensor that a name stands for."""
        return self.stands_for.get(name, name.removesuffix(QUANTIZED))

    def quantize(self, node: onnx.NodeProto) -> None:
        source = self.plain(node.input[0])
        zero = node.input[2] if len(node.input) > 2 else ""
        found = self.codes(node.input[1], zero)
        self.stands_for[node.output[0]] = source
        if found is None or node.input[0] in self.tensors:
            return
        self.activations.setdefault(source, found)

    def dequantize(self, node: onnx.NodeProto) -> None:
        codes, zero = node.input[0], node.input[2] if len(node.input) > 2 else ""
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        if codes in self.tensors:
            found = self.codes(node.input[1], zero, axis=axis, values=codes)
            if found is not None:
                self.constants[node.output[0]] = found
            self.stands_for[node.output[0]] = codes.removesuffix(QUANTIZED)
            return
        self.stands_for[node.output[0]] = self.plain(codes)

    def node(self, node: onnx.NodeProto) -> None:
        if node.op_type in _OPERANDS:
            self.on_codes(node)
            return
        operands = tuple(self.plain(name) for name in node.input)
        codes = tuple(
            self.constants.get(name)
            or (self.activations.get(self.stands_for[name]) if name in self.stands_for else None)
            for name in node.input
        )
        label = node.name or node.output[0]
        outputs = tuple(self.plain(name) for name in node.output)
        for name in node.output:
            if name.endswith(QUANTIZED):
                self.stands_for[name] = self.plain(name)
        self.nodes[label] = FileNode(label, node.op_type, operands, codes, outputs)

    def on_codes(self, node: onnx.NodeProto) -> None:
        """A node that reads and writes codes."""
        op_type, places, result, bias = _OPERANDS[node.op_type]
        operands: list[str] = []
        found: list[Codes | None] = []
        for place in places:
            name = node.input[place]
            values = name if name in self.tensors else ""
            axis = 0 if op_type == "Conv" or _transposed(node) else -1
            params = self.codes(
                node.input[place + 1], node.input[place + 2], axis=axis, values=values
            )
            operands.append(self.plain(name))
            found.append(params)
            if params is not None and not values:
                self.activations.setdefault(self.plain(name), params)
        if 0 <= bias < len(node.input) and node.input[bias] in self.tensors:
            operands.append(node.input[bias].removesuffix(QUANTIZED))
            found.append(self.bias(node.input[bias], found))
        output = self.plain(node.output[0])
        self.stands_for[node.output[0]] = output
        params = (
            self.codes(node.input[result], node.input[result + 1])
            if len(node.input) > result + 1
            else None
        )
        if params is not None:
            self.activations.setdefault(output, params)
        label = (node.name or output).removesuffix("_quant")
        self.nodes[label] = FileNode(label, op_type, tuple(operands), tuple(found), (output,))

    def bias(self, name: str, operands: list[Codes | None]) -> Codes | None:
        """A bias of int32, whose scale is the product of those of data and weight."""
        if len(operands) < 2 or operands[0] is None or operands[1] is None:
            return None
        values = self.array(name)
        scale = (operands[0].scale * operands[1].scale).astype(np.float32).reshape(-1)
        axis = 0 if scale.size > 1 else None
        scale = scale if axis == 0 else scale[0]
        return Codes(values.dtype, scale, np.zeros(np.shape(scale), np.int64), axis, values)
