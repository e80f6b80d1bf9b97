"""How many multiply-adds a model has, and how many of them run on integers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from analysis.runtime.flow import CONVERSIONS
from quant.model.model import Model
from quant.pipeline import QuantizedModel
from quant.planning.plan import Plan
from quant.runtime.optimized import optimized
from quant.runtime.session import InferenceSession

WITH_MULTIPLY_ADDS: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul")

_KERNELS: Final[Mapping[str, tuple[int, int]]] = {
    "QLinearConv": (0, 3),
    "ConvInteger": (0, 1),
    "QGemm": (0, 3),
    "QLinearMatMul": (0, 3),
    "MatMulInteger": (0, 1),
    "MatMulIntegerToFloat": (0, 1),
    "DynamicQuantizeMatMul": (0, 1),
}
"""ONNX Runtime's kernels that multiply integers -> their inputs that are multiplied."""

_BITS: Final = 8


@dataclass(frozen=True, eq=False)
class MultiplyAdds:
    """The multiply-adds of a float model on one real sample.

    Attributes:
        of_node: Node -> its multiply-adds.
    """

    of_node: Mapping[str, int]

    @cached_property
    def total(self) -> int:
        """Of the whole model."""
        return sum(self.of_node.values())

    def share(self, nodes: Sequence[str]) -> float:
        """The share of some nodes; 1 of a model without any multiply-add."""
        if not self.total:
            return 1.0
        return sum(self.of_node.get(name, 0) for name in nodes) / self.total

    def nominal(self, plan: Plan) -> float:
        """The share whose weight and data have 8 bits or fewer under a plan."""
        return self.share([name for name in self.of_node if _small(plan, name)])


def _small(plan: Plan, name: str) -> bool:
    item = plan.nodes[name]
    node = item.node
    if not item.quantized or (node.weight is not None and item.weight_spec is None):
        return False
    if item.weight_spec is not None and item.weight_spec.qtype.bits > _BITS:
        return False
    tensors = [plan.tensors.get(node.inputs[index]) for index in node.data]
    return all(t is not None and t.spec.qtype.bits <= _BITS for t in tensors)


def multiply_adds(model: Model, sample: Mapping[str, NDArray[np.generic]]) -> MultiplyAdds:
    """Count the multiply-adds of a model.

    Args:
        model: The float model.
        sample: Its inputs, one real sample: it decides sizes that the model leaves open.

    Raises:
        ModelError: If it cannot be run.
    """
    nodes = [node for node in model.nodes if node.op_type in WITH_MULTIPLY_ADDS]
    content = model.to_bytes()
    proto = onnx.load_model_from_string(content)
    named = {node.name: node for node in proto.graph.node}
    names = [name for node in nodes for name in (*node.inputs[:2], node.outputs[0])]
    shapes = _shapes(proto, content, names, sample)
    return MultiplyAdds(
        {
            node.name: _count(
                named[node.name],
                shapes[node.inputs[0]],
                shapes[node.inputs[1]],
                shapes[node.outputs[0]],
            )
            for node in nodes
        }
    )


@dataclass(frozen=True)
class AsRun:
    """What ONNX Runtime's CPU provider makes of an int8 model.

    Attributes:
        integer_multiply_adds: Multiply-adds that it computes on integers.
        crossings: Conversions between float and integers that are left.
    """

    integer_multiply_adds: int
    crossings: int


def as_run(quantized: QuantizedModel) -> AsRun:
    """Look at the graph that ONNX Runtime's CPU provider runs.

    Its own optimized graph is asked: Q/DQ around a node is a wish until it became a kernel.

    Raises:
        ModelError: If the model cannot be run.
    """
    proto = optimized(quantized.to_bytes())
    found = [node for node in proto.graph.node if node.op_type in _KERNELS]
    names = [n for node in found for n in (*_multiplied(node), node.output[0])]
    shapes = _shapes(proto, proto.SerializeToString(), names, quantized.probe) if found else {}
    total = 0
    for node in found:
        a, b = _multiplied(node)
        total += _count(node, shapes[a], shapes[b], shapes[node.output[0]])
    return AsRun(total, sum(node.op_type in CONVERSIONS for node in proto.graph.node))


def _multiplied(node: onnx.NodeProto) -> tuple[str, str]:
    a, b = _KERNELS[node.op_type]
    return node.input[a], node.input[b]


def _shapes(
    proto: onnx.ModelProto,
    content: bytes,
    names: Sequence[str],
    sample: Mapping[str, NDArray[np.generic]],
) -> dict[str, tuple[int, ...]]:
    """The shape that each tensor has on a sample."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    shapes |= {name: array.shape for name, array in sample.items()}
    missing = tuple(dict.fromkeys(name for name in names if name not in shapes))
    if missing:
        session = InferenceSession(content, taps=missing, level="disabled")
        shapes |= {name: array.shape for name, array in session.run(sample).items()}
    return shapes


def _count(node: onnx.NodeProto, a: tuple[int, ...], b: tuple[int, ...], y: tuple[int, ...]) -> int:
    """Multiply-adds of a node from the shapes of what it multiplies and of what it gives."""
    if node.op_type == "ConvTranspose":
        return math.prod(a) * math.prod(b[1:])
    if "Conv" in node.op_type:
        return math.prod(y) * math.prod(b[1:])
    turned = any(item.name == "transA" and item.i for item in node.attribute)
    return math.prod(y) * (a[0] if turned else a[-1])
