"""Spell out quantization in elementary float operators.

The result computes what QuantizeLinear and DequantizeLinear are defined to compute, without using
them, so that it checks a runtime's own kernels and fusions.
"""

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.numerics import along, dequantize_linear
from quant.passes.graph_edit import Names, add_initializer
from quant.types import PerBlock, PerChannel, PerTensor, QType, QuantParams, QuantSpec

_STORED_NUMBERS = 32 << 20
"""Larger constants are computed with each run, as four times their bytes would have to be kept."""


class SimulateQdq(ir.passes.InPlacePass):
    """Replace every Q by Div, Round, Add, Clip and every DQ by Sub, Mul, or by a float constant."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Replace the nodes in the main graph."""
        graph = model.graph
        names = Names(graph)
        pairs = [n for n in graph if n.op_type in {"QuantizeLinear", "DequantizeLinear"}]
        for node in pairs:
            source = node.inputs[0]
            if source is None:
                continue
            params = read_params(node)
            if node.op_type == "QuantizeLinear":
                replacement = _quantize(graph, names, node, source, params)
            elif _is_large(source) and not isinstance(params.spec.granularity, PerBlock):
                replacement = _dequantize_large(graph, names, node, source, params)
            elif source.const_value is not None:
                array = dequantize_linear(source.const_value.numpy(), params)
                replacement = add_initializer(graph, names, f"{source.name}_float", array, None)
            else:
                replacement = _dequantize(graph, names, node, source, params)
            name = node.outputs[0].name
            node.outputs[0].replace_all_uses_with(replacement, replace_graph_outputs=True)
            graph.remove(node, safe=True)
            if replacement.is_graph_output():
                replacement.name = name
        return ir.passes.PassResult(model, modified=bool(pairs))


def read_params(node: ir.Node) -> QuantParams:
    """Scale, zero point and type of a Q or DQ node.

    Raises:
        ValueError: They are computed and not constants.
    """
    scale, zero_point = (_array(value) for value in node.inputs[1:3])
    attribute = node.attributes.get("axis")
    granularity = (
        PerTensor()
        if scale.ndim == 0
        else PerChannel(attribute.as_int() if attribute is not None else 1)
    )
    qtype = QType(str(zero_point.dtype))
    symmetric = not zero_point.any()
    return QuantParams(
        scale.astype(np.float32),
        zero_point.astype(np.int32),
        QuantSpec(qtype, symmetric, granularity),
    )


def _array(value: ir.Value | None) -> NDArray[np.generic]:
    tensor = value.const_value if value is not None else None
    if tensor is None:
        raise ValueError("scale and zero_point must be constants")
    return tensor.numpy()


def _chain(
    graph: ir.Graph,
    names: Names,
    before: ir.Node,
    value: ir.Value,
    steps: list[tuple[str, list[NDArray[np.generic]]]],
) -> ir.Value:
    """Insert one node a step, each reading the last one's output and its own constants."""
    for op_type, arrays in steps:
        base = f"{value.name}_{op_type}"
        constants = [
            add_initializer(graph, names, f"{base}_{i}", a, None) for i, a in enumerate(arrays)
        ]
        node = ir.Node("", op_type, [value, *constants], num_outputs=1)
        node.name = names.unique(base)
        node.outputs[0].name = names.unique(f"{base}_out")
        node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
        node.outputs[0].shape = value.shape
        graph.insert_before(before, node)
        value = node.outputs[0]
    return value


def _quantize(
    graph: ir.Graph, names: Names, node: ir.Node, source: ir.Value, params: QuantParams
) -> ir.Value:
    qtype = params.spec.qtype
    scale, zero_point = _shaped(params, source)
    bounds = [np.float32(qtype.qmin), np.float32(qtype.qmax)]
    return _chain(
        graph,
        names,
        node,
        source,
        [
            ("Div", [scale]),
            ("Round", []),
            ("Add", [zero_point.astype(np.float32)]),
            ("Clip", [np.asarray(b) for b in bounds]),
        ],
    )


def _is_large(value: ir.Value) -> bool:
    return value.const_value is not None and value.const_value.size > _STORED_NUMBERS


def _dequantize_large(
    graph: ir.Graph, names: Names, node: ir.Node, source: ir.Value, params: QuantParams
) -> ir.Value:
    cast = ir.Node("", "Cast", [source], [ir.AttrInt64("to", ir.DataType.FLOAT.value)])
    cast.name = names.unique(f"{source.name}_Cast")
    cast.outputs[0].name = names.unique(f"{cast.name}_out")
    cast.outputs[0].type, cast.outputs[0].shape = ir.TensorType(ir.DataType.FLOAT), source.shape
    graph.insert_before(node, cast)
    scale, zero_point = _shaped(params, source)
    return _chain(
        graph,
        names,
        node,
        cast.outputs[0],
        [("Sub", [zero_point.astype(np.float32)]), ("Mul", [scale])],
    )


def _dequantize(
    graph: ir.Graph, names: Names, node: ir.Node, source: ir.Value, params: QuantParams
) -> ir.Value:
    scale, zero_point = _shaped(params, source)
    return _chain(
        graph, names, node, source, [("Sub", [zero_point.astype(np.float32)]), ("Mul", [scale])]
    )


def _shaped(params: QuantParams, source: ir.Value) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Scale and zero point, shaped to meet what ``source`` holds."""
    granularity = params.spec.granularity
    if not isinstance(granularity, PerChannel):
        return params.scale, params.zero_point
    rank = len(source.shape) if source.shape is not None else granularity.axis + 1
    scale = along(params.scale, granularity.axis, rank)
    return scale, along(params.zero_point, granularity.axis, rank)
