"""TensorRT's calibration as NVIDIA ModelOpt publishes it.

Source: ModelOpt 0.47, ``modelopt.torch.quantization.calib.HistogramCalibrator``; the scheme is that
of S. Migacz, "8-bit Inference with TensorRT" (GTC 2017). int8, signed, narrow range.
"""

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant import kernels
from quant.cost_curve import CostCurve
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules.base import Batches, ResultForm, RuleFails, RuleResult, ToolRule, register
from quant.tool_rules.streamed.compute import running
from quant.tool_rules.streamed.grids import Grid, float32_steps, histc, magnitude_counts, single
from quant.tool_rules.streamed.spread import spread_kl

BINS = 2048
START = 128
LEVELS = 128
MOST_BINS = 1 << 17
ONLY_ZEROS = "ModelOpt fails where the first batch holds only zeros"
_NEAR = 1e-5


def histogram(batches: Batches) -> Grid:
    """Counts of |x|: 2,048 bins up to the first batch's largest, then ever more of that width.

    Raises:
        RuleFails: The first batch holds only zeros, or so little that the grid outgrows all bounds.
    """
    bins, edges = BINS, np.zeros(0, np.float32)
    counts = np.zeros(0, np.int64)
    for batch in batches:
        x = np.abs(batch)
        largest = np.float32(x.max())
        if not edges.size:
            edges = float32_steps(float(largest), bins)
            counts = histc(x, bins, 0.0, float(largest))
            continue
        if largest > edges[-1]:
            bins = _bins(edges, largest)
            edges = _grown(edges, largest)
        found = histc(x, bins, 0.0, float(edges[-1]))
        found[: counts.size] += counts
        counts = found
    return Grid(counts, edges, *_ends(batches))


def _bins(edges: NDArray[np.float32], largest: np.float32) -> int:
    """How many bins of the present width reach the largest magnitude."""
    width = np.float32(edges[1] - edges[0])
    if not width:
        raise RuleFails(ONLY_ZEROS)
    bins = float(largest) / float(width)
    if bins > MOST_BINS:
        raise RuleFails(
            f"ModelOpt's grid grows from the first batch's range to {bins:,.0f} bins "
            f"here, more than the {MOST_BINS:,} that are computed"
        )
    return math.ceil(np.float32(largest / width))


def _grown(edges: NDArray[np.float32], largest: np.float32) -> NDArray[np.float32]:
    """Edges of bins of the same width up to the largest magnitude."""
    _bins(edges, largest)
    width = float(np.float32(edges[1] - edges[0]))
    end = float(np.float32(largest + np.float32(width)))
    return (np.arange(math.ceil(end / width)) * width).astype(np.float32)


def entropy_curve(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divergence of every candidate from 128 bins to all of them.

    The first bin takes the count of the second. Bin k of i goes to level ``floor(128 k / i)``.

    Returns:
        float64, shape (bins - 127,); NaN where all kept bins are empty.
    """
    bins = counts.copy()
    bins[0] = bins[1]
    kept = np.arange(START, bins.size + 1)
    return spread_kl(bins, kept, LEVELS, whole=False)


def entropy_amax(grid: Grid) -> float:
    """The last candidate of least divergence. NaN counts as least, as in ``numpy.argmin``."""
    cost = entropy_curve(grid.counts)
    return float(grid.edges[START + cost.size - 1 - int(np.argmin(cost[::-1]))])


def mse_curve(
    grid: Grid, *, least_only: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Candidate amax, and the mean over bins of count times squared error of the bin's centre.

    Sums over the bins of a code come from running totals; candidates that could be the least are
    then scored as the tool does it, in float32.

    Args:
        grid: The counts.
        least_only: Whether only the least matters; of others the cost may be less than the true
            one, but not less than the least.
    """
    edges = grid.edges.astype(np.float32)[: grid.counts.size + 1]
    centres = (edges[1:] + edges[:-1]) / np.float32(2)
    amax = centres[START:]
    cost = np.empty(amax.size)
    at = centres.astype(np.float64)
    moments = np.stack([grid.counts, grid.counts * at, grid.counts * at * at], axis=1)
    kernels.load("tool_rules.tensorrt").grid_mse(
        at, running(moments), amax.astype(np.float64), least_only, cost
    )
    for row in np.flatnonzero(cost <= cost.min() * (1 + _NEAR)):
        with np.errstate(all="ignore"):  # tiny and huge ranges keep their score in float64
            scale = np.float32(127) / amax[row]
            codes = np.minimum(np.rint(centres * scale), np.float32(127))
            exact = ((codes / scale - centres) ** 2 * grid.counts.astype(np.float32)).mean()
        cost[row] = exact if np.isfinite(exact) and exact else cost[row]
    return amax, cost


def percentile_amax(grid: Grid, percentile: float) -> float:
    """The lower edge of the bin in which the share of the values reaches the percentile."""
    share = np.cumsum(grid.counts / grid.counts.sum())
    return float(grid.edges[int(np.searchsorted(share, percentile / 100))])


def _ends(batches: Batches) -> tuple[float, float]:
    return float(min(b.min() for b in batches)), float(max(b.max() for b in batches))


class _FromHistogram(ToolRule[Grid]):
    """A choice from the growing histogram of magnitudes."""

    tool: ClassVar[str] = "modelopt"

    def from_batches(self, batches: Batches) -> Grid:
        """Counts on the growing grid."""
        return histogram(batches)

    def from_stats(self, stats: TensorStats) -> Grid:
        """Counts on as many bins of the first sample's width as hold all values."""
        low, high = stats.range_growth[0].tolist()
        largest = max(-low, high)
        if not largest and stats.abs_max:
            raise RuleFails(ONLY_ZEROS)
        edges = float32_steps(largest, BINS)
        if stats.abs_max > largest:
            edges = _grown(edges, np.float32(stats.abs_max))
        reach = np.append(edges[:-1], max(single(stats.abs_max), edges[-1]))
        return Grid(magnitude_counts(stats, reach), edges, stats.min, stats.max)

    def amax(self, grid: Grid) -> float:
        """The arithmetic, where there is a magnitude above zero."""
        raise NotImplementedError

    def pick(self, gathered: Grid) -> RuleResult:
        """The largest magnitude that keeps its value; 0 for zeros only."""
        amax = self.amax(gathered) if gathered.abs_max else 0.0
        return RuleResult(ResultForm.AMAX, (float(single(amax)),))


@register
class Entropy(_FromHistogram):
    """Least KL divergence."""

    key: ClassVar[str] = "entropy_int8"
    label: ClassVar[str] = "TensorRT entropy"
    summary: ClassVar[str] = (
        "Least KL divergence over 2,048 bins of |x|, from bin 128 on, the last of a tie; as NVIDIA "
        "ModelOpt does it. Where the first bins are all empty (data away from zero) its divergence "
        "is undefined, which counts as least: it clips every value. Its grid depends on which "
        "batch comes first."
    )

    def amax(self, grid: Grid) -> float:
        """The last candidate of least divergence."""
        return entropy_amax(grid)

    def curve(self, gathered: Grid) -> CostCurve:
        """Divergence in nats over candidate amax."""
        cost = entropy_curve(gathered.counts)
        return CostCurve(
            self.name, gathered.edges[START : START + cost.size].astype(np.float64), cost
        )


@register
class Mse(_FromHistogram):
    """Least squared error."""

    key: ClassVar[str] = "mse_int8"
    label: ClassVar[str] = "TensorRT MSE"
    summary: ClassVar[str] = (
        "Least squared error of the bin centres over 2,048 bins of |x|, from bin 128 on; as NVIDIA "
        "ModelOpt does it. Its grid depends on which batch comes first."
    )

    def amax(self, grid: Grid) -> float:
        """The first candidate of least error."""
        amax, cost = mse_curve(grid, least_only=True)
        return float(amax[int(np.argmin(cost))])

    def curve(self, gathered: Grid) -> CostCurve:
        """Mean over bins of the squared error times the count, over candidate amax."""
        amax, cost = mse_curve(gathered)
        return CostCurve(self.name, amax.astype(np.float64), cost)


@register
class Percentile(_FromHistogram):
    """99.99 % of the magnitudes."""

    key: ClassVar[str] = "percentile_99.99"
    label: ClassVar[str] = "TensorRT percentile"
    summary: ClassVar[str] = (
        "Keeps 99.99 % of |x|, down to the lower edge of a bin; as NVIDIA ModelOpt does it. Its "
        "grid depends on which batch comes first."
    )

    def amax(self, grid: Grid) -> float:
        """The lower edge of the percentile's bin."""
        return percentile_amax(grid, 99.99)
