"""The constants of a Conv whose output channels have scales of their own.

Its integer kernel gives code = zero_point + scale_x * scale_w / scale * (products + bias), with one
scale and one zero point for the whole output. With scales of the weight multiplied by scale over
that of a channel, and a bias that holds what the zero points differ by, the code is that of the
channel's own scale and zero point.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quant.model.model import Node
from quant.params.constants import QuantizedConstant
from quant.types import PerChannel, QType, QuantParams, QuantSpec

BIAS: Final = 2
"""Which input of a Conv its bias is."""


def weight_of(constants: Sequence[QuantizedConstant], conv: Node) -> QuantizedConstant | None:
    """The weight of a Conv as integers; None where it stays float."""
    index = -1 if conv.weight is None else conv.weight.index
    return _input(constants, conv, index)


def bias_of(constants: Sequence[QuantizedConstant], conv: Node) -> QuantizedConstant | None:
    """The bias of a Conv as integers; None where it has none or one in float."""
    return _input(constants, conv, BIAS)


def channel_units(
    whole: QuantParams, params: QuantParams
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """From the kernel's units to those of each channel: what to multiply by, and then to add.

    Args:
        whole: What the kernel rounds with.
        params: Scale and zero point of each channel.

    Returns:
        float32 of shape (C,) each; real = factor * (scale * (code - zero_point)) + offset.
    """
    scale = params.scale.astype(np.float64)
    codes = (whole.zero_point - params.zero_point).astype(np.float64)
    factor = scale / whole.scale.astype(np.float64)
    return factor.astype(np.float32), (codes * scale).astype(np.float32)


def output_shift(
    params: QuantParams,
    whole: QuantParams,
    scale_x: NDArray[np.float32],
    weight: QuantizedConstant,
) -> NDArray[np.float64]:
    """What the bias takes in, float64 of shape (C,), in steps of scale_x * scale_w.

    Args:
        params: Scale and zero point of each output channel.
        whole: What the kernel rounds with.
        scale_x: The input's scale.
        weight: The Conv's weight, with a scale for each output channel.
    """
    codes = (params.zero_point - whole.zero_point).astype(np.float64)
    steps = scale_x.astype(np.float64) * weight.params.scale.astype(np.float64)
    return codes * params.scale.astype(np.float64) / steps


def with_folded_scales(
    constants: Sequence[QuantizedConstant],
    convs: Mapping[str, Node],
    channels: Mapping[str, QuantParams],
    activations: Mapping[str, QuantParams],
) -> tuple[QuantizedConstant, ...]:
    """The constants with the scales of output channels taken in.

    Args:
        constants: Weights, constant operands and biases as integers.
        convs: Tensor -> the Conv that computes it.
        channels: Tensor -> scale and zero point of each of its channels.
        activations: Tensor -> what its kernel rounds with, for these and the Convs' inputs.

    Returns:
        The constants; a Conv without a bias has one where zero points differ.
    """
    changed = {(item.node, item.index): item for item in constants}
    for tensor, params in channels.items():
        conv = convs[tensor]
        weight, bias = weight_of(constants, conv), bias_of(constants, conv)
        if weight is None:
            continue
        whole = activations[tensor]
        scale_x = activations[conv.inputs[conv.data[0]]].scale
        shift = np.rint(output_shift(params, whole, scale_x, weight))
        wide = shift if bias is None else bias.codes + shift
        # Factors that came after the channels' scales may leave so small steps that int32 does not
        # hold the bias. Larger ones cost little: the weights of such a channel hardly move it.
        coarser = np.maximum(np.ceil(np.abs(wide) / QType.INT32.qmax), 1.0)
        scale = weight.params.scale * (whole.scale / params.scale) * coarser
        taken_in = replace(weight.params, scale=scale.astype(np.float32))
        # A copy, as another Conv may read the same integers under other scales.
        codes = np.rint(weight.codes / coarser.reshape(-1, *(1,) * (weight.codes.ndim - 1)))
        changed[weight.node, weight.index] = replace(
            weight, codes=codes.astype(weight.codes.dtype), params=taken_in
        )
        if bias is not None or shift.any():
            made = _bias(conv, bias, np.rint(wide / coarser), scale_x * taken_in.scale)
            changed[made.node, made.index] = made
    return tuple(changed.values())


def _bias(
    conv: Node,
    bias: QuantizedConstant | None,
    wide: NDArray[np.float64],
    scale: NDArray[np.float32],
) -> QuantizedConstant:
    spec = QuantSpec(QType.INT32, symmetric=True, granularity=PerChannel(0))
    params = QuantParams(scale.astype(np.float32), np.zeros(scale.shape, np.int32), spec)
    codes = wide.astype(np.int32)
    if bias is None:
        return QuantizedConstant(conv.name, BIAS, f"{conv.name}_bias", codes, params)
    return replace(bias, codes=codes, params=params)


def _input(
    constants: Sequence[QuantizedConstant], node: Node, index: int
) -> QuantizedConstant | None:
    found = (item for item in constants if (item.node, item.index) == (node.name, index))
    return next(found, None)
