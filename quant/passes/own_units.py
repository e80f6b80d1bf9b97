"""The nodes before and behind a Q/DQ pair where channels have scales of their own."""

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.numerics import along
from quant.params.equalized import ChannelFactors
from quant.params.split import Split
from quant.passes.graph_edit import Names, add_initializer
from quant.types import QType

KERNEL_UNITS = "_in_kernel_units"
"""Behind the name of a tensor: what its kernels read of it, where that is not in real units."""


def divided(
    graph: ir.Graph, names: Names, value: ir.Value, tensor: str, factor: ChannelFactors
) -> ir.Node:
    """The node that divides the channels of a tensor by their factors."""
    inverse = ChannelFactors(factor.axis, (1 / factor.values).astype(np.float32))
    node = _scaled(graph, names, value, f"{tensor}_divided", inverse)
    node.outputs[0].name = names.unique(f"{tensor}_divided")
    return node


def multiplied(
    graph: ir.Graph, names: Names, rounded: ir.Value, tensor: str, factor: ChannelFactors
) -> ir.Node:
    """The node that turns what was rounded divided by its factors into real units again."""
    return _scaled(graph, names, rounded, f"{tensor}_multiplied", factor)


def _scaled(
    graph: ir.Graph, names: Names, value: ir.Value, wanted: str, factor: ChannelFactors
) -> ir.Node:
    """A Mul of a tensor's channels; its output has no name yet."""
    values = factor.beside(len(value.shape or ()))
    given = add_initializer(graph, names, f"{wanted}_by", values, None)
    return _of_channels(names, "Mul", value, given, f"{wanted}_Mul")


def _of_channels(
    names: Names, op_type: str, value: ir.Value, given: ir.Value, wanted: str
) -> ir.Node:
    """A Mul or Add of a tensor and a constant of its channels; its output has no name yet."""
    node = ir.Node("", op_type, [value, given], num_outputs=1)
    node.name = names.unique(wanted)
    node.outputs[0].type, node.outputs[0].shape = ir.TensorType(ir.DataType.FLOAT), value.shape
    return node


def in_parts(graph: ir.Graph, names: Names, value: ir.Value, split: Split) -> list[ir.Node]:
    """The nodes that give every part of a split tensor: its channels, then the other parts."""
    tensor, rank = split.tensor, len(value.shape or ())

    def node(op_type: str, inputs: list[ir.Value], *attributes: ir.Attr) -> ir.Node:
        made = ir.Node("", op_type, inputs, attributes, num_outputs=1)
        made.name = names.unique(f"{tensor}_split_{op_type}")
        made.outputs[0].name = names.unique(f"{tensor}_split_{op_type}_out")
        made.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
        if value.shape is not None and op_type != "Gather":
            sizes = list(value.shape)
            sizes[split.axis] = split.channels.size
            made.outputs[0].shape = ir.Shape(sizes)
        return made

    def channels(array: NDArray[np.float32], what: str) -> ir.Value:
        values = along(array, split.axis, rank)
        return add_initializer(graph, names, f"{tensor}_{what}", values, None)

    axis = ir.AttrInt64("axis", split.axis)
    others = split.others.astype(np.int32)
    index = add_initializer(graph, names, f"{tensor}_split_channels", others, QType.INT32)
    repeated = node("Gather", [value, index], axis)
    joined = node("Concat", [value, repeated.outputs[0]], axis)
    scaled = node("Mul", [joined.outputs[0], channels(split.factor, "split_factor")])
    shifted = node("Add", [scaled.outputs[0], channels(split.offset, "split_offset")])
    return [repeated, joined, scaled, shifted]


def in_real_units(
    graph: ir.Graph,
    names: Names,
    rounded: ir.Value,
    tensor: str,
    units: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> list[ir.Node]:
    """The nodes that turn what a kernel rounds with one scale into the units of each channel."""
    rounded.name = names.unique(f"{tensor}{KERNEL_UNITS}")
    factor, offset = units
    steps = [("Mul", factor)] + ([("Add", offset)] if offset.any() else [])
    made: list[ir.Node] = []
    value, rank = rounded, len(rounded.shape or ())
    for op_type, channels in steps:
        constant = channels.reshape(-1, *(1,) * (rank - 2)) if rank > 2 else channels
        given = add_initializer(graph, names, f"{tensor}_channel_{op_type}", constant, None)
        node = _of_channels(names, op_type, value, given, f"{tensor}_channel_{op_type}")
        value = node.outputs[0]
        value.name = names.unique(f"{tensor}_{op_type}_out")
        made.append(node)
    return made
