"""Give every channel of a Conv's result a scale of its own, where only float operators read it.

An integer kernel rounds its whole output with one scale; one loud channel then leaves few codes to
all the others. Where nothing but float operators reads the result, that need not be: the Conv's
weights are divided by a factor for each output channel, so that each fills the codes, and the
DequantizeLinear behind it, which no kernel takes in, has as many scales. The codes of the weights
stay as they are, only their scales change, and the bias takes in what the zero points differ by.
So it costs neither time nor accuracy in the weights.

Source: the factors are those of cross-layer equalization (M. Nagel and others, "Data-Free
Quantization Through Weight Equalization and Bias Correction", 2019, section 4.1); that they
go into the dequantization instead of the next weights is what float readers allow.

- A channel's range is what calibration saw of it, within the tensor's, which a calibrator chooses
  or the recipe fixes.
- It is for targets whose DequantizeLinear takes an axis, as ONNX Runtime's does.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from quant.model.model import Node
from quant.numerics import params_from_range
from quant.params.equalized import computing_conv
from quant.params.folded_scales import bias_of, output_shift, weight_of
from quant.planning.plan import TensorPlan
from quant.repairs.draft import Draft, register
from quant.statistics.tensor_stats import TensorStats
from quant.types import PerChannel, QType, QuantParams

AXIS: Final = 1
"""The axis of a Conv's output channels."""

MOST: Final = 16.0
"""The range of a tensor over that of its narrowest channel, at most: what a few samples saw of a
channel is no bound for what others do."""

_MARGIN: Final = 0.3
"""How far a channel's range goes beyond what was seen of it, on either side, in widths of that."""

_LEAST_VALUES: Final = 2000
"""Values of each channel that calibration saw, at least."""

_LEAST_GAIN: Final = 2.0
"""Power of the rounding error, over the channels' mean power with their own scales, at least."""

_LARGEST_SHIFT: Final = 2.0**30
"""What a bias may take in, in its own steps: half of what int32 holds."""


@register("channel_scales")
def channel_scales(draft: Draft) -> Draft:
    """Choose a scale for each channel of the tensors where that is free and wins something.

    Args:
        draft: What was decided so far.

    Returns:
        The draft with these scales.
    """
    found = dict(draft.channels)
    for name, tensor in draft.plan.tensors.items():
        conv = _conv_before(draft, tensor)
        stats = draft.calibration.tensors.get(name)
        if conv is None or stats is None or not _read_in_float(draft, name):
            continue
        whole = draft.activations[name]
        params = _seen(stats, whole)
        if params is None or _gain(params, whole) < _LEAST_GAIN:
            continue
        rectified = draft.model.producers[name].op_type == "Relu"
        if rectified and (params.zero_point != whole.zero_point).any():
            continue
        if weight_of(draft.constants, conv) is None:  # float weights: nothing to fold into
            found[name] = params
        elif _carries(draft, conv, params.scale.size):
            found[name] = _within_bias(draft, conv, params, whole)
    return replace(draft, channels=found)


def _read_in_float(draft: Draft, tensor: str) -> bool:
    """Whether only float operators read a tensor, and no one else has its scale."""
    plan, readers = draft.plan, draft.model.consumers.get(tensor, ())
    alone = len(plan.groups[plan.tensors[tensor].group].members) == 1
    return alone and not any(plan.nodes[name].quantized for name in readers if name)


def _conv_before(draft: Draft, tensor: TensorPlan) -> Node | None:
    """The Conv that computes a tensor in integers, by itself or through a Relu that it takes in."""
    node = draft.model.producers.get(tensor.name)
    if node is None or not tensor.produced or tensor.spec.qtype.bits != QType.UINT8.bits:
        return None
    conv = computing_conv(draft.model, draft.plan, tensor.name)
    if conv is None or (node is not conv and node.op_type != "Relu"):
        return None
    return conv if draft.plan.nodes[conv.name].settings.quantize_bias else None


def _seen(stats: TensorStats, whole: QuantParams) -> QuantParams | None:
    """Parameters from what was seen of each channel; None where that is unknown or too little."""
    if stats.channel_axis != AXIS or stats.channel_min is None or stats.channel_max is None:
        return None
    if stats.count < _LEAST_VALUES * stats.channel_min.size:
        return None
    low, high = (float(end) for end in whole.representable)
    least, most = stats.channel_min.astype(np.float64), stats.channel_max.astype(np.float64)
    margin = (most - least) * _MARGIN
    rmin, rmax = np.minimum(least - margin, 0.0), np.maximum(most + margin, 0.0)
    rmin, rmax = np.maximum(rmin, low), np.minimum(rmax, high)
    short = np.maximum((high - low) / MOST - (rmax - rmin), 0.0)
    rmin, rmax = np.maximum(rmin - short, low), np.minimum(rmax + short, high)
    return params_from_range(rmin, rmax, replace(whole.spec, granularity=PerChannel(AXIS)))


def _gain(params: QuantParams, whole: QuantParams) -> float:
    """Power of the rounding error with one scale over that with one for each channel."""
    return float(whole.scale) ** 2 / float(np.square(params.scale, dtype=np.float64).mean())


def _carries(draft: Draft, conv: Node, channels: int) -> bool:
    """Whether a Conv's weight has as many scales, and its bias, if it has one, is in integers."""
    weight = weight_of(draft.constants, conv)
    if weight is None or (conv.bias is not None and bias_of(draft.constants, conv) is None):
        return False
    return weight.params.spec.granularity == PerChannel(0) and weight.params.scale.size == channels


def _within_bias(draft: Draft, conv: Node, params: QuantParams, whole: QuantParams) -> QuantParams:
    """The parameters, but the whole tensor's for channels whose shift no bias can hold."""
    weight = weight_of(draft.constants, conv)
    assert weight is not None
    scale_x = draft.activations[conv.inputs[conv.data[0]]].scale
    held = np.abs(output_shift(params, whole, scale_x, weight)) <= _LARGEST_SHIFT
    return QuantParams(
        np.where(held, params.scale, whole.scale).astype(np.float32),
        np.where(held, params.zero_point, whole.zero_point).astype(np.int32),
        params.spec,
    )
