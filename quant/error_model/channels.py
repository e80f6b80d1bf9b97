"""Channels of activations and weights: how large they are."""

import numpy as np
from numpy.typing import NDArray

from quant.model.model import Node
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantParams

Real = NDArray[np.float64]


def channel_widths(stats: TensorStats) -> Real:
    """The largest magnitude of each channel, float64 of shape (C,); empty where unknown."""
    if stats.channel_min is None or stats.channel_max is None:
        return np.zeros(0)
    ends = np.maximum(np.abs(stats.channel_min), np.abs(stats.channel_max))
    return ends.astype(np.float64)


def channel_powers(stats: TensorStats) -> Real:
    """Mean square of each channel, float64 of shape (C,), in squared real units.

    Only the ends of each channel are known, so its values are taken to be spread like those of the
    whole tensor. Where channels are not known the whole tensor is one.
    """
    widths = channel_widths(stats)
    if not widths.size:
        return np.full(1, stats.histogram.power())
    mean = float(np.square(widths).mean())
    if not mean:
        return np.zeros(widths.shape)
    return np.square(widths) * (stats.histogram.power() / mean)


def channel_excess(stats: TensorStats, params: QuantParams) -> Real:
    """How far what was seen of each channel reaches beyond its codes, in real units.

    Args:
        stats: Statistics of a tensor.
        params: What it is rounded with, per tensor or with C scales.

    Returns:
        float64 of shape (C,); empty where channels are not known.
    """
    if stats.channel_min is None or stats.channel_max is None:
        return np.zeros(0)
    low, high = params.representable
    above = stats.channel_max.astype(np.float64) - high.astype(np.float64)
    below = low.astype(np.float64) - stats.channel_min.astype(np.float64)
    return np.maximum(np.maximum(above, below), 0.0)


def weight_rows(node: Node, array: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """A weight as (output channels, input channels of a group, taps); None where that is unclear.

    Args:
        node: The node it belongs to.
        array: The weight, or something of its shape.
    """
    weight = node.weight
    if weight is None or weight.channel_axis is None:
        return None
    rows = np.moveaxis(array, weight.channel_axis, 0)
    if node.op_type in {"Gemm", "MatMul"} and (rows.ndim > 2 or weight.index != 1):
        return None
    return rows.reshape(rows.shape[0], rows.shape[1], -1)


def summed_squares(rows: NDArray[np.float32]) -> Real:
    """Squares of a weight (O, I, taps) summed over the taps, float64 of shape (O, I)."""
    return np.einsum("oik,oik->oi", rows, rows).astype(np.float64)


def passed_on(squares: Real, powers: Real) -> Real:
    """Power of each output channel of a weight fed with channels of the given powers.

    Args:
        squares: Squared weights summed over the taps, float64 of shape (O, I).
        powers: Power of each input channel, float64 of shape (groups * I,).

    Returns:
        float64 of shape (O,).
    """
    outputs, inputs = squares.shape
    groups = powers.size // inputs
    blocks = squares.reshape(groups, outputs // groups, inputs)
    return np.einsum("goi,gi->go", blocks, powers.reshape(groups, inputs)).reshape(-1)


def passed_back(squares: Real, gains: Real, channels: int) -> Real:
    """The transpose of :func:`passed_on`: gains of the output channels to those of the inputs.

    Args:
        squares: Squared weights summed over the taps, float64 of shape (O, I).
        gains: float64 of shape (O,).
        channels: Number of input channels, groups * I.

    Returns:
        float64 of shape (channels,).
    """
    outputs, inputs = squares.shape
    groups = channels // inputs
    blocks = squares.reshape(groups, outputs // groups, inputs)
    return np.einsum("goi,go->gi", blocks, gains.reshape(groups, -1)).reshape(-1)


def fits(squares: Real, channels: int) -> bool:
    """Whether a weight can be fed with so many channels, in groups or not."""
    outputs, inputs = squares.shape
    return channels % inputs == 0 and channels > 0 and outputs % (channels // inputs) == 0
