"""Paddle's post-training quantization, int8, the branch that exports ONNX.

Source: PaddlePaddle 3.3, ``paddle.static.quantization.PostTrainingQuantization``. A threshold of
Paddle is what it stores as "scale"; the scale of ONNX is threshold / 127.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant.cost_curve import CostCurve
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules.base import Batches, ResultForm, RuleResult, ToolRule, register
from quant.tool_rules.streamed.grids import (
    Grid,
    even_edges,
    joined,
    least_magnitude,
    magnitude_counts,
)
from quant.tool_rules.streamed.spread import spread_kl

BINS = 2048
LEVELS = 127
HIST_PERCENT = 0.99999


def histogram(batches: Batches) -> Grid:
    """Counts of |x| on 2,048 bins from the least magnitude to the greatest."""
    x = joined(batches)
    magnitudes = np.abs(x)
    ends = float(magnitudes.min()), float(magnitudes.max())
    counts, edges = np.histogram(magnitudes, bins=_edges(*ends))
    return Grid(counts, edges, float(x.min()), float(x.max()))


def _edges(low: float, high: float) -> NDArray[np.floating]:
    return even_edges(low, high, BINS, np.float64)


def _width(grid: Grid) -> float:
    return float(grid.edges[1] - grid.edges[0])


def kl_curve(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How many bins each candidate keeps, and its divergence.

    Candidates go from half of the bins to all but one; those that end in an empty bin are left
    out. Levels have ``kept // 127`` bins each, and the last takes the rest.
    """
    kept = np.arange((BINS - 1) // 2, BINS)
    kept = kept[counts[kept - 1] > 0]
    return kept, spread_kl(counts, kept, LEVELS, whole=True)


def kl_threshold(grid: Grid) -> float:
    """The first candidate of least divergence; else the bin in use at half of them or below."""
    kept, cost = kl_curve(grid.counts)
    if kept.size:
        best = int(kept[int(np.argmin(cost))])
    else:
        used = np.flatnonzero(grid.counts[1 : (BINS - 1) // 2 + 1])
        best = int(used[-1]) + 1 if used.size else 0
    return (best + 0.5) * _width(grid)


def hist_threshold(grid: Grid) -> float:
    """The middle of the first bin in which the share of the values reaches 0.99999."""
    share = np.cumsum(grid.counts / float(grid.counts.sum()))
    reached = np.flatnonzero(share >= HIST_PERCENT)
    return ((int(reached[0]) if reached.size else -1) + 0.5) * _width(grid)


class _FromHistogram(ToolRule[Grid]):
    """A choice from the histogram of magnitudes."""

    tool: ClassVar[str] = "paddle"

    def from_batches(self, batches: Batches) -> Grid:
        """Counts between the least and the greatest magnitude."""
        return histogram(batches)

    def from_stats(self, stats: TensorStats) -> Grid:
        """The same from streamed counts."""
        edges = _edges(least_magnitude(stats), stats.abs_max)
        return Grid(magnitude_counts(stats, edges), edges, stats.min, stats.max)


@register
class Kl(_FromHistogram):
    """Least KL divergence."""

    key: ClassVar[str] = "kl"
    label: ClassVar[str] = "Paddle KL"
    summary: ClassVar[str] = (
        "Least KL divergence over 2,048 bins of |x|, from half of them on, with 127 levels. Bins "
        "start at min|x|, which the threshold forgets: data away from zero is clipped whole."
    )

    def pick(self, gathered: Grid) -> RuleResult:
        """The first candidate of least divergence."""
        return RuleResult(ResultForm.THRESHOLD, (kl_threshold(gathered),))

    def curve(self, gathered: Grid) -> CostCurve | None:
        """Divergence in nats over candidate thresholds; None where every candidate is left out."""
        kept, cost = kl_curve(gathered.counts)
        if not kept.size:
            return None
        return CostCurve(self.name, (kept.astype(np.float64) + 0.5) * _width(gathered), cost)


@register
class Hist(_FromHistogram):
    """99.999 % of the magnitudes."""

    key: ClassVar[str] = "hist"
    label: ClassVar[str] = "Paddle hist"
    summary: ClassVar[str] = (
        "Keeps 99.999 % of |x|, up to the middle of a bin. Bins start at min|x|, which the "
        "threshold forgets: data away from zero is clipped whole."
    )

    def pick(self, gathered: Grid) -> RuleResult:
        """The middle of the percentile's bin."""
        return RuleResult(ResultForm.THRESHOLD, (hist_threshold(gathered),))


class _OneNumber(ToolRule[float]):
    """A choice that is itself the statistic."""

    tool: ClassVar[str] = "paddle"

    def pick(self, gathered: float) -> RuleResult:
        """The number."""
        return RuleResult(ResultForm.THRESHOLD, (gathered,))


@register
class AbsMax(_OneNumber):
    """The largest magnitude."""

    key: ClassVar[str] = "abs_max"
    label: ClassVar[str] = "Paddle abs_max"
    summary: ClassVar[str] = "The largest magnitude of all batches."

    def from_batches(self, batches: Batches) -> float:
        """max|x|."""
        return float(max(np.abs(b).max() for b in batches))

    def from_stats(self, stats: TensorStats) -> float:
        """max|x|."""
        return stats.abs_max


@register
class Average(_OneNumber):
    """Mean of the samples' largest magnitudes."""

    key: ClassVar[str] = "avg"
    label: ClassVar[str] = "Paddle avg"
    summary: ClassVar[str] = (
        "Mean over batches of the mean over samples of max|x|: what few samples reach is clipped."
    )

    def from_batches(self, batches: Batches) -> float:
        """Mean over batches of the mean over samples of max|x|."""
        return float(np.mean([np.abs(b.reshape(len(b), -1)).max(axis=1).mean() for b in batches]))

    def from_stats(self, stats: TensorStats) -> float:
        """Mean over samples of max|x|: the same for batches of one size."""
        return stats.mean_sample_abs_max
