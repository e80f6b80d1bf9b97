"""Counts put on other bins: the running total of a histogram, read between its edges.

Inside a bin values are taken as evenly spread, so the number of them below a place is linear
there. A histogram's outermost bins reach only as far as its values do, where that is known.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant.statistics.tensor_stats import TensorStats

Real = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CumulativeCounts:
    """How many values lie below each of some edges.

    Attributes:
        edges: float64, shape (n + 1,), in real units, ascending; two alike hold a spike.
        below: float64, shape (n + 1,), from 0 to the number of values.
    """

    edges: Real
    below: Real

    @classmethod
    def of(cls, edges: Real, counts: NDArray[np.int64] | Real) -> "CumulativeCounts":
        """The running total of the counts between edges.

        Args:
            edges: float64, shape (n + 1,), ascending, in real units.
            counts: Shape (n,).
        """
        below = np.zeros(counts.size + 1)
        np.cumsum(counts, out=below[1:])
        return cls(edges, below)

    @property
    def total(self) -> float:
        """Number of values."""
        return float(self.below[-1])

    def at(self, places: ArrayLike) -> Real:
        """How many values lie below each place, float64 of its shape; a spike counts at its place.

        Args:
            places: Real units, any shape.
        """
        return np.interp(np.asarray(places, np.float64), self.edges, self.below)

    def rebinned(self, edges: ArrayLike) -> Real:
        """Counts on other bins; what lies outside them is not counted.

        Args:
            edges: Ascending, shape (m + 1,), in real units.

        Returns:
            float64, shape (m,).
        """
        return np.diff(self.at(edges))

    def exceeded_by(self, beyond: float) -> float:
        """The place, in real units, that so many values exceed; the last edge for none."""
        exceeding = self.below[-1] - self.below
        first = int(np.flatnonzero(exceeding <= 0)[0])
        return float(np.interp(beyond, exceeding[first::-1], self.edges[first::-1]))

    def __add__(self, other: "CumulativeCounts") -> "CumulativeCounts":
        """The values of both."""
        edges = np.union1d(self.edges, other.edges)
        return CumulativeCounts(edges, self.at(edges) + other.at(edges))


def binned(
    counts: NDArray[np.int64], width: float, nearest: float, farthest: float
) -> CumulativeCounts:
    """The running total of bins of one width from zero outwards.

    Args:
        counts: int64, shape (n,).
        width: Width of a bin in real units.
        nearest: The least magnitude, or 0 where that is not known.
        farthest: The greatest magnitude.

    Returns:
        From zero to ``farthest``; the outermost bins that hold something end where the values do.
    """
    used = np.flatnonzero(counts)
    if not used.size:
        return CumulativeCounts(np.zeros(1), np.zeros(1))
    first, last = int(used[0]), int(used[-1])
    edges = np.arange(first, last + 2, dtype=np.float64) * width
    edges[-1] = max(farthest, edges[-2])
    edges[0] = min(max(nearest, edges[0]), edges[1])
    found = CumulativeCounts.of(edges, counts[first : last + 1])
    if edges[0] <= 0:
        return found
    return CumulativeCounts(np.append(0.0, found.edges), np.append(0.0, found.below))


@lru_cache(maxsize=16)
def magnitudes(stats: TensorStats) -> tuple[CumulativeCounts, CumulativeCounts]:
    """Magnitudes of the values below zero and of those above, exact zeros in neither.

    All that is computed for a tensor shares them, so those of the last few tensors are kept.
    """
    histogram = stats.histogram
    positive = histogram.positive.copy()
    positive[0] -= stats.zeros
    return (
        binned(histogram.negative, histogram.negative_width, max(-stats.max, 0.0), -stats.min),
        binned(positive, histogram.positive_width, max(stats.min, 0.0), stats.max),
    )


def magnitudes_below(stats: TensorStats, places: ArrayLike) -> Real:
    """How many values, zeros among them, have a magnitude below each place.

    Args:
        stats: Statistics of the tensor.
        places: Real units, any shape.

    Returns:
        float64, of the shape of ``places``.
    """
    at = np.asarray(places, np.float64)
    negative, positive = magnitudes(stats)
    return positive.at(at) + stats.zeros * (at > 0) + negative.at(at)


def values_below(stats: TensorStats, places: ArrayLike) -> Real:
    """How many values lie below each place, both signs; a zero lies below what is above zero.

    Args:
        stats: Statistics of the tensor.
        places: Real units, any shape.

    Returns:
        float64, of the shape of ``places``.
    """
    at = np.asarray(places, np.float64)
    negative, positive = magnitudes(stats)
    return positive.at(at) + stats.zeros * (at > 0) + (negative.total - negative.at(-at))
