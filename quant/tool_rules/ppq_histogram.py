"""PPQ's observers that search on a histogram: KL and MSE.

Source: PPQ 0.6.6, ``ppq.quantization.observer.range``.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant import kernels
from quant.cost_curve import CostCurve
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules.base import Batches, ResultForm, RuleResult, ToolRule, register
from quant.tool_rules.ppq import LEAST_SCALE, LEVELS, scale_offset
from quant.tool_rules.streamed.compute import running
from quant.tool_rules.streamed.grids import (
    Grid,
    float32_steps,
    histc,
    joined,
    magnitude_counts,
    signed_counts,
)

KL_BINS = 4096
MSE_BINS = 2048
_START_STEP = 8
_TINY = 1e-30


def kl_curve(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How many bins each candidate keeps (128, 256, ...), and its divergence in bels.

    The first eight bins are emptied and the ninth is set to one, whatever was there.
    """
    histogram = counts.astype(np.float32)
    spike = int(counts.size * 0.002)
    histogram[:spike] = 0
    histogram[spike] = 1
    total = float(histogram.sum())
    p = histogram.astype(np.float64) / total
    below, p_log_p = running(p), running(p * np.log10(p + _TINY))
    kept = np.arange(128, counts.size + 1, 128)
    cost = np.empty(kept.size)
    for row, end in enumerate(kept.tolist()):
        levels = p[:end].reshape(128, -1)
        mass = levels.sum(axis=1)
        q = mass / np.maximum(np.count_nonzero(levels, axis=1), 1) / below[end]
        logs = np.log10(q + _TINY)
        # The last bin has what lies beyond; where it is empty itself nothing of Q is there.
        last = p[end - 1]
        grown = last + below[-1] - below[end]
        mass[-1] -= last
        cost[row] = p_log_p[end - 1] + grown * np.log10(grown + _TINY) - mass @ logs
        cost[row] -= grown * (logs[-1] if last else np.log10(_TINY))
    return kept, cost


@dataclass(frozen=True, eq=False)
class MseCandidates:
    """Candidates of the MSE observer in the order it tries them, all shape (n,).

    Attributes:
        start: First bin of the range.
        end: The bin after the range, perhaps beyond the histogram.
        cost: Mean squared error in squared bins.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    cost: NDArray[np.float64]


def mse_candidates(counts: NDArray[np.int64], starts: int) -> MseCandidates:
    """Score one range that holds all bins, then steps of 1 to 8 bins from each start.

    Args:
        counts: int64, shape (2048,).
        starts: How many starts are tried: bins 0, 8, 16, ...
    """
    bins = counts.size
    widest = bins // LEVELS + 1
    triples = [(0, widest)]
    for start in range(0, starts * _START_STEP, _START_STEP):
        fitting = range(1, min(widest, (bins + LEVELS - start) // LEVELS + 1))
        triples += [(start, step) for step in fitting]
    start, step = np.asarray(triples).T.copy()
    end = start + LEVELS * step
    left, right = _outside(counts)
    cost = left[start] + np.where(end < bins, right[np.minimum(end, bins - 1)], 0.0)
    kernels.load("tool_rules.ppq").step_errors(counts, start, step, cost)
    return MseCandidates(start, end, cost / counts.sum())


def _outside(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared clipping error below each start, and above each end (which is not in it itself)."""
    index = np.arange(counts.size, dtype=np.float64)
    moments = np.asarray([counts * index**k for k in range(3)])
    zero = np.zeros((3, 1))
    n, first, second = np.concatenate((zero, np.cumsum(moments, axis=1)), axis=1)[:, :-1]
    at = index - 0.5
    left = second - 2 * at * first + at * at * n
    n, first, second = moments.sum(axis=1)[:, None] - np.cumsum(moments, axis=1)
    right = second - 2 * at * first + at * at * n
    return np.maximum(left, 0.0), np.maximum(right, 0.0)


class _FromHistogram(ToolRule[Grid]):
    """A choice from a histogram; of |x| where it is symmetric."""

    tool: ClassVar[str] = "ppq"
    symmetric: ClassVar[bool] = True
    bins: ClassVar[int]

    def from_batches(self, batches: Batches) -> Grid:
        """Counts in a second pass, from the range that a first pass found."""
        x = joined(batches)
        low, high = float(x.min()), float(x.max())
        if not self.symmetric:
            counts = histc(x, self.bins, low, high)
            return Grid(counts, np.linspace(low, high, self.bins + 1), low, high)
        limit = max(-low, high)
        counts = histc(np.abs(x), self.bins, 0.0, limit)
        return Grid(counts, float32_steps(limit, self.bins), low, high)

    def from_stats(self, stats: TensorStats) -> Grid:
        """The same from streamed counts."""
        if not self.symmetric:
            edges = np.linspace(stats.min, stats.max, self.bins + 1)
            return Grid(signed_counts(stats, edges), edges, stats.min, stats.max)
        steps = float32_steps(stats.abs_max, self.bins)
        return Grid(magnitude_counts(stats, steps), steps, stats.min, stats.max)


@register
class Kl(_FromHistogram):
    """Least KL divergence."""

    key: ClassVar[str] = "kl_symmetric_int8"
    label: ClassVar[str] = "PPQ KL"
    bins: ClassVar[int] = KL_BINS
    summary: ClassVar[str] = (
        "Least KL divergence over 4,096 bins of |x|, tried at every 128th. The first eight bins "
        "are emptied against a spike at zero, and the ninth is set to one, whatever was there."
    )

    def pick(self, gathered: Grid) -> RuleResult:
        """The first candidate of least divergence."""
        kept, cost = kl_curve(gathered.counts)
        width = gathered.abs_max / self.bins
        scale = max(int(kept[int(np.nanargmin(cost))]) / 128 * width, LEAST_SCALE)
        return RuleResult(ResultForm.SCALE_OFFSET, (float(np.float32(scale)), 0.0), (-128, 127))

    def cost(self, gathered: Grid, pick: RuleResult) -> float:
        """Divergence in bels at the candidate whose scale is nearest."""
        curve = self.curve(gathered)
        return float(curve.cost[int(np.argmin(np.abs(curve.thresholds - pick.values[0])))])

    def curve(self, gathered: Grid) -> CostCurve:
        """Divergence in bels over candidate scales."""
        kept, cost = kl_curve(gathered.counts)
        return CostCurve(
            self.name, kept.astype(np.float64) / 128 * gathered.abs_max / self.bins, cost
        )


class _Mse(_FromHistogram):
    bins: ClassVar[int] = MSE_BINS

    def _candidates(self, grid: Grid) -> MseCandidates:
        if self.symmetric:
            return mse_candidates(grid.counts, 1)
        width = (grid.high - grid.low) / self.bins
        starts = np.arange(0, self.bins, _START_STEP) * width + grid.low
        return mse_candidates(grid.counts, int(np.count_nonzero(starts <= 0)))

    def _pick(self, grid: Grid, start: int, end: int) -> RuleResult:
        if self.symmetric:
            limit = end * (grid.abs_max / self.bins)
            return scale_offset(-limit, limit, symmetric=True)
        width = (grid.high - grid.low) / self.bins
        return scale_offset(start * width + grid.low, end * width + grid.low, symmetric=False)

    def cost(self, gathered: Grid, pick: RuleResult) -> float:
        """Squared error in squared bins at the candidate whose range is nearest."""
        found = self._candidates(gathered)
        ends = zip(found.start.tolist(), found.end.tolist(), strict=True)
        ranges = np.asarray([self._pick(gathered, start, end).range() for start, end in ends])
        return float(found.cost[int(np.abs(ranges - pick.range()).sum(axis=1).argmin())])

    def pick(self, gathered: Grid) -> RuleResult:
        """The first candidate of least error."""
        found = self._candidates(gathered)
        best = int(np.argmin(found.cost))
        return self._pick(gathered, int(found.start[best]), int(found.end[best]))


@register
class SymmetricMse(_Mse):
    """Least squared error from zero on."""

    key: ClassVar[str] = "mse_symmetric_int8"
    label: ClassVar[str] = "PPQ MSE (symmetric)"
    summary: ClassVar[str] = (
        "Least squared error over 2,048 bins of |x|. Only nine scales are tried, 1 to 9 eighths of "
        "the observed range, the steps of all 256 levels being laid over the magnitudes alone."
    )


@register
class AsymmetricMse(_Mse):
    """Least squared error, both ends searched."""

    key: ClassVar[str] = "mse_asymmetric_uint8"
    label: ClassVar[str] = "PPQ MSE (asymmetric)"
    symmetric: ClassVar[bool] = False
    summary: ClassVar[str] = (
        "Least squared error over 2,048 bins of the observed range: steps of 1 to 8 bins from "
        "every eighth bin at or below zero. Data above zero leaves one candidate, an eighth wider "
        "than the observed range."
    )
