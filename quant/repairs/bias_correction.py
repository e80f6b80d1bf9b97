"""Give the mean of what a node computes back to it, as far as rounding its weight took it away.

A rounded weight W' = W - E computes W'x, whose mean is that of Wx less E times the mean of x. That
is the same number for every sample, so the bias can hold it, and nothing is left of the mean of
the error: only what x varies around its mean still counts.

Source: M. Nagel, M. van Baalen, T. Blankevoort, M. Welling, "Data-Free Quantization Through Weight
Equalization and Bias Correction" (2019), section 4.2; the means here are those of calibration.

- Only the weight's own rounding is corrected. That of the inputs depends on the data, and where a
  range clips it is no error of the mean alone.
- Zero padding shows a weight zeros at the borders: a tap counts by the share of its positions that
  lie inside the input.
- A node without a bias is given one: an input of its own for Conv, ConvTranspose and Gemm; for a
  MatMul the constant that an Add behind it adds, or an Add.
- Where a logarithm, a root, a reciprocal or a divisor reads the result, the bias stays: what is
  exactly zero there must stay so.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.model.attributes import axis_pads, int_attribute, int_attributes
from quant.model.model import Model, Node
from quant.numerics import params_from_range, quantize_linear
from quant.params.constants import INT32_LIMIT, QuantizedConstant
from quant.planning.near_zero import zeros_matter
from quant.repairs.draft import Draft, FloatConstant, Shift, register
from quant.types import PerChannel, PerTensor, QType, QuantParams, QuantSpec

Real = NDArray[np.float64]


@register("bias_correction")
def bias_correction(draft: Draft) -> Draft:
    """Correct the biases of rounded weights by the means of what they multiply.

    Args:
        draft: What was decided so far.

    Returns:
        The draft with other biases, and a note on nodes whose inputs' means are not known.
    """
    unknown: list[str] = []
    rounded = draft  # biases that change do not change how weights are seen
    kept = zeros_matter(draft.model, draft.calibration)
    for item in rounded.constants:
        node = draft.plan.nodes[item.node].node
        if node.weight is None or item.index != node.weight.index or not node.data:
            continue
        if node.name in kept:
            continue
        sums = draft.calibration.channel_sums.get(node.inputs[node.data[0]])
        seen = rounded.seen_weight(node, item)
        error = draft.model.constant(item.name) - seen
        shift = None
        if sums is not None:
            shift = mean_shift(
                draft.model, node, draft.model.ir_nodes[node.name], error, sums.mean()
            )
        if shift is None:
            unknown.append(node.name)
        elif shift.any():
            draft = _corrected(draft, node, shift)
    if unknown:
        draft = replace(draft, notes=(*draft.notes, _note(unknown)))
    return draft


def _note(unknown: Sequence[str]) -> str:
    named = ", ".join(unknown[:3]) + (f" and {len(unknown) - 3} more" if unknown[3:] else "")
    return (
        f"bias_correction: {named}: the channel means of the input are not known; "
        "the bias stays as it is."
    )


def mean_shift(
    model: Model, node: Node, attributes: ir.Node, error: NDArray[np.floating], mean: Real
) -> Real | None:
    """By how much an error of its weight lowers the mean of what a node computes.

    Args:
        model: The model.
        node: The node.
        attributes: The same node with its attributes.
        error: The weight less what it is rounded to, in its shape.
        mean: The mean of each channel of the input, shape (C,).

    Returns:
        For each output channel, float64, in real units; None for an operator or a shape whose
        channels are not known.
    """
    e = np.asarray(error, np.float64)
    if node.op_type in {"Conv", "ConvTranspose"}:
        group = int_attribute(attributes, "group", 1)
        seen = _inside(model, node, attributes, e.shape[2:])
        per_pair = e.reshape(*e.shape[:2], -1) @ seen  # (first, second axis of the weight)
        if node.op_type == "ConvTranspose":  # weight: input channels, output channels of a group
            blocks = per_pair.reshape(group, -1, per_pair.shape[1]).transpose(0, 2, 1)
        else:
            blocks = per_pair.reshape(group, -1, per_pair.shape[1])
        if mean.size != group * blocks.shape[2]:
            return None
        return np.einsum("goi,gi->go", blocks, mean.reshape(group, -1)).reshape(-1)
    if e.ndim != 2 or node.weight is None:
        return None
    if node.op_type == "Gemm":
        rows = e if int_attribute(attributes, "transB", 0) else e.T
        alpha = attributes.attributes.get("alpha")
        factor = 1.0 if alpha is None else alpha.as_float()
    elif node.op_type == "MatMul" and node.weight.index == 1:
        rows, factor = e.T, 1.0
    else:
        return None
    return factor * (rows @ mean) if rows.shape[1] == mean.size else None


def _inside(model: Model, node: Node, attributes: ir.Node, taps: tuple[int, ...]) -> Real:
    """For each tap of a kernel the share of the outputs for which it lies inside the input.

    Returns:
        float64 of shape (taps,), flattened as the weight's last axes are; ones where sizes are not
        known, and the share of outputs that a tap takes part in for a ConvTranspose.
    """
    rank = len(taps)
    strides = int_attributes(attributes, "strides", [1] * rank)
    if node.op_type == "ConvTranspose":
        return np.full(math.prod(taps), 1 / math.prod(strides))
    dilations = int_attributes(attributes, "dilations", [1] * rank)
    shape = model.tensors[node.inputs[0]].shape
    found = np.ones(1)
    for axis, size in enumerate(taps):
        # A file may declare a shape of another rank than the one that comes.
        before = shape[2 + axis] if shape and len(shape) == 2 + rank else None
        share = np.ones(size)
        if isinstance(before, int) and before > 0:
            stride, reach = strides[axis], (size - 1) * dilations[axis] + 1
            first, last = axis_pads(attributes, axis, rank, size=before, stride=stride, reach=reach)
            after = (before + first + last - reach) // stride + 1
            # Output a looks with tap t at a * stride - first + t * dilation.
            offset = first - np.arange(size) * dilations[axis]
            lowest = np.maximum(-(-offset // stride), 0)
            highest = np.minimum((before - 1 + offset) // stride, after - 1)
            share = np.maximum(highest - lowest + 1, 0) / max(after, 1)
        found = np.multiply.outer(found, share)
    return found.reshape(-1)


def _corrected(draft: Draft, node: Node, shift: Real) -> Draft:
    """The draft with ``shift`` added to what a node computes."""
    if node.op_type != "MatMul":
        beta = 1.0
        return _with_bias(draft, node, 2, shift / beta)
    behind = _added_constant(draft.model, node)
    if behind is not None:
        return _with_bias(draft, *behind, shift)
    made = Shift(node.name, shift.astype(np.float32))
    return replace(draft, shifts=(*draft.shifts, made))


def _added_constant(model: Model, node: Node) -> tuple[Node, int] | None:
    """The Add behind a MatMul, and which of its inputs is a constant added to each channel."""
    readers = model.consumers[node.outputs[0]]
    if len(readers) != 1:
        return None
    add = next((found for found in model.nodes if found.name == readers[0]), None)
    if add is None or add.op_type != "Add" or node.weight is None:
        return None
    index = 1 - add.inputs.index(node.outputs[0])
    if add.inputs[index] not in model.graph.graph.initializers:
        return None
    constant = model.constant(add.inputs[index])
    channels = node.weight.shape[-1]
    return (add, index) if constant.shape[-1:] == (channels,) == (constant.size,) else None


def _with_bias(draft: Draft, node: Node, index: int, shift: Real) -> Draft:
    """The draft with ``shift`` added to a constant input, which may be a new one."""
    for place, item in enumerate(draft.constants):
        if (item.node, item.index) == (node.name, index):
            values = draft.model.constant(item.name)
            changed = _requantized(item, values, shift)
            constants = (*draft.constants[:place], changed, *draft.constants[place + 1 :])
            return replace(draft, constants=constants)
    name = node.inputs[index] if index < len(node.inputs) else ""
    if name:
        if name not in draft.model.graph.graph.initializers:
            return draft
        values = (draft.model.constant(name) + shift).astype(np.float32)
        made = FloatConstant(node.name, index, name, values)
        return replace(draft, floats=(*draft.floats, made))
    new = f"{node.name}_bias"
    if not draft.plan.nodes[node.name].settings.quantize_bias:
        made = FloatConstant(node.name, index, new, shift.astype(np.float32))
        return replace(draft, floats=(*draft.floats, made))
    return replace(draft, constants=(*draft.constants, _new_bias(draft, node, index, new, shift)))


def _requantized(
    item: QuantizedConstant, values: NDArray[np.float32], shift: Real
) -> QuantizedConstant:
    """A constant operand or bias with ``shift`` added to it."""
    wanted = values.astype(np.float64) + shift
    if item.params.spec.qtype is QType.INT32:
        return replace(item, codes=_int32(wanted, item.params.scale))
    real = wanted.astype(np.float32)
    params = params_from_range(real.min(), real.max(), item.params.spec)
    return replace(item, codes=quantize_linear(real, params), params=params)


def _new_bias(draft: Draft, node: Node, index: int, name: str, shift: Real) -> QuantizedConstant:
    weight = next(
        item
        for item in draft.constants
        if node.weight is not None and (item.node, item.index) == (node.name, node.weight.index)
    )
    scale_x = draft.activations[node.inputs[node.data[0]]].scale
    scale = np.asarray(scale_x * weight.params.scale, np.float32)
    granularity = PerChannel(0) if scale.ndim else PerTensor()
    spec = QuantSpec(QType.INT32, symmetric=True, granularity=granularity)
    params = QuantParams(scale, np.zeros(scale.shape, np.int32), spec)
    return QuantizedConstant(node.name, index, name, _int32(shift, scale), params)


def _int32(values: Real, scale: NDArray[np.float32]) -> NDArray[np.int32]:
    codes = np.rint(values / scale.astype(np.float64))
    return np.clip(codes, -INT32_LIMIT, INT32_LIMIT).astype(np.int32)
