"""A tensor whose loud channels are read in parts, and the weights that its parts meet."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quant.model.model import Model, Node
from quant.numerics import dequantize_linear
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
    attributes = next(n for n in model.graph.graph if n.name == node.name).attributes
    value = {name: attributes[name].as_int() for name in _INTEGERS if name in attributes}
    if node.op_type == "Conv":
        return 1 if value.get("group", 1) == 1 else None
    if node.op_type == "MatMul" and weight.index == 1 and len(weight.shape) == 2:
        return 0
    if node.op_type == "Gemm" and not value.get("transA"):
        return 1 if value.get("transB") else 0
    return None


_INTEGERS = ("group", "transA", "transB")


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
    counts, numbers = (
        _along(values, axis, weight.ndim) for values in (split.parts[split.channels], split.number)
    )
    codes = np.take(item.codes, split.channels, axis=axis).astype(np.int64)
    wanted = np.rint(counts * _steps(item, weight).take(split.channels, axis=axis))
    spec = item.params.spec
    shared = np.floor_divide(wanted.astype(np.int64) + numbers, counts)
    shared = np.clip(shared, spec.qmin, spec.qmax)
    return np.where(counts > 1, shared, codes).astype(item.codes.dtype)


def split_weight(
    item: QuantizedConstant, weight: NDArray[np.float32], axis: int, split: Split
) -> NDArray[np.float32]:
    """What the parts of a split input see together of a weight, in its shape and real units."""
    codes = split_codes(item, weight, axis, split)
    counts = _along(split.parts[split.channels], axis, weight.ndim)
    parts = np.moveaxis(dequantize_linear(codes, item.params).astype(np.float64) / counts, axis, 0)
    total = parts[: split.parts.size].copy()
    np.add.at(total, split.others, parts[split.parts.size :])
    return np.moveaxis(total, 0, axis).astype(np.float32)


def seen_weight(
    model: Model, node: Node, item: QuantizedConstant, splits: Mapping[str, Split]
) -> NDArray[np.float32]:
    """A node's weight as its integers give it to what it multiplies, in its shape and real units.

    Args:
        model: The model.
        node: The node.
        item: Its weight as integers.
        splits: Tensor -> how it is split, for those that are.
    """
    split = splits.get(node.inputs[node.data[0]])
    axis = weight_axis(model, node)
    if split is None or axis is None:
        return dequantize_linear(item.codes, item.params)
    return split_weight(item, model.constant(item.name), axis, split)


def _steps(item: QuantizedConstant, weight: NDArray[np.float32]) -> NDArray[np.float64]:
    """A weight in its own steps, float64, not rounded."""
    ones = np.ones(item.codes.shape, item.codes.dtype)
    return weight.astype(np.float64) / dequantize_linear(ones, item.params).astype(np.float64)


def _along(values: NDArray[np.int64], axis: int, ndim: int) -> NDArray[np.int64]:
    shape = [1] * ndim
    shape[axis] = -1
    return values.reshape(shape)
