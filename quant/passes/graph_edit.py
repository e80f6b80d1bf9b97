"""Names and constants that the passes add to a graph."""

from typing import Any, cast

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.types import PerChannel, QType, QuantParams


class Names:
    """Hands out value and node names that neither the graph nor its subgraphs use yet."""

    def __init__(self, graph: ir.Graph) -> None:
        self._taken = {str(node.name) for node in graph.all_nodes()}
        for within in (graph, *graph.subgraphs()):
            values = (*within.inputs, *within.initializers.values())
            self._taken.update(str(value.name) for value in values)
        self._taken.update(str(v.name) for node in graph.all_nodes() for v in node.outputs)

    def unique(self, wanted: str) -> str:
        """``wanted``, or with a number behind it where that is taken."""
        name, number = wanted, 1
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name


def add_initializer(
    graph: ir.Graph, names: Names, wanted: str, array: NDArray[np.generic], qtype: QType | None
) -> ir.Value:
    """Add an initializer named like ``wanted`` that holds ``array``.

    Args:
        graph: The graph, changed in place.
        names: The names in use.
        wanted: Name to start from.
        array: The values.
        qtype: Their integer type; None for float32.
    """
    name = names.unique(wanted)
    dtype = ir.DataType.FLOAT if qtype is None else ir.DataType(qtype.onnx_type)
    # The class itself, not ir.tensor(), which spends most of an edit on telling what it was given.
    made = cast("Any", ir.Tensor)(np.asarray(array, order="C"), dtype=dtype, name=name)
    tensor = cast("ir.TensorProtocol", made)
    value = ir.Value(
        name=name, shape=ir.Shape(array.shape), type=ir.TensorType(dtype), const_value=tensor
    )
    graph.register_initializer(value)
    return value


def scale_and_zero_point(
    graph: ir.Graph, names: Names, base: str, params: QuantParams
) -> tuple[ir.Value, ir.Value]:
    """Add the scale and zero point of ``params`` as initializers."""
    qtype = params.spec.qtype
    scale = add_initializer(graph, names, f"{base}_scale", params.scale, None)
    zero_point = params.zero_point.astype(qtype.dtype)
    return scale, add_initializer(graph, names, f"{base}_zero_point", zero_point, qtype)


def linear_node(
    op_type: str, value: ir.Value, scale: ir.Value, zero_point: ir.Value, params: QuantParams
) -> ir.Node:
    """A QuantizeLinear or DequantizeLinear node of ``value``, along the channel axis if any."""
    granularity = params.spec.granularity
    attributes = (
        [ir.AttrInt64("axis", granularity.axis)] if isinstance(granularity, PerChannel) else []
    )
    node = ir.Node("", op_type, [value, scale, zero_point], attributes, num_outputs=1)
    quantized = op_type == "QuantizeLinear"
    dtype = ir.DataType(params.spec.qtype.onnx_type) if quantized else ir.DataType.FLOAT
    node.outputs[0].type = ir.TensorType(dtype)
    node.outputs[0].shape = value.shape
    return node


def put_input(node: ir.Node, index: int, value: ir.Value) -> None:
    """Set an input of a node, which may not have had so many."""
    if index >= len(node.inputs):
        node.resize_inputs(index + 1)
    node.replace_input_with(index, value)
