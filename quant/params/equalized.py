"""Tensors whose channels are divided by factors before they are rounded, with one scale for all.

A product is the same when a channel of its input is divided by a factor and the weights that it
meets are multiplied by it. So integer kernels, which know one scale for all of an input, round
each channel as finely as its factor says. Where a Conv computes the tensor, its weights and bias
take the division in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quant.model.attributes import int_attribute
from quant.model.model import Model, Node
from quant.numerics import along, dequantize_linear, quantize_linear
from quant.params.constants import INT32_LIMIT, QuantizedConstant, weight_params
from quant.params.folded_scales import BIAS, bias_of, weight_of
from quant.params.split import weight_axis
from quant.planning.plan import Plan
from quant.types import PerChannel, QType, QuantParams


@dataclass(frozen=True, eq=False)
class ChannelFactors:
    """What the channels of a tensor are divided by before they are rounded.

    Attributes:
        axis: The axis of the channels, not below 0.
        values: float32 of shape (C,), above 0.
    """

    axis: int
    values: NDArray[np.float32]

    def beside(self, rank: int) -> NDArray[np.float32]:
        """The factors in a shape that broadcasts with a tensor of a rank."""
        return self.values.reshape(-1, *(1,) * (rank - 1 - self.axis))

    def of_channels(self, whole: QuantParams) -> QuantParams:
        """Scale and zero point of each channel, shape (C,), from those that all are rounded by."""
        spec = replace(whole.spec, granularity=PerChannel(self.axis))
        scale = (whole.scale * self.values).astype(np.float32)
        return QuantParams(scale, np.full(scale.shape, int(whole.zero_point), np.int32), spec)


Factors = Mapping[str, ChannelFactors]
"""Tensor -> what its channels are divided by."""


def met_factor(model: Model, node: Node, factor: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The factor of the input channel that each element of a node's weight meets.

    Args:
        model: The model.
        node: A node with a weight.
        factor: Of each channel of what the weight multiplies, float32 of shape (C,).

    Returns:
        float32, to be broadcast to the weight's shape; None for an operator or a shape whose
        channels are not known.
    """
    weight = node.weight
    if weight is None:
        return None
    shape = weight.shape
    if node.op_type == "Conv":
        group, inputs = int_attribute(model.ir_nodes[node.name], "group", 1), shape[1]
        if group * inputs != factor.size or shape[0] % group:
            return None
        rows = np.repeat(factor.reshape(group, inputs), shape[0] // group, axis=0)
        return rows.reshape(*rows.shape, *(1,) * (len(shape) - 2))
    axis = weight_axis(model, node)
    return along(factor, axis, 2) if axis is not None and shape[axis] == factor.size else None


@dataclass(frozen=True, eq=False)
class WeightFactors:
    """What a weight is multiplied by.

    Attributes:
        read: The factors of the channels that it meets, float32, to be broadcast to its shape.
        made: One over the factors of the channels that it computes, float32 likewise.
    """

    read: NDArray[np.float32]
    made: NDArray[np.float32]

    @property
    def all(self) -> NDArray[np.float32]:
        """Both together."""
        return (self.read * self.made).astype(np.float32)


def equalized_weight(
    item: QuantizedConstant, weight: NDArray[np.float32], by: WeightFactors
) -> QuantizedConstant:
    """A weight times factors as integers.

    A scale of an output channel takes in what all of that is multiplied by, and the codes stay.
    Otherwise the product is rounded anew.

    Args:
        item: The weight as integers.
        weight: The weight, float32, in real units.
        by: The factors.
    """
    axis = _channel_axis(item, weight.ndim)
    if axis is None:
        return _rounded(item, weight * by.all, None)
    rows = by.made
    if keeps_codes(item, weight.ndim, by):
        item = replace(item, codes=item.codes.copy())
        rows = by.all
    else:
        item = _rounded(item, weight * by.read, axis)
    scale = (item.params.scale * rows.reshape(-1)).astype(np.float32)
    return replace(item, params=replace(item.params, scale=scale))


def keeps_codes(item: QuantizedConstant, rank: int, by: WeightFactors) -> bool:
    """Whether scales of output channels take in all that a weight is multiplied by."""
    axis = _channel_axis(item, rank)
    return axis is not None and by.read.size in {1, by.read.shape[min(axis, by.read.ndim - 1)]}


def seen_through(
    item: QuantizedConstant, weight: NDArray[np.float32], by: WeightFactors
) -> NDArray[np.float32]:
    """What tensors in real units see of :func:`equalized_weight`, in its shape."""
    if keeps_codes(item, weight.ndim, by):
        return dequantize_linear(item.codes, item.params)
    if _channel_axis(item, weight.ndim) is not None:  # what it computes only changes its scales
        by = replace(by, made=np.ones_like(by.made))
    made = equalized_weight(item, weight, by)
    return (dequantize_linear(made.codes, made.params) / by.all).astype(np.float32)


def _rounded(
    item: QuantizedConstant, scaled: NDArray[np.float32], axis: int | None
) -> QuantizedConstant:
    """A weight that was multiplied by factors as integers, as ``item`` is."""
    params = weight_params(scaled, item.params.spec)
    others = None if axis is None else tuple(i for i in range(scaled.ndim) if i != axis)
    # A channel without weights keeps its scale, which was chosen for its bias.
    scale = np.where((scaled != 0).any(axis=others), params.scale, item.params.scale)
    params = replace(params, scale=scale.astype(np.float32))
    return replace(item, codes=quantize_linear(scaled, params), params=params)


def _channel_axis(item: QuantizedConstant, rank: int) -> int | None:
    granularity = item.params.spec.granularity
    return granularity.axis % rank if isinstance(granularity, PerChannel) else None


@dataclass(frozen=True, eq=False)
class Equalized:
    """The constants of a model some of whose tensors are divided by factors.

    Attributes:
        constants: Weights, constant operands and biases as integers.
        floats: Node -> its float weight with the factors in it.
        computed: The tensors that the Conv before computes divided.
    """

    constants: tuple[QuantizedConstant, ...]
    floats: Mapping[str, NDArray[np.float32]]
    computed: frozenset[str]


def with_factors(
    model: Model, plan: Plan, constants: Sequence[QuantizedConstant], factors: Factors
) -> Equalized:
    """The constants with the factors taken in.

    Args:
        model: The model.
        plan: The recipe resolved on it.
        constants: Weights, constant operands and biases as integers, none in the factors yet.
        factors: What the channels of tensors are divided by.
    """
    changed = {(item.node, item.index): item for item in constants}
    computed = _computed(model, plan, constants, factors)
    divided = {node: factors[tensor].values for tensor, node in computed.items()}
    floats: dict[str, NDArray[np.float32]] = {}
    for name, by in weight_factors(model, plan, constants, factors).items():
        place = plan.nodes[name].node.weight
        assert place is not None
        weight, stored = model.constant(place.name), changed.get((name, place.index))
        if stored is None:
            floats[name] = weight * by.all
            continue
        made = changed[name, place.index] = equalized_weight(stored, weight, by)
        bias = integer_bias(changed.values(), name)
        if bias is not None:
            below = divided.get(name, np.ones(1, np.float32))
            changed[bias.node, bias.index] = _in_steps_of(made, stored, bias, below)
    return Equalized(tuple(changed.values()), floats, frozenset(computed))


def weight_factors(
    model: Model, plan: Plan, constants: Sequence[QuantizedConstant], factors: Factors
) -> dict[str, WeightFactors]:
    """What weights are multiplied by, for the nodes with such weights.

    Args:
        model: The model.
        plan: The recipe resolved on it.
        constants: Weights, constant operands and biases as integers.
        factors: What the channels of tensors are divided by.
    """
    read: dict[str, NDArray[np.float32]] = {}
    for tensor, factor in factors.items():
        for name in filter(None, model.consumers.get(tensor, ())):
            item = plan.nodes[name]
            met = met_factor(model, item.node, factor.values) if item.quantized else None
            if met is not None:
                read[name] = met
    made: dict[str, NDArray[np.float32]] = {}
    for tensor, name in _computed(model, plan, constants, factors).items():
        weight = plan.nodes[name].node.weight
        rank = len(weight.shape) if weight else 1
        rows = (1 / factors[tensor].values).astype(np.float32)
        made[name] = rows.reshape(-1, *(1,) * (rank - 1))
    one = np.ones(1, np.float32)
    return {
        name: WeightFactors(read.get(name, one), made.get(name, one))
        for name in dict.fromkeys((*read, *made))
    }


def _computed(
    model: Model, plan: Plan, constants: Sequence[QuantizedConstant], factors: Factors
) -> dict[str, str]:
    """The tensors that a Conv computes divided -> the Conv; they are rounded behind it."""
    if not factors:
        return {}
    found = {t: computing_conv(model, plan, t) for t in factors if t in plan.tensors}
    return {
        tensor: conv.name
        for tensor, conv in found.items()
        if conv is not None and divides(constants, conv)
    }


def computing_conv(model: Model, plan: Plan, tensor: str) -> Node | None:
    """The quantized Conv that computes a tensor, by itself or through a clamp that it takes in."""
    node = model.producers.get(tensor)
    if node is None:
        return None
    fused = plan.nodes[node.name].fused_into
    conv = plan.nodes[fused].node if fused else node
    return conv if conv.op_type == "Conv" and plan.nodes[conv.name].quantized else None


def divides(constants: Sequence[QuantizedConstant], conv: Node) -> bool:
    """Whether a Conv's weight, and its bias if it has one, are integers that take a division in."""
    has_bias = len(conv.inputs) > BIAS and bool(conv.inputs[BIAS])
    bias = bias_of(constants, conv) is not None
    return weight_of(constants, conv) is not None and (bias or not has_bias)


def integer_bias(constants: Iterable[QuantizedConstant], node: str) -> QuantizedConstant | None:
    """The bias of a node as int32; None where it has none or one in float."""
    found = (item for item in constants if item.node == node)
    return next((item for item in found if item.params.spec.qtype is QType.INT32), None)


def _in_steps_of(
    weight: QuantizedConstant,
    before: QuantizedConstant,
    bias: QuantizedConstant,
    divided: NDArray[np.float32],
) -> QuantizedConstant:
    """A bias over factors of its channels, in the steps that follow from its weight's scales."""
    ratio = before.params.scale.astype(np.float64) / weight.params.scale
    codes = np.rint(bias.codes.astype(np.float64) * ratio / divided.astype(np.float64))
    scale = (bias.params.scale.astype(np.float64) / ratio).astype(np.float32)
    fitting = np.clip(codes, -INT32_LIMIT, INT32_LIMIT).astype(np.int32)
    return replace(bias, codes=fitting, params=replace(bias.params, scale=scale))
