"""The two ends of a range searched together, for values on both sides of zero.

The values are counted in :data:`quant.calibrators.search.divergence.BINS` bins between the observed
ends, with an edge at zero. A candidate is a window of bins that holds zero; what lies beyond an end
is added to the bin there, and the window is merged into all the levels of the type (see
:mod:`quant.calibrators.search.divergence`).

There are up to a million windows. Tried are :data:`GRID` by :data:`GRID` of them spread evenly,
and around the best of those every place of one end while the other is held, in turns, as far as
the next places of the grid, until neither end moves or :data:`ROUNDS` rounds are over.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from quant.calibrators.search.divergence import BINS, Windows
from quant.statistics.cumulative import magnitudes
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

GRID = 33
"""Places tried at first for each end."""

ROUNDS = 8
"""Rounds at most of moving one end, then the other."""

Measure = Callable[[NDArray[np.int64]], NDArray[np.float64]]


def window_range(
    stats: TensorStats,
    spec: QuantSpec,
    measure: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    with_js: bool,
) -> tuple[float, float]:
    """The range of least divergence for values on both sides of zero.

    Args:
        stats: What calibration saw of the tensor: something below zero and something above.
        spec: The type of its codes.
        measure: The divergence out of the rows KL(P||Q), KL(Q||P) and Jensen-Shannon.
        with_js: Whether the last row is wanted.

    Returns:
        ``rmin <= 0 <= rmax`` within the observed range: half a bin beyond the window, as the
        threshold of a symmetric range is.
    """
    bins, zero, width = signed_histogram(stats)
    windows = Windows(bins, min(spec.qtype.levels, BINS))
    first, last = search(
        lambda tried: measure(windows.divergences(tried, with_js=with_js)),
        zero,
        len(bins),
        windows.levels,
    )
    low, high = (zero - first + 0.5) * width, (last - zero + 0.5) * width
    return max(-low, stats.low), min(high, stats.high)


def signed_histogram(stats: TensorStats) -> tuple[NDArray[np.float64], int, float]:
    """Counts of the values but the exact zeros on bins of one width with an edge at zero.

    Returns:
        The counts, float64 of shape (BINS,); how many of the bins are below zero; their width.
    """
    zero = round(BINS * -stats.low / (stats.high - stats.low))
    zero = min(max(zero, 1), BINS - 1)
    width = max(-stats.low / zero, stats.high / (BINS - zero))
    negative, positive = magnitudes(stats)
    below = negative.rebinned(np.arange(zero + 1) * width)
    above = positive.rebinned(np.arange(BINS - zero + 1) * width)
    return np.concatenate((below[::-1], above)), zero, width


def search(measure: Measure, zero: int, bins: int, least: int) -> tuple[int, int]:
    """The window of least measure among those tried; the widest of a tie.

    Args:
        measure: From windows of shape (w, 2) to their costs.
        zero: Bins below zero.
        bins: All bins.
        least: Bins that a window has at least.

    Returns:
        The first bin of the window and the one after its last; all bins where every window that
        was tried costs infinitely much.
    """
    firsts = np.unique(np.linspace(0, zero, GRID).round().astype(np.int64))
    lasts = np.unique(np.linspace(zero, bins, GRID).round().astype(np.int64))
    best, cost = _least(measure, firsts, lasts, least)
    if not np.isfinite(cost):
        return 0, bins
    apart = max(int(np.diff(firsts).max()), int(np.diff(lasts).max()))
    for _ in range(ROUNDS):
        before = best
        first, last = best
        near = np.arange(max(first - apart, 0), min(first + apart, zero) + 1)
        (first, last), _ = _least(measure, near, np.array([last]), least)
        near = np.arange(max(last - apart, zero), min(last + apart, bins) + 1)
        best, _ = _least(measure, np.array([first]), near, least)
        if best == before:
            break
    return best


def _least(
    measure: Measure, firsts: NDArray[np.int64], lasts: NDArray[np.int64], least: int
) -> tuple[tuple[int, int], float]:
    """The window of least cost with one of these ends each, and its cost; the widest of a tie."""
    tried = np.stack(np.meshgrid(firsts, lasts, indexing="ij"), axis=-1).reshape(-1, 2)
    tried = tried[tried[:, 1] - tried[:, 0] >= least]
    cost = measure(tried)
    tied = tried[cost <= cost.min() * (1 + 1e-12)]
    first, last = tied[np.argmax(tied[:, 1] - tied[:, 0])]
    return (int(first), int(last)), float(cost.min())
