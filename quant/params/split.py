"""A tensor whose loud channels are read in parts, and the weights that its parts meet."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quant.model.attributes import int_attribute
from quant.model.model import Model, Node
from quant.numerics import along, dequantize_linear
from quant.params.constants import QuantizedConstant
from quant.types import PerChannel, QuantParams


@dataclass(frozen=True, eq=False)
class Split:
    """How a tensor is split. Its channels come first, then the other parts of those in several.

    Attributes:
        tensor: The tensor.
        axis: The axis of its channels.
        parts: int64 of shape (C,): in how many parts each channel is read.
        params: Scale and zero point of what is read, all parts.
    """

    tensor: str
    axis: int
    parts: NDArray[np.int64]
    params: QuantParams

    @cached_property
    def others(self) -> NDArray[np.int64]:
        """int64 of shape (E,): the channel of each part beside the first."""
        return np.repeat(np.arange(self.parts.size), self.parts - 1)

    @cached_property
    def channels(self) -> NDArray[np.int64]:
        """int64 of shape (C + E,): the channel of each part."""
        return np.concatenate([np.arange(self.parts.size), self.others])

    @cached_property
    def number(self) -> NDArray[np.int64]:
        """int64 of shape (C + E,): which of its channel's parts each one is, from 0."""
        first = np.zeros(self.parts.size, np.int64)
        before = np.cumsum(self.parts - 1) - (self.parts - 1)
        others = np.arange(self.others.size) - before[self.others] + 1
        return np.concatenate([first, others])

    @property
    def factor(self) -> NDArray[np.float32]:
        """float32 of shape (C + E,): what a part is of its channel."""
        return (1 / self.parts[self.channels]).astype(np.float32)

    @property
    def offset(self) -> NDArray[np.float32]:
        """float32 of shape (C + E,), in real units: shifts whose sum over a channel is zero."""
        count = self.parts[self.channels]
        steps = (self.number - (count - 1) / 2) / count
        return (steps * float(self.params.scale)).astype(np.float32)

    def of_channels(self) -> QuantParams:
        """Parameters that span what each channel's parts do together, shape (C,)."""
        spec = replace(self.params.spec, granularity=PerChannel(self.axis))
        scale = (self.parts * self.params.scale).astype(np.float32)
        return QuantParams(scale, np.full(scale.shape, int(self.params.zero_point), np.int32), spec)


def input_axis(model: Model, node: Node, tensor: str) -> int | None:
    """The axis of a tensor that a node's weight sums over; None where a split is not known.

    A weight has one entry along its own axis for each channel: see :func:`weight_axis`.
    """
    rank = model.tensors[tensor].rank
    if rank is None or node.weight is None or not node.data or node.inputs[node.data[0]] != tensor:
        return None
    if weight_axis(model, node) is None:
        return None
    return 1 if node.op_type == "Conv" else rank - 1


def weight_axis(model: Model, node: Node) -> int | None:
    """The axis of a node's weight that meets the channels of its input; None where not known."""
    weight = node.weight
    if weight is None:
        return None
    given = model.ir_nodes[node.name]
    if node.op_type == "Conv":
        return 1 if int_attribute(given, "group", 1) == 1 else None
    if node.op_type == "MatMul" and weight.index == 1 and len(weight.shape) == 2:
        return 0
    if node.op_type == "Gemm" and not int_attribute(given, "transA", 0):
        return 1 if int_attribute(given, "transB", 0) else 0
    return None


def split_codes(
    item: QuantizedConstant, weight: NDArray[np.float32], axis: int, split: Split
) -> NDArray[np.generic]:
    """The integers of a weight for every part of its input.

    A channel in m parts is rounded to an m-th of a step; its parts take the codes around that.

    Args:
        item: The weight as integers.
        weight: The weight, in real units.
        axis: Its axis that meets the channels.
        split: How the input is split.

    Returns:
        Codes of the item's type; C + E along ``axis``.
    """
    several, shared = _shared_codes(item, weight, axis, split)
    codes = np.moveaxis(np.take(item.codes, split.channels, axis=axis), axis, 0)
    codes[several] = np.moveaxis(shared, axis, 0)
    return np.moveaxis(codes, 0, axis)


def split_weight(
    item: QuantizedConstant, weight: NDArray[np.float32], axis: int, split: Split
) -> NDArray[np.float32]:
    """What the parts of a split input see together of a weight, in its shape and real units."""
    several, shared = _shared_codes(item, weight, axis, split)
    counts = along(split.parts[split.channels[several]], axis, weight.ndim)
    parts = np.moveaxis(dequantize_linear(shared, item.params).astype(np.float64) / counts, axis, 0)
    whole = np.moveaxis(dequantize_linear(item.codes, item.params), axis, 0)
    total = np.zeros(whole.shape)
    np.add.at(total, split.channels[several], parts)
    loud = split.parts > 1
    whole[loud] = total[loud].astype(np.float32)
    return np.moveaxis(whole, 0, axis)


def _shared_codes(
    item: QuantizedConstant, weight: NDArray[np.float32], axis: int, split: Split
) -> tuple[NDArray[np.int64], NDArray[np.generic]]:
    """The parts of channels in several, int64 of shape (S,), and their codes, S along the axis."""
    several = np.flatnonzero(split.parts[split.channels] > 1)
    channels = split.channels[several]
    counts = along(split.parts[channels], axis, weight.ndim)
    numbers = along(split.number[several], axis, weight.ndim)
    wanted = np.rint(counts * _steps(item, np.take(weight, channels, axis=axis)))
    spec = item.params.spec
    shared = np.floor_divide(wanted.astype(np.int64) + numbers, counts)
    return several, np.clip(shared, spec.qmin, spec.qmax).astype(item.codes.dtype)


def _steps(item: QuantizedConstant, weight: NDArray[np.float32]) -> NDArray[np.float64]:
    """Some input channels of a weight in its own steps, float64, not rounded."""
    ones = np.ones(weight.shape, item.codes.dtype)
    return weight.astype(np.float64) / dequantize_linear(ones, item.params).astype(np.float64)
