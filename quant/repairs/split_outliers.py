"""Split the few loud channels of an input in parts, so that the codes serve all the others.

Where one channel of a LayerNorm or Gelu is ten times as wide as the rest, its width sets the scale
of all. A product does not change when a channel is read m times, an m-th of it each time. Then no
part is wider than the rest, at the cost of a few more columns: all multiply-adds stay in integers.
The parts are shifted against one another by an m-th of a code, and the weights they meet are
rounded up and down in turn, so that the sum over the parts is rounded m times as finely as one of
them: sum over i of floor((a + i) / m) = floor(a) for whole numbers a (Hermite's identity).

Source: R. Zhao and others, "Improving Neural Network Quantization without Retraining using Outlier
Channel Splitting" (2019), there in two parts and folded into the layer before; the parts here are
made of the float tensor, which keeps its shape.

- Only of tensors that float operators compute: an integer kernel's codes are rounded already.
- It belongs before ``bias_correction``, which takes back what is left of the weights' rounding.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quant.error_model.channels import channel_widths
from quant.model.model import Node
from quant.numerics import params_from_range
from quant.params.constants import INT32_LIMIT, QuantizedConstant
from quant.params.split import Split, input_axis
from quant.repairs.draft import Draft, register
from quant.types import QType

_MOST_PARTS: Final = 0.05
"""More columns than there were, at most."""

_LEAST_GAIN: Final = 1.5
"""The width of the codes before over that after, at least."""

_WIDTHS: Final = 200
"""Widths that are tried, evenly spaced on a logarithmic scale."""


@register("split_outliers")
def split_outliers(draft: Draft) -> Draft:
    """Read loud channels in parts where few of them set the scale of a tensor.

    Args:
        draft: What was decided so far.

    Returns:
        The draft with these tensors split.
    """
    for name in draft.plan.tensors:
        readers = _readers(draft, name)
        found = _split(draft, name) if readers else None
        if found is not None:
            draft = _with_split(draft, found, readers)
    return draft


def _readers(draft: Draft, tensor: str) -> list[Node]:
    """The quantized nodes that read a tensor, if it can be split for all of them; else none."""
    planned = draft.plan.tensors[tensor]
    group = draft.plan.groups[planned.group]
    if tensor in draft.factors or planned.produced or len(group.members) > 1:
        return []
    if planned.spec.qtype.bits != QType.UINT8.bits:
        return []
    names = dict.fromkeys(name for name in draft.model.consumers.get(tensor, ()) if name)
    items = [draft.plan.nodes[name] for name in names]
    nodes = [item.node for item in items if item.quantized]
    stats = draft.calibration.tensors.get(tensor)
    axes = {input_axis(draft.model, node, tensor) for node in nodes}
    return nodes if stats is not None and axes == {stats.channel_axis} else []


def _split(draft: Draft, tensor: str) -> Split | None:
    """How a tensor is split; None where that wins too little."""
    stats = draft.calibration.tensors[tensor]
    whole = draft.activations[tensor]
    low, high = (float(end) for end in whole.representable)
    widths = np.minimum(channel_widths(stats), max(-low, high))
    axis = stats.channel_axis
    if axis is None or not widths.size or not widths.max():
        return None
    parts = _parts(widths)
    limit = float((widths / parts).max())
    ends = max(low, -limit), min(high, limit)
    if (high - low) < _LEAST_GAIN * (ends[1] - ends[0]):
        return None
    params = params_from_range(*ends, whole.spec)
    return Split(tensor, axis, parts, params)


def _parts(widths: NDArray[np.float64]) -> NDArray[np.int64]:
    """In how many parts each channel is read: the least width that the extra columns allow."""
    extra = max(1, round(_MOST_PARTS * widths.size))
    best = np.ones(widths.size, np.int64)
    limits = np.geomspace(float(widths.max()), float(np.median(widths[widths > 0])), _WIDTHS)
    for limit in limits.tolist():
        parts = np.maximum(np.ceil(widths / limit * (1 - 1e-12)), 1).astype(np.int64)
        if int(parts.sum()) - widths.size > extra:
            break
        best = parts
    return best


def _with_split(draft: Draft, split: Split, readers: Sequence[Node]) -> Draft:
    """The draft with a split tensor, and its readers' biases in the new steps."""
    before = draft.activations[split.tensor].scale
    nodes = {node.name: node for node in readers}
    constants: list[QuantizedConstant] = []
    for item in draft.constants:
        node = nodes.get(item.node)
        if node is None or item.params.spec.qtype is not QType.INT32:
            constants.append(item)
            continue
        finer = float(before) / float(split.params.scale)
        codes = np.rint(item.codes.astype(np.float64) * finer)
        if np.abs(codes).max(initial=0) > INT32_LIMIT / 2:
            return draft
        scale = (item.params.scale * (split.params.scale / before)).astype(np.float32)
        params = replace(item.params, scale=scale)
        constants.append(replace(item, codes=codes.astype(np.int32), params=params))
    return replace(
        draft,
        constants=tuple(constants),
        activations={**draft.activations, split.tensor: split.params},
        splits={**draft.splits, split.tensor: split},
    )
