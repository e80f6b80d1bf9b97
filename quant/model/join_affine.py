"""What a Conv is multiplied by and what is added to it, channel by channel, joined to the Conv.

Some converters keep a Conv's bias in an Add behind it, and a norm in a Mul and an Add. In float
ONNX Runtime joins them when it loads the model; behind integers it does not, so that the Conv's
result would be rounded once more, and neither the sum nor an activation behind would be integers'.
"""

from typing import Final, cast

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.model.attributes import int_attribute
from quant.model.new_nodes import constant_before

Array = NDArray[np.float32]

_CONVS: Final = frozenset({"Conv", "ConvTranspose"})
_AFFINE: Final = frozenset({"Add", "Sub", "Mul", "Div"})

_LIMIT_BYTES: Final = 64 << 20
"""Larger weights are not multiplied: they stay in their file."""


def join_affine(graph: ir.Graph) -> int:
    """Join constants to the Convs before them, in place.

    A node is joined where it is all that reads a Conv with constant weights, and its other operand
    is one number, or one for each channel.

    Args:
        graph: The graph; constants are initializers.

    Returns:
        How many nodes were joined.
    """
    joined = 0
    for node in list(graph):
        if node.domain or node.op_type not in _AFFINE:
            continue
        conv = _conv_before(node)
        if conv is not None and _join(graph, conv, node):
            joined += 1
    return joined


def _conv_before(node: ir.Node) -> ir.Node | None:
    """The Conv whose result only ``node`` reads, as the operand that the constant changes."""
    changed = (0,) if node.op_type in {"Sub", "Div"} else (0, 1)
    for index in changed:
        value = node.inputs[index]
        conv = value.producer() if value is not None else None
        if conv is None or value is None or conv.domain or conv.op_type not in _CONVS:
            continue
        if conv.graph is node.graph and len(value.uses()) == 1 and not value.is_graph_output():
            return conv
    return None


def _join(graph: ir.Graph, conv: ir.Node, node: ir.Node) -> bool:
    operand = next(v for v in node.inputs if v is None or v.producer() is not conv)
    values, weight = _constant(operand), _constant(conv.inputs[1])
    if values is None or weight is None or weight.nbytes > _LIMIT_BYTES:
        return False
    channels = _channels(conv, weight)
    wanted = _by_channel(values, weight.ndim, channels)
    given = conv.inputs[2] if len(conv.inputs) > 2 else None
    bias = _constant(given) if given is not None else np.zeros(channels, np.float32)
    if wanted is None or bias is None or bias.shape != (channels,):
        return False
    with np.errstate(all="ignore"):
        if node.op_type in {"Add", "Sub"}:
            bias = bias + wanted if node.op_type == "Add" else bias - wanted
        else:
            factor = wanted if node.op_type == "Mul" else np.float32(1) / wanted
            weight, bias = _scaled(conv, weight, factor), bias * factor
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        return False
    if node.op_type in {"Mul", "Div"}:
        conv.replace_input_with(1, constant_before(node, weight, "weight"))
    conv.resize_inputs(3)
    conv.replace_input_with(2, constant_before(node, np.ascontiguousarray(bias), "bias"))
    _take_over(graph, conv, node)
    return True


def _take_over(graph: ir.Graph, conv: ir.Node, node: ir.Node) -> None:
    """Let ``conv`` compute what ``node`` did, under its name."""
    before, after = conv.outputs[0], node.outputs[0]
    before.name, name = None, after.name
    before.shape, before.type = after.shape or before.shape, after.type or before.type
    after.replace_all_uses_with(before, replace_graph_outputs=True)
    graph.remove(node, safe=True)
    before.name = name


def _constant(value: ir.Value | None) -> Array | None:
    """The values of a float32 initializer; None for anything else."""
    if value is None or not value.is_initializer() or value.is_graph_input():
        return None
    tensor = value.const_value
    if tensor is None or tensor.dtype is not ir.DataType.FLOAT or tensor.nbytes > _LIMIT_BYTES:
        return None
    return cast("Array", tensor.numpy())


def _channels(conv: ir.Node, weight: Array) -> int:
    if conv.op_type == "Conv":
        return weight.shape[0]
    return weight.shape[1] * int_attribute(conv, "group", 1)


def _by_channel(values: Array, rank: int, channels: int) -> Array | None:
    """An operand as one number for each channel, float32 of shape (C,); None where it is more."""
    if values.ndim > rank:
        return None
    shape = (1,) * (rank - values.ndim) + values.shape
    if any(size != 1 for axis, size in enumerate(shape) if axis != 1):
        return None
    if shape[1] not in {1, channels}:
        return None
    return np.broadcast_to(values.reshape(-1), (channels,))


def _scaled(conv: ir.Node, weight: Array, factor: Array) -> Array:
    """A weight with each output channel multiplied."""
    if conv.op_type == "Conv":
        return weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
    group, taps = int_attribute(conv, "group", 1), weight.shape[2:]
    blocks = weight.reshape(group, -1, weight.shape[1], *taps)
    factors = factor.reshape(group, 1, weight.shape[1], *(1,) * len(taps))
    return (blocks * factors).reshape(weight.shape)
