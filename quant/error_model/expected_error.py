"""The one error model: what quantizing binned values must cost, clipping and rounding apart.

Values are taken as evenly spread between the edges of their bin; the outermost bins reach only as
far as the values do, where that is known. Exact zeros have no error, since every range represents
zero exactly. Whatever asks for the expected error of a histogram asks here.

For one side of zero with N steps of size s the nearest code changes at ``b_j = (j - 1/2) s``,
j = 1..N. Values beyond the end ``T = N s`` are clipped:

    clipping = sum over x > T of (x - T)^2,    rounding = sum over x <= T of (x - s * code)^2

In closed form, with y = x / s and n the code at y, the integral of the squared distance to the
nearest code is ``n/12 + (y - n)^3 / 3``: :meth:`Side.parts` takes it bin by bin. The total alone
has a form that serves many ranges at once: writing the code as the number of boundaries below x,

    sum (x - s * code)^2 = sum x^2 - 2 s * sum_j R(b_j),    R(b) = sum max(x - b, 0)

(expand the square, and sum the tails over j). R is quadratic inside a bin, so one small table
serves every scale and every number of steps. With very many steps the sum over j is replaced by
its midpoint-rule limit, which is the familiar clipping error plus ``s^2 / 12`` for what is inside
(W. R. Bennett, "Spectra of Quantized Signals", 1948).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant import kernels
from quant.statistics.histogram import Histogram
from quant.statistics.tensor_stats import TensorStats

EXACT_STEPS = 1024
"""Types with more steps than this are better served by :meth:`Side.smooth_errors`."""

_SLIVER = 1e-5
"""Part of a bin that a spike at its lower edge is spread over."""


class Parts(NamedTuple):
    """What quantization does to some values.

    Attributes:
        clipped: How many lie beyond the end of the range, by more than the rounding of a float32
            scale.
        clipping: Their summed squared error, in squared real units.
        rounding: The summed squared error of the others.
    """

    clipped: float
    clipping: float
    rounding: float


@dataclass(frozen=True, eq=False)
class Side:
    """Magnitudes on one side of zero, exact zeros left out.

    Attributes:
        counts: float64, shape (n,), from zero outwards: how many values a bin holds, or what they
            weigh.
        width: Width of a bin in real units.
        nearest: The least magnitude where it is known, else 0.
        farthest: The greatest; None for bins that hold values up to their upper edges.
    """

    counts: NDArray[np.float64]
    width: float
    nearest: float = 0.0
    farthest: float | None = None

    @property
    def end(self) -> float:
        """The greatest magnitude, in real units."""
        return self.counts.size * self.width if self.farthest is None else self.farthest

    def parts(self, scale: float, steps: int) -> Parts:
        """Clipping and rounding of one range.

        Args:
            scale: Positive real units per step.
            steps: Number of steps from zero to the end.
        """
        grid = self.width, self.nearest, self.end
        found = kernels.load("histogram_error").side_errors(self.counts, grid, scale, steps)
        return Parts(*found)

    def weighted(self, weights: NDArray[np.float64]) -> "Side":
        """The same with each value of a bin counted as often as its weight, shape (n,), says."""
        return Side(self.counts * weights, self.width, self.nearest, self.farthest)

    def between(self, near: float, far: float) -> "Side":
        """The magnitudes from ``near`` to ``far``; bins are split in proportion."""
        low, high = self._cells
        cut = np.clip((near / self.width, far / self.width), low[:, None], high[:, None])
        kept = (cut[:, 1] - cut[:, 0]) / (high - low)
        return Side(
            self.counts * kept, self.width, max(self.nearest, near), max(min(self.end, far), near)
        )

    @cached_property
    def squares(self) -> float:
        """Sum of the squared magnitudes, in squared real units."""
        low, high = self._cells
        centres = (low + high) / 2
        return float(self.counts @ (centres * centres + (high - low) ** 2 / 12)) * self.width**2

    @cached_property
    def _cells(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the values of each bin begin and end, in bin widths."""
        low = np.arange(self.counts.size, dtype=np.float64)
        high = low + 1
        used = np.flatnonzero(self.counts)
        if used.size:
            first, last = used[[0, -1]]
            if self.farthest is not None:
                high[last] = min(max(self.farthest / self.width, last + _SLIVER), last + 1)
            low[first] = max(low[first], min(self.nearest / self.width, high[first] - _SLIVER))
        return low, high

    @cached_property
    def _bounds(self) -> tuple[float, float, float, float]:
        """Where the values begin and end, in bin widths; their sum in those; their number.

        Zero stands for the beginning where that is not known.
        """
        used = np.flatnonzero(self.counts)
        if not used.size:
            return 0.0, 0.0, 0.0, 0.0
        low, high = self._cells
        first, last = used[[0, -1]]
        start = float(low[first]) if self.nearest else 0.0
        above, total, _ = self.moments
        return start, float(high[last]), float(total[0]), float(above[0])

    def errors(self, scale: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
        """Summed squared error for each pair of scale and number of steps.

        Args:
            scale: Positive real units per step, shape (n,).
            steps: Whole numbers of steps from zero to the end, shape (n,).

        Returns:
            float64, shape (n,), in squared real units.
        """
        s, n = np.asarray(scale, np.float64), np.ascontiguousarray(steps, np.int64)
        result = np.full(s.size, self.squares)
        if not self.squares:
            return result
        sums = np.empty(s.size)
        kernels.load("expected_error").excess_sums(
            np.ascontiguousarray(s / self.width), n, self._tables, self._bounds, sums
        )
        return np.maximum(result - 2 * self.width * s * sums, 0.0)

    def errors_for_all_steps(self, scale: NDArray[np.float64], most: int) -> NDArray[np.float64]:
        """Summed squared error for each scale and each number of steps 0, 1, ... most.

        Args:
            scale: float64, shape (n,), real units per step.
            most: The greatest number of steps.

        Returns:
            float64, shape (n, most + 1), in squared real units.
        """
        result = np.full((scale.size, most + 1), self.squares)
        if self.squares:
            sums = np.empty_like(result)
            kernels.load("expected_error").running_excess(
                np.ascontiguousarray(scale / self.width), self._tables, self._bounds, sums
            )
            result -= sums * (2 * self.width * scale[:, None])
        return np.maximum(result, 0.0)

    @cached_property
    def _tables(self) -> NDArray[np.float64]:
        """Constant, slope and curvature of R inside each bin, by the fraction left behind.

        Of the first bin they hold from where its values begin.
        """
        tables = np.zeros((3, self.counts.size + 1))
        constant, slope, curvature = tables
        low, high = self._cells
        reach = high - np.arange(self.counts.size)
        density = self.counts / (high - low)
        above, first, _ = self.moments
        curvature[:-1] = density / 2
        slope[:-1] = -(above[1:-1] + density * reach)
        constant[:-1] = density * reach**2 / 2 + above[1:-1] + first[1:-1]
        return tables

    def smooth_errors(
        self, scale: NDArray[np.float64], steps: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """What :meth:`errors` tends to with many steps, at a cost that does not grow with them.

        It is the clipping error plus ``scale^2 / 12`` of the values inside. Shapes that broadcast.
        """
        bins = self.counts.size
        end = np.minimum(scale * steps / self.width, bins)
        whole = end.astype(np.intp)
        low, high = (np.append(ends, bins + 1.0) for ends in self._cells)
        low[-1] = bins
        left = np.minimum(np.maximum(high[whole] - end, 0.0), high[whole] - low[whole])
        ahead = np.maximum(low[whole] - end, 0.0)
        above, first, second = self.moments
        lever = whole + 1 - end
        part = np.append(self.counts, 0.0)[whole] * (left / (high - low)[whole])
        clipping = (
            second[whole + 1]
            + 2 * lever * first[whole + 1]
            + lever**2 * above[whole + 1]
            + part * (left**2 / 3 + ahead * (left + ahead))
        )
        outside = above[whole + 1] + part
        inside = above[0] - outside
        return clipping * self.width**2 + inside * scale**2 / 12

    @cached_property
    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Sums over the values beyond an edge e of 1, x - e and (x - e)^2, in bin widths."""
        low, high = (ends - np.arange(self.counts.size) for ends in self._cells)
        square = self.counts * (high * high + high * low + low * low) / 3
        zero = np.zeros(2)
        above = np.concatenate((from_above(self.counts), zero))
        first = np.concatenate((from_above(above[1:-1] + self.counts * ((low + high) / 2)), zero))
        second = np.concatenate((from_above(first[1:-1] * 2 + above[1:-1] + square), zero))
        return above, first, second


def from_above(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of each value and all after it."""
    return np.cumsum(values[::-1])[::-1]


def sides(histogram: Histogram) -> tuple[Side, Side]:
    """The magnitudes below and above zero, bins whole."""
    positive = histogram.positive.astype(np.float64)
    positive[0] -= histogram.zeros
    return (
        Side(histogram.negative.astype(np.float64), histogram.negative_width),
        Side(positive, histogram.positive_width),
    )


@lru_cache(maxsize=16)
def observed_sides(stats: TensorStats) -> tuple[Side, Side]:
    """The same, ending where the values do; all that is asked of a tensor shares them."""
    negative, positive = sides(stats.histogram)
    return (
        Side(negative.counts, negative.width, max(-stats.max, 0.0), -stats.low),
        Side(positive.counts, positive.width, max(stats.min, 0.0), stats.high),
    )
