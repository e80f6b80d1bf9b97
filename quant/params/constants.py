"""Weights, constant operands and biases as integers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant.model.model import Model, Node
from quant.numerics import params_from_range, quantize_linear
from quant.planning.plan import NodePlan, Plan
from quant.types import PerChannel, PerTensor, QType, QuantParams, QuantSpec

INT32_LIMIT = float(QType.INT32.qmax)


@dataclass(frozen=True, eq=False)
class QuantizedConstant:
    """A constant input of a node as integers.

    Attributes:
        node: The node.
        index: Which of its inputs.
        name: The initializer it was.
        codes: The integers, in the initializer's shape.
        params: Scales and zero points.
    """

    node: str
    index: int
    name: str
    codes: NDArray[np.generic]
    params: QuantParams


def quantize_constants(
    model: Model, plan: Plan, activations: Mapping[str, QuantParams]
) -> tuple[tuple[QuantizedConstant, ...], tuple[str, ...]]:
    """Quantize every weight, constant operand and bias of the plan's quantized nodes.

    Weights are symmetric over their own range. Constant operands (such as the second input of an
    Add) take the activation type and their own range. A bias is int32 with zero_point 0 and
    scale = scale_x * scale_w. Where it would overflow int32, the weight's scale is raised on that
    channel; with one scale for the whole weight the bias stays float. Both are reported.

    Args:
        model: The prepared model.
        plan: The resolved recipe.
        activations: Parameters of each quantized activation.

    Returns:
        The constants, and sentences about biases that did not fit.
    """
    found: list[QuantizedConstant] = []
    notes: list[str] = []
    shared: dict[tuple[str, QuantSpec], QuantizedConstant] = {}

    def add(item: NodePlan, index: int, name: str, params: QuantParams) -> None:
        key = (name, params.spec)
        known = shared.get(key)
        if known is None or not np.array_equal(known.params.scale, params.scale):
            codes = quantize_linear(_array(model, name), params)
            known = shared[key] = QuantizedConstant(item.node.name, index, name, codes, params)
        found.append(QuantizedConstant(item.node.name, index, name, known.codes, known.params))

    for item in plan.nodes.values():
        if not item.quantized or not item.settings.quantize_weight:
            continue
        node, settings = item.node, item.settings
        for index in node.constants:
            assert item.constant_spec is not None
            name = node.inputs[index]
            array = _array(model, name)
            add(item, index, name, params_from_range(array.min(), array.max(), item.constant_spec))
        spec = item.weight_spec
        if node.weight is None or spec is None:
            continue
        params = weight_params(_array(model, node.weight.name), spec)
        bias = None
        if node.bias is not None and settings.quantize_bias and node.data:
            scale_x = activations[node.inputs[node.data[0]]].scale
            params, bias, note = _bias(model, item, scale_x, params)
            notes += [note] if note else []
        add(item, node.weight.index, node.weight.name, params)
        found += [bias] if bias else []
    return tuple(found), tuple(notes)


def weight_params(weight: NDArray[np.float32], spec: QuantSpec) -> QuantParams:
    """Parameters of a weight from its own least and greatest values.

    Args:
        weight: float32, any shape.
        spec: How to quantize it; per channel gives one scale for each index of the axis.

    Returns:
        The parameters.
    """
    low, high = _ends(weight, spec)
    return params_from_range(low, high, spec)


def _ends(
    weight: NDArray[np.float32], spec: QuantSpec
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The least and greatest weight, of each channel where ``spec`` is per channel."""
    axes = None
    if isinstance(spec.granularity, PerChannel):
        axis = spec.granularity.axis % weight.ndim
        axes = tuple(i for i in range(weight.ndim) if i != axis)
    return np.asarray(weight.min(axis=axes)), np.asarray(weight.max(axis=axes))


def _bias(
    model: Model, item: NodePlan, scale_x: NDArray[np.float32], weight: QuantParams
) -> tuple[QuantParams, QuantizedConstant | None, str]:
    """The bias of a node as int32, and the weight's parameters it needs to fit."""
    node = item.node
    index = node.bias if node.bias is not None else 0
    bias = _array(model, node.inputs[index])
    per_channel = isinstance(weight.spec.granularity, PerChannel)
    if per_channel and bias.shape[-1:] != weight.scale.shape:
        return weight, None, f"{node.name}: the bias of shape {bias.shape} stays float."
    magnitude = np.abs(bias.astype(np.float64)).reshape(-1, *weight.scale.shape).max(axis=0)
    weight = _free_scales(model, node, weight, magnitude / scale_x)
    scale = scale_x * weight.scale
    too_small = magnitude > scale * INT32_LIMIT
    note = ""
    if np.any(too_small) and not per_channel:
        return weight, None, f"{node.name}: the bias would overflow int32 and stays float."
    if np.any(too_small):
        needed = (magnitude / (INT32_LIMIT * scale_x) * 1.0001).astype(np.float32)
        raised = np.where(too_small, needed, weight.scale).astype(np.float32)
        weight = QuantParams(raised, weight.zero_point, weight.spec)
        scale = scale_x * weight.scale
        note = (
            f"{node.name}: the weight scale of {int(too_small.sum())} channels was raised so that "
            "the bias fits int32."
        )
    granularity = PerChannel(bias.ndim - 1) if per_channel else PerTensor()
    spec = QuantSpec(QType.INT32, symmetric=True, granularity=granularity)
    codes = np.rint(bias.astype(np.float64) / scale)
    codes = np.clip(codes, -INT32_LIMIT, INT32_LIMIT).astype(np.int32)
    params = QuantParams(np.asarray(scale), np.zeros(scale.shape, np.int32), spec)
    return weight, QuantizedConstant(node.name, index, node.inputs[index], codes, params), note


def _free_scales(
    model: Model, node: Node, weight: QuantParams, bias_in_x: NDArray[np.float64]
) -> QuantParams:
    """Choose the scale of channels whose weights are all zero: any fits, so serve the bias.

    Args:
        model: The prepared model.
        node: The node.
        weight: The weight's parameters.
        bias_in_x: Largest |bias| of each channel over scale_x.
    """
    low, high = _ends(_array(model, node.weight.name), weight.spec) if node.weight else (0, 0)
    free = (np.asarray(low) == 0) & (np.asarray(high) == 0) & (bias_in_x > 0)
    if not np.any(free):
        return weight
    serving = (bias_in_x / (1 << 24)).astype(np.float32)
    serving = np.maximum(serving, np.finfo(np.float32).tiny)
    scale = np.asarray(np.where(free, serving, weight.scale), np.float32)
    return QuantParams(scale, weight.zero_point, weight.spec)


def _array(model: Model, name: str) -> NDArray[np.float32]:
    tensor = model.graph.graph.initializers[name].const_value
    assert tensor is not None
    return tensor.numpy()
