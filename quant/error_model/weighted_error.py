"""The squared error behind a quantized tensor's consumers, from statistics alone.

With transfer function f (see :mod:`quant.error_model.consumers`) a consumer passes on
``f(x) - f(x')`` instead of ``x - x'``. Rounding moves a value a little, so its squared error counts
by the squared slope of f there, which is taken over a bin. Clipping moves it far, so its error is
that of f itself:

    sum (f(x) - f(T))^2 over x beyond T.

The expected error of a histogram whose counts carry the squared slope
(:mod:`quant.error_model.expected_error`) holds the first whole and of the second only what the
slope at x tells; the difference is a function of T alone, which is kept in a table over the bin
edges. Several transfer functions add up.

Channels do not count alike. Rescaling a channel and the weights that read it changes nothing in a
float model (M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction", 2019), so a narrow channel may well carry as much as a wide one; its values are then
lost in rounding while only the wide one is clipped. Each value counts by how much of its error
reaches the outputs through the weights behind it (:mod:`quant.error_model.noise_gain`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant.error_model.consumers import (
    TransferFunction,
    identity,
    least_resolvable,
    transfer_functions,
)
from quant.error_model.context import TensorContext
from quant.error_model.expected_error import EXACT_STEPS, Parts, Side, from_above, sides
from quant.statistics.histogram import BINS_PER_SIDE
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantParams

Array = NDArray[np.float64]

_BINS_NEEDED = 16
"""With fewer, half a bin is a larger part of the range than rounding to 4 bits."""


@dataclass(frozen=True, eq=False)
class WeightedSide:
    """One side of zero, weighted by the transfer functions of the consumers.

    Attributes:
        side: Its magnitudes, each counted by the squared slope of the transfer functions.
        more: float64, shape (8193,): for a range that ends at each edge, by how much the error
            of what is clipped exceeds that of ``side``; None where the slope says all.
    """

    side: Side
    more: Array | None

    def clipped_more(self, end: Array) -> Array | float:
        """That excess where the range ends at magnitudes ``end``, in real units."""
        if self.more is None:
            return 0.0
        edges = np.arange(BINS_PER_SIDE + 1, dtype=np.float64) * self.side.width
        return np.interp(end, edges, self.more)

    def parts(self, scale: float, steps: int) -> Parts:
        """:meth:`quant.error_model.expected_error.Side.parts`, weighted.

        The number of clipped values is weighted too.
        """
        found = self.side.parts(scale, steps)
        more = float(self.clipped_more(np.asarray(scale * steps)))
        return found._replace(clipping=max(found.clipping + more, 0.0))


def effective_range(stats: TensorStats, context: TensorContext) -> tuple[float, float]:
    """The observed range without what no consumer of the tensor can tell apart, zero in it."""
    lost = least_resolvable(context.consumer_ops, stats.mean_sample_max)
    return min(max(stats.low, lost), 0.0), stats.high


def resolvable(stats: TensorStats, low: float) -> bool:
    """Whether enough bins of the histogram lie between ``low`` and zero to weigh errors there.

    A mask of -1e9 makes bins so wide that all else is in the one next to zero.
    """
    return low == stats.low or -low >= _BINS_NEEDED * stats.histogram.negative_width


class WeightedError:
    """Summed squared error over all values of a tensor, for any scale and number of steps.

    It is in squared real units of what the consumers compute from the values, weighted by
    the noise gain of the channels where it is known.

    Attributes:
        plain: Whether every error counts in full, once.
    """

    def __init__(self, stats: TensorStats, context: TensorContext) -> None:
        """Weigh the histogram of a tensor.

        Args:
            stats: What calibration saw of it.
            context: Its consumers and the noise gain of its channels; none stands for a consumer
                that passes every error on. Where no consumer passes on any, every error counts
                too.
        """
        # Bins are whole to their upper edges: ranges once chosen by this error stay chosen.
        negative, positive = sides(stats.histogram)
        found = transfer_functions(context.consumer_ops, stats.mean_sample_max)
        gain = context.channel_noise_gain if context.consumer_ops else None
        if gain is not None:
            negative, positive = (_by_channel(side, stats, gain) for side in (negative, positive))
        self.negative = weighted_side(negative, -1.0, found)
        self.positive = weighted_side(positive, 1.0, found)
        unnoticed = not (self.negative.side.squares or self.positive.side.squares)
        if unnoticed:
            self.negative, self.positive = (
                WeightedSide(negative, None),
                WeightedSide(positive, None),
            )
        self.plain = gain is None and (unnoticed or found == (identity,))
        self._found = (identity,) if unnoticed else found
        self._zeros = stats.zeros
        self._sides = ((-1.0, negative), (1.0, positive))

    @cached_property
    def squares(self) -> float:
        """Sum of the squares of what the consumers compute from the values."""
        total = 0.0
        for transfer in self._found:
            total += self._zeros * float(transfer(np.zeros(1))[0]) ** 2
            total += sum(transferred_squares(side, sign, transfer) for sign, side in self._sides)
        return total

    def of(self, scale: ArrayLike, below: ArrayLike, codes: int) -> Array:
        """The error of ranges.

        Args:
            scale: Positive real units per step, shape (n,).
            below: Steps from zero down to the end, shape (n,).
            codes: Steps from one end to the other.

        Returns:
            float64, shape (n,).
        """
        s, down = np.asarray(scale, np.float64), np.asarray(below, np.int64)
        up = codes - down
        if codes > EXACT_STEPS:
            error = self.negative.side.smooth_errors(s, down)
            error = error + self.positive.side.smooth_errors(s, up)
        else:
            error = self.negative.side.errors(s, down) + self.positive.side.errors(s, up)
        return self._with_clipping(error, s, down, up)

    def of_all(self, scale: Array, below: NDArray[np.int64], codes: int) -> Array:
        """The error of every scale with each of its numbers of steps below zero.

        Args:
            scale: Positive real units per step, shape (n,).
            below: Steps from zero down to the end, shape (n, m).
            codes: Steps from one end to the other.

        Returns:
            float64, shape (n, m).
        """
        column, up = scale[:, None], codes - below
        if codes > EXACT_STEPS:
            error = self.negative.side.smooth_errors(column, below)
            error = error + self.positive.side.smooth_errors(column, up)
        else:
            left = self.negative.side.errors_for_all_steps(scale, codes)
            right = self.positive.side.errors_for_all_steps(scale, codes)
            error = np.take_along_axis(left, below, 1) + np.take_along_axis(right, up, 1)
        return self._with_clipping(error, column, below, up)

    def of_params(self, params: QuantParams) -> float:
        """The error of parameters per tensor."""
        spec = params.spec
        below = int(params.zero_point) - spec.qmin
        return float(self.of([float(params.scale)], [below], spec.qmax - spec.qmin)[0])

    def _with_clipping(
        self, error: Array, scale: Array, down: NDArray[np.int64], up: NDArray[np.int64]
    ) -> Array:
        more = self.negative.clipped_more(scale * down) + self.positive.clipped_more(scale * up)
        return np.maximum(error + more, 0.0)


def _by_channel(side: Side, stats: TensorStats, gain: NDArray[np.float32]) -> Side:
    """Count each value by how much of its error reaches the model's outputs, over that of a zero.

    A value may be of any channel that reaches so far. Channels have equally many values, taken as
    spread evenly up to the largest, so that a narrow channel is the denser where it is: a value of
    magnitude x counts as the mean gain of the channels that reach x, each by one over its reach.
    """
    low, high = stats.channel_min, stats.channel_max
    if low is None or high is None:
        return side
    reach = np.maximum(-low, high).astype(np.float64)
    order = np.argsort(reach, kind="stable")
    order = order[(reach > 0)[order]]
    if not gain[order].any():
        return side
    reach = reach[order]
    density = 1 / reach
    weight = from_above(gain[order] * density) / from_above(density)
    ends = np.minimum(np.arange(1, BINS_PER_SIDE + 1) * side.width, reach[-1])
    return side.weighted((weight / weight[0])[np.searchsorted(reach, ends)])


def weighted_side(side: Side, sign: float, found: tuple[TransferFunction, ...]) -> WeightedSide:
    """Weigh one side of zero by what transfer functions make of it.

    Args:
        side: Its magnitudes, whose values are ``sign`` times those.
        sign: -1 or 1.
        found: The transfer functions; their errors add up.
    """
    if found == (identity,):
        return WeightedSide(side, None)
    edges = np.arange(BINS_PER_SIDE + 1, dtype=np.float64) * side.width
    weights, more = np.zeros(BINS_PER_SIDE), np.zeros(BINS_PER_SIDE + 1)
    for transfer in found:
        step = np.diff(transfer(sign * edges))
        weights += (step / side.width) ** 2
        more += _beyond(side.counts, step)
    weighted = side.weighted(weights)
    # Both sums take bins as whole, so that they cancel where a transfer is straight.
    second = Side(weighted.counts, side.width).moments[2]
    more -= second[: BINS_PER_SIDE + 1] * side.width**2
    return WeightedSide(weighted, more)


def transferred_squares(side: Side, sign: float, transfer: TransferFunction) -> float:
    """Sum of the squared transfer functions on one side of zero, by Simpson's rule in each bin."""
    places = np.arange(2 * BINS_PER_SIDE + 1, dtype=np.float64) * (0.5 * sign * side.width)
    squared = transfer(places) ** 2
    return float(side.counts @ (squared[:-1:2] + 4 * squared[1::2] + squared[2::2])) / 6


def _beyond(counts: Array, step: Array) -> Array:
    """Sum over what lies beyond each edge of the squared change of a transfer since that edge.

    Args:
        counts: Values in each bin, shape (n,), evenly spread.
        step: How much the transfer changes over each bin.

    Returns:
        float64, shape (n + 1,).
    """
    zero = np.zeros(1)
    above = np.concatenate((from_above(counts), zero))
    first = np.concatenate((from_above((above[1:] + counts / 2) * step), zero))
    rise = 2 * step * first[1:] + step**2 * (above[1:] + counts / 3)
    return np.concatenate((from_above(rise), zero))
