"""MindSpore Lite's full quantization.

Source: MindSpore Lite, ``tools/converter/quantizer/data_distribution.cc``, read and not run: there
are no recorded results of it. Ranges are those before the tool shifts them so that zero falls on a
code; every range is widened to hold zero.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant import kernels
from quant.cost_curve import CostCurve
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules.base import (
    Batches,
    Range,
    ResultForm,
    RuleFails,
    RuleResult,
    ToolRule,
    register,
)
from quant.tool_rules.streamed.compute import running, x_log_x
from quant.tool_rules.streamed.grids import Grid, float32_steps, joined, magnitude_counts

BINS = 2048
LEVELS = 128
_FILL = 1e-7


def histogram(batches: Batches) -> Grid:
    """Counts of |x| on 2,048 bins up to the largest; exact zeros are left out."""
    x = joined(batches)
    limit = np.abs(x).max()
    counts = np.zeros(BINS, np.int64)
    if limit:
        at = (np.abs(x[x != 0]) / np.float32(limit / np.float32(BINS))).astype(np.int64)
        counts = np.bincount(np.minimum(at, BINS - 1), minlength=BINS)
    return Grid(counts, float32_steps(float(limit), BINS), float(x.min()), float(x.max()))


def kl_curve(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divergence of every candidate, from 128 kept bins to all but one.

    Every bin starts at 1e-7, so none is empty. Levels have fractional ends: a bin that two levels
    share gives to each its part, and takes from each the same part of its mean.

    Returns:
        float64, shape (1920,), in nats.
    """
    filled = counts.astype(np.float64) + _FILL
    cost = np.empty(BINS - LEVELS)
    totals = running(filled), running(x_log_x(filled))
    kernels.load("tool_rules.mindspore").fractional_kl(filled, *totals, LEVELS, LEVELS, cost)
    return cost


def kl_threshold(grid: Grid) -> float:
    """The first candidate of least divergence."""
    best = LEVELS + int(np.argmin(kl_curve(grid.counts)))
    return (best + 0.5) * grid.abs_max / BINS


def outlier_ends(x: NDArray[np.float32]) -> Range:
    """The order statistics of one batch at the shares 0.0001 and 0.9999."""
    low, high = (int(np.float32(share) * np.float32(x.size)) for share in (0.0001, 0.9999))
    ends = np.partition(x, (low, high))
    return float(ends[low]), float(ends[high])


class _FromEnds(ToolRule[Range]):
    """A range from two numbers."""

    tool: ClassVar[str] = "mindspore"

    def pick(self, gathered: Range) -> RuleResult:
        """The two ends, zero between them."""
        low, high = gathered
        return RuleResult(ResultForm.RANGE, (min(low, 0.0), max(high, 0.0)), (-128, 127))


@register
class MaxMin(_FromEnds):
    """The observed range."""

    key: ClassVar[str] = "max_min"
    label: ClassVar[str] = "MindSpore Lite MAX_MIN"
    summary: ClassVar[str] = "The observed range, widened to hold zero."

    def from_batches(self, batches: Batches) -> Range:
        """The least and the greatest value."""
        return float(min(b.min() for b in batches)), float(max(b.max() for b in batches))

    def from_stats(self, stats: TensorStats) -> Range:
        """The least and the greatest value."""
        return stats.min, stats.max


@register
class RemovalOutlier(_FromEnds):
    """Averaged order statistics."""

    key: ClassVar[str] = "removal_outlier"
    label: ClassVar[str] = "MindSpore Lite REMOVAL_OUTLIER"
    summary: ClassVar[str] = (
        "The 0.0001 and 0.9999 order statistics of each batch, averaged over the batches: the "
        "result depends on the size of a batch."
    )

    def from_batches(self, batches: Batches) -> Range:
        """Means of the batches' order statistics."""
        low, high = np.mean([outlier_ends(b.reshape(-1)) for b in batches], axis=0).tolist()
        return low, high

    def from_stats(self, stats: TensorStats) -> Range:
        """Means over samples."""
        return stats.mean_low_quantile, stats.mean_high_quantile


@register
class Kl(ToolRule[Grid]):
    """Least KL divergence."""

    tool: ClassVar[str] = "mindspore"
    key: ClassVar[str] = "kl"
    label: ClassVar[str] = "MindSpore Lite KL"
    summary: ClassVar[str] = (
        "Least KL divergence over 2,048 bins of |x| without zeros, into 128 levels of fractional "
        "width; the range is plus and minus the threshold, whatever was observed, and the "
        "threshold may lie half a bin beyond what it keeps."
    )

    def from_batches(self, batches: Batches) -> Grid:
        """Counts of magnitudes."""
        return histogram(batches)

    def from_stats(self, stats: TensorStats) -> Grid:
        """The same from streamed counts."""
        steps = float32_steps(stats.abs_max, BINS)
        if stats.abs_max and not steps[1]:
            raise RuleFails("The values are so small that float32 has no 2,048 steps for them.")
        counts = magnitude_counts(stats, steps)
        counts[0] -= stats.zeros
        return Grid(counts, steps, stats.min, stats.max)

    def pick(self, gathered: Grid) -> RuleResult:
        """Plus and minus the threshold."""
        threshold = kl_threshold(gathered) if gathered.abs_max else 0.0
        return RuleResult(ResultForm.RANGE, (-threshold, threshold), (-128, 127))

    def curve(self, gathered: Grid) -> CostCurve:
        """Divergence in nats over thresholds."""
        cost = kl_curve(gathered.counts)
        kept = np.arange(LEVELS, BINS, dtype=np.float64)
        return CostCurve(self.name, (kept + 0.5) * gathered.abs_max / BINS, cost)
