"""Histograms on other tools' grids, from the values themselves or from streamed statistics."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant.statistics.cumulative import magnitudes_below, values_below
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules.base import Batches, RuleFails


@dataclass(frozen=True, eq=False)
class Grid:
    """Counts on a tool's bins.

    Attributes:
        counts: int64, shape (n,).
        edges: Bin edges in real units in the tool's precision, shape (n+1,) (one tool may have
            more edges than that), ascending.
        low: The least value seen.
        high: The greatest value seen.
    """

    counts: NDArray[np.int64]
    edges: NDArray[np.floating]
    low: float
    high: float

    @property
    def abs_max(self) -> float:
        """The largest magnitude seen."""
        return max(-self.low, self.high)


def joined(batches: Batches) -> NDArray[np.float32]:
    """All values of all batches, shape (n,)."""
    return np.concatenate([batch.reshape(-1) for batch in batches])


def even_edges(
    low: float, high: float, bins: int, dtype: type[np.floating] = np.float32
) -> NDArray[np.floating]:
    """The edges that ``numpy.histogram`` lays over [low, high]; a range of no width is widened.

    Raises:
        RuleFails: The range is too narrow to be divided, where NumPy fails and so does the tool.
    """
    ends: Any = dtype(low), dtype(high)  # NumPy rounds each step in the type of the ends
    try:
        return np.histogram_bin_edges(np.zeros(0, dtype), bins, range=ends)
    except ValueError:
        raise RuleFails(f"NumPy cannot divide so narrow a range into {bins:,} bins") from None


def single(value: float) -> np.float32:
    """The nearest float32."""
    return np.float32(value)


def histc(x: NDArray[np.float32], bins: int, low: float, high: float) -> NDArray[np.int64]:
    """Counts as ``torch.histc`` makes them: the bin's number is computed in float32.

    Args:
        x: float32 of any shape; values outside [low, high] are left out.
        bins: Number of equal bins.
        low: Lower end.
        high: Upper end, which belongs to the last bin. Where it equals ``low`` the range is
            widened by one on both sides.

    Returns:
        int64, shape (bins,).
    """
    flat = x.reshape(-1)
    start, end = np.float32(low), np.float32(high)
    if start == end:
        start, end = np.float32(start - 1), np.float32(end + 1)
    inside = flat[(flat >= start) & (flat <= end)]
    at = ((inside - start) * np.float32(bins) / np.float32(end - start)).astype(np.int64)
    return np.bincount(np.minimum(at, bins - 1), minlength=bins)


def float32_steps(limit: float, bins: int) -> NDArray[np.float32]:
    """``bins + 1`` even steps from 0 to ``limit``, in float32."""
    return np.linspace(0, single(limit), bins + 1, dtype=np.float32)


def signed_counts(stats: TensorStats, edges: ArrayLike) -> NDArray[np.int64]:
    """How many values lie in each bin, both signs, from streamed statistics.

    A bin of the streamed histogram is split in proportion, and the running total is rounded: a
    lone value then falls into one bin and does not fill two by halves.

    Args:
        stats: Statistics of the tensor.
        edges: Ascending, shape (n+1,), from the least value seen or below to the greatest.

    Returns:
        int64, shape (n,), whose sum is the number of values.
    """
    return _whole(values_below(stats, edges), stats.count)


def magnitude_counts(stats: TensorStats, edges: ArrayLike) -> NDArray[np.int64]:
    """How many values have their magnitude in each bin, from streamed statistics.

    Args:
        stats: Statistics of the tensor.
        edges: Ascending, shape (n+1,), from the least magnitude or below to the greatest.

    Returns:
        int64, shape (n,), whose sum is the number of values.
    """
    return _whole(magnitudes_below(stats, edges), stats.count)


def least_magnitude(stats: TensorStats) -> float:
    """The least magnitude; a lower bound within a bin where values of both signs but no zero."""
    if stats.zeros:
        return 0.0
    if stats.min > 0 or stats.max < 0:
        return min(abs(stats.min), abs(stats.max))
    histogram = stats.histogram
    return min(
        float(np.flatnonzero(histogram.positive)[0]) * histogram.positive_width,
        float(np.flatnonzero(histogram.negative)[0]) * histogram.negative_width,
    )


def _whole(below: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Whole counts from a running total; the first and the last edge hold all values."""
    below[0], below[-1] = 0, count
    return np.diff(np.rint(below)).astype(np.int64)
