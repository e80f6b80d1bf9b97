"""ONNX Runtime's calibration methods.

Source: onnxruntime 1.31, ``onnxruntime.quantization.calibrate``. All batches reach its collector in
one call, as ``quantize_static`` does it. Its ranges are those observed; the step after widens them
to hold zero.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant import kernels
from quant.cost_curve import CostCurve
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules.base import Batches, Range, ResultForm, RuleResult, ToolRule, register
from quant.tool_rules.streamed.compute import running
from quant.tool_rules.streamed.grids import (
    Grid,
    even_edges,
    joined,
    least_magnitude,
    magnitude_counts,
    signed_counts,
)

PERCENTILE = 99.999
LEVELS = 128
_SMOOTH = 0.0001
_NEAR = 1e-5
_NEAR_NATS = 1e-6


def signed_histogram(batches: Batches, bins: int) -> Grid:
    """Counts on equal bins over [-max|x|, max|x|]; edges in float32."""
    x = joined(batches)
    limit = np.abs(x).max()
    edges = even_edges(float(-limit), float(limit), bins)
    counts, _ = np.histogram(x, bins, range=(-limit, limit))
    return Grid(counts, edges, float(x.min()), float(x.max()))


def magnitude_histogram(batches: Batches, bins: int) -> Grid:
    """Counts of |x| on equal bins from the least magnitude to the greatest; edges in float32."""
    x = joined(batches)
    magnitudes = np.abs(x)
    edges = even_edges(float(magnitudes.min()), float(magnitudes.max()), bins)
    counts, _ = np.histogram(magnitudes, bins=bins)
    return Grid(counts, edges, float(x.min()), float(x.max()))


def entropy_curve(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Divergence of every candidate: from 64 bins on either side of the middle to half of all.

    Candidates that could be the least are scored as the tool does it, in float32.

    Returns:
        float32, shape (bins // 2 - 63,); infinite where a distribution is empty.
    """
    middle = counts.size // 2
    below = np.concatenate(([0], np.cumsum(counts)))
    cost = np.zeros(middle - LEVELS // 2 + 1)
    rows = np.arange(cost.size)
    if cost.size > 1:
        used = counts[counts > 0].astype(np.float64)
        moments = np.zeros((counts.size, 4))
        moments[counts > 0] = np.stack(
            [used * np.log(used), np.log(used), 1 / used, 1 / (used * used)], axis=1
        )
        filled = np.concatenate(([0], np.cumsum(counts > 0)))
        totals = running(moments)
        kernels.load("tool_rules.onnxruntime").entropy(
            counts, below, filled, totals, LEVELS, LEVELS // 2, cost
        )
        rows = np.flatnonzero(cost <= cost.min() * (1 + _NEAR) + _NEAR_NATS)
    result = cost.astype(np.float32)
    for row in rows.tolist():
        half = row + LEVELS // 2
        start, end = middle - half, min(middle + half + 1, counts.size)
        result[row] = _divergence(counts[start:end], int(below[start]), int(below[-1] - below[end]))
    return result


def _divergence(inside: NDArray[np.int64], left: int, right: int) -> float:
    """KL of a window with its tails from the same without, merged into 128 levels.

    Bins beyond the last whole level are counted into it but stay empty in Q, and shares are cut to
    whole numbers: so does the tool.
    """
    p = inside.copy()
    p[0] += left
    p[-1] += right
    size = inside.size // LEVELS
    body = inside[: LEVELS * size].reshape(LEVELS, size)
    merged = body.sum(axis=1)
    merged[-1] += inside[LEVELS * size :].sum()
    used = np.count_nonzero(p[: LEVELS * size].reshape(LEVELS, size), axis=1)
    q = np.zeros(inside.size, np.int64)
    q[: LEVELS * size] = np.repeat((merged / np.maximum(used, 1) * (used > 0)).astype(int), size)
    if not p.any() or not q.any():
        return float("inf")
    smooth_p, smooth_q = _smoothed(p), _smoothed(q)
    smooth_p /= smooth_p.sum()
    smooth_q /= smooth_q.sum()
    return float((smooth_p * np.log(smooth_p / smooth_q)).sum())


def _smoothed(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Empty bins get 0.0001, which the others lose in equal parts; float32."""
    empty = (counts == 0).astype(np.float32)
    share = _SMOOTH * float(empty.sum()) / (counts.size - float(empty.sum()))
    return counts.astype(np.float32) + (
        np.float32(_SMOOTH) * empty + np.float32(-share) * (1 - empty)
    )


def entropy_range(grid: Grid) -> Range:
    """The edges of the first candidate of least divergence, cut to the observed range."""
    half = int(np.argmin(entropy_curve(grid.counts))) + LEVELS // 2
    middle = grid.counts.size // 2
    end = min(middle + half + 1, grid.counts.size)
    return _cut(grid, float(grid.edges[middle - half]), float(grid.edges[end]))


def percentile_range(grid: Grid, percentile: float) -> Range:
    """The lower edges of the bins where the running share passes either end."""
    share = np.cumsum(grid.counts / grid.counts.sum())
    aside = (100.0 - percentile) / 200.0
    right = int(np.searchsorted(share, 1.0 - aside))
    left = int(np.searchsorted(share, aside))
    return _cut(grid, float(grid.edges[left]), float(grid.edges[right]))


def magnitude_percentile_range(grid: Grid, percentile: float) -> Range:
    """Plus and minus the lower edge of the percentile's bin, cut to the observed range."""
    share = np.cumsum(grid.counts / grid.counts.sum())
    limit = float(grid.edges[int(np.searchsorted(share, percentile / 100.0))])
    return _cut(grid, -limit, limit)


def _cut(grid: Grid, rmin: float, rmax: float) -> Range:
    return max(rmin, grid.low), min(rmax, grid.high)


class _FromHistogram(ToolRule[Grid]):
    """A range from a histogram of signed values."""

    tool: ClassVar[str] = "onnxruntime"
    bins: ClassVar[int] = 2048

    def from_batches(self, batches: Batches) -> Grid:
        """Counts over plus and minus the largest magnitude."""
        return signed_histogram(batches, self.bins)

    def from_stats(self, stats: TensorStats) -> Grid:
        """The same from streamed counts."""
        edges = even_edges(-stats.abs_max, stats.abs_max, self.bins)
        return Grid(signed_counts(stats, edges), edges, stats.min, stats.max)

    def ends(self, grid: Grid) -> Range:
        """The arithmetic."""
        raise NotImplementedError

    def pick(self, gathered: Grid) -> RuleResult:
        """The two ends."""
        return RuleResult(ResultForm.RANGE, self.ends(gathered))


class _Entropy(_FromHistogram):
    def ends(self, grid: Grid) -> Range:
        """The first candidate of least divergence."""
        return entropy_range(grid)

    def curve(self, gathered: Grid) -> CostCurve:
        """Divergence in nats over the candidates' upper edges."""
        cost = entropy_curve(gathered.counts).astype(np.float64)
        middle = gathered.counts.size // 2
        ends = np.minimum(middle + LEVELS // 2 + 1 + np.arange(cost.size), gathered.counts.size)
        return CostCurve(self.name, gathered.edges[ends].astype(np.float64), cost)

    def cost(self, gathered: Grid, pick: RuleResult) -> float:
        """The objective at the candidate whose range, cut to the observed, is nearest."""
        curve = self.curve(gathered)
        middle = gathered.counts.size // 2
        starts = gathered.edges[middle - LEVELS // 2 - np.arange(curve.cost.size)]
        apart = np.abs(np.maximum(starts, gathered.low) - pick.values[0])
        apart += np.abs(np.minimum(curve.thresholds, gathered.high) - pick.values[1])
        return float(curve.cost[int(np.argmin(apart))])


@register
class EntropyDefault(_Entropy):
    """Entropy with the defaults."""

    key: ClassVar[str] = "entropy_default_128"
    bins: ClassVar[int] = 128
    label: ClassVar[str] = "ONNX Runtime entropy (default)"
    summary: ClassVar[str] = (
        "Entropy as ONNX Runtime sets it up: 128 bins for 128 levels leave one candidate, so it is "
        "always the observed range."
    )


@register
class Entropy2048(_Entropy):
    """Entropy with 2,048 bins."""

    key: ClassVar[str] = "entropy_2048"
    label: ClassVar[str] = "ONNX Runtime entropy (2048 bins)"
    summary: ClassVar[str] = (
        "Least KL divergence over 2,048 signed bins and 128 levels for both signs together. Bins "
        "after the last whole level are merged into it but stay empty, counts are cut to whole "
        "numbers, and the range may leave zero out."
    )


@register
class Percentile(_FromHistogram):
    """99.999 %, both sides apart."""

    key: ClassVar[str] = "percentile_99.999"
    label: ClassVar[str] = "ONNX Runtime percentile"
    summary: ClassVar[str] = (
        "Keeps 99.999 % of the values, half of the rest cut on each side, on 2,048 signed bins; "
        "the upper end falls to the lower edge of its bin, so that the range of a constant is "
        "upside down, and it may leave zero out."
    )

    def ends(self, grid: Grid) -> Range:
        """Lower edges of the bins at both ends."""
        return percentile_range(grid, PERCENTILE)


@register
class SymmetricPercentile(_FromHistogram):
    """99.999 % of the magnitudes."""

    key: ClassVar[str] = "percentile_99.999_symmetric"
    label: ClassVar[str] = "ONNX Runtime percentile (symmetric, default)"
    summary: ClassVar[str] = (
        "Keeps 99.999 % of |x| on 2,048 bins from min|x| on, down to the lower edge of a bin, then "
        "cut to the observed range."
    )

    def from_batches(self, batches: Batches) -> Grid:
        """Counts of magnitudes."""
        return magnitude_histogram(batches, self.bins)

    def from_stats(self, stats: TensorStats) -> Grid:
        """The same from streamed counts."""
        edges = even_edges(least_magnitude(stats), stats.abs_max, self.bins)
        return Grid(magnitude_counts(stats, edges), edges, stats.min, stats.max)

    def ends(self, grid: Grid) -> Range:
        """Plus and minus the lower edge of the percentile's bin."""
        return magnitude_percentile_range(grid, PERCENTILE)
