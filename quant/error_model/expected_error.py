"""The mean squared error that quantization must give, from a histogram alone.

Inside a bin the values are taken as evenly spread; exact zeros have no error, since every range
represents zero exactly.

For one side of zero with N steps of size s the nearest code changes at ``b_j = (j - 1/2) s``,
j = 1..N. Writing the code as the number of boundaries below x gives, clipping included,

    E[(x - s * code)^2] = E[x^2] - 2 s * sum_j R(b_j),    R(b) = E[max(x - b, 0)]

(expand the square, and sum the tails over j). R is quadratic inside a bin, so one small table
serves every scale and every number of steps. With very many steps the sum is replaced by its
midpoint-rule limit, which is the familiar clipping error plus ``s^2 / 12`` for what is inside.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant import kernels
from quant.statistics.histogram import BINS_PER_SIDE, Histogram

EXACT_STEPS = 1024
"""Types with more steps than this are better served by :meth:`Side.smooth_errors`."""


@dataclass(frozen=True, eq=False)
class Side:
    """Magnitudes on one side of zero, exact zeros left out.

    Attributes:
        counts: float64, shape (8192,), from zero outwards.
        width: Width of a bin in real units.
    """

    counts: NDArray[np.float64]
    width: float

    @cached_property
    def squares(self) -> float:
        """Sum of the squared magnitudes, in squared real units."""
        centres = np.arange(BINS_PER_SIDE) + 0.5
        return float(self.counts @ (centres * centres + 1 / 12)) * self.width**2

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
            np.ascontiguousarray(s / self.width), n, self._tables, sums
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
                np.ascontiguousarray(scale / self.width), self._tables, sums
            )
            result -= sums * (2 * self.width * scale[:, None])
        return np.maximum(result, 0.0)

    @cached_property
    def _tables(self) -> NDArray[np.float64]:
        """Constant, slope and curvature of R inside each bin, by the fraction left behind."""
        tables = np.zeros((3, BINS_PER_SIDE + 1))
        constant, slope, curvature = tables
        curvature[:-1] = self.counts / 2
        slope[:-1] = -np.cumsum(self.counts[::-1])[::-1]
        constant[:-1] = np.cumsum((curvature[:-1] - slope[1:])[::-1])[::-1]
        return tables

    def smooth_errors(
        self, scale: NDArray[np.float64], steps: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """What :meth:`errors` tends to with many steps, at a cost that does not grow with them.

        It is the clipping error plus ``scale^2 / 12`` of the values inside. Shapes that broadcast.
        """
        end = np.minimum(scale * steps / self.width, BINS_PER_SIDE)
        whole = end.astype(np.intp)
        left = 1 - (end - whole)
        counts = np.append(self.counts, 0.0)
        above, first, second = self.moments
        lever = whole + 1 - end
        part = counts[whole] * left
        clipping = (
            second[whole + 1]
            + 2 * lever * first[whole + 1]
            + lever**2 * above[whole + 1]
            + part * left**2 / 3
        )
        outside = above[whole + 1] + part
        inside = above[0] - outside
        return clipping * self.width**2 + inside * scale**2 / 12

    @cached_property
    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Sums over the values beyond an edge e of 1, x - e and (x - e)^2, in bin widths."""
        zero = np.zeros(2)
        above = np.concatenate((np.cumsum(self.counts[::-1])[::-1], zero))
        first = np.concatenate((np.cumsum((above[1:-1] + self.counts / 2)[::-1])[::-1], zero))
        step = first[1:-1] * 2 + above[1:-1] + self.counts / 3
        second = np.concatenate((np.cumsum(step[::-1])[::-1], zero))
        return above, first, second


def sides(histogram: Histogram) -> tuple[Side, Side]:
    """The magnitudes below and above zero."""
    positive = histogram.positive.astype(np.float64)
    positive[0] -= histogram.zeros
    return (
        Side(histogram.negative.astype(np.float64), histogram.negative_width),
        Side(positive, histogram.positive_width),
    )
