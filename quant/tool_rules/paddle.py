"""Paddle's post-training quantization, int8, the branch that exports ONNX.

Source: PaddlePaddle 3.3, ``paddle.static.quantization.PostTrainingQuantization``. A threshold of
Paddle is what it stores as "scale"; the scale of ONNX is threshold / 127.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant.cost_curve import CostCurve
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules.base import Batches, ResultForm, RuleFails, RuleResult, ToolRule, register
from quant.tool_rules.streamed.grids import (
    Grid,
    even_edges,
    joined,
    least_magnitude,
    magnitude_counts,
)
from quant.tool_rules.streamed.sample_losses import counted_losses
from quant.tool_rules.streamed.spread import spread_kl

BINS = 2048
LEVELS = 127
HIST_PERCENT = 0.99999
_SAMPLES = 16


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


def _shares() -> tuple[float, ...]:
    """Candidate shares of max|x|: 0.3, 0.32, ... as adding 0.02 over and over gives them."""
    found, share = list[float](), 0.3
    while share <= 1.0:
        found.append(share)
        share += 0.02
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Losses:
    """What every candidate of every batch loses.

    Attributes:
        thresholds: float64, shape (batches, n).
        losses: float64, of the same shape; NaN where squares overflow.
        batches: The batches, where they are at hand.
    """

    thresholds: NDArray[np.float64]
    losses: NDArray[np.float64]
    batches: Batches = ()


def _candidates(largest: float) -> NDArray[np.float64]:
    """The thresholds that are tried for a batch."""
    return np.asarray(_shares()) * (largest or 1e-8)


def _loss(x: NDArray[np.float32], threshold: float, *, moments: bool) -> float:
    """Loss of one threshold, in float32: squares of huge values overflow, as in the tool.

    It is the mean squared error, or (``moments``) the differences of mean and of standard deviation
    added.
    """
    codes = np.clip(np.round(x / threshold * LEVELS), -LEVELS - 1, LEVELS)
    back = codes / LEVELS * threshold
    with np.errstate(over="ignore", invalid="ignore"):
        if moments:
            return float(np.abs(x.mean() - back.mean()) + np.abs(x.std() - back.std()))
        return float(((x - back) ** 2).mean())


def ptf_losses(x: NDArray[np.float32]) -> Losses:
    """Squared errors of an eighth, a quarter, a half and all of max|x| on codes 0 to 127."""
    whole = float(np.abs(x).max()) / LEVELS
    scales = [whole / 8, whole / 4, whole / 2, whole]
    errors = [0.0] * 4
    if whole:
        with np.errstate(over="ignore"):
            errors = [((x - np.clip(np.round(x / s), 0, LEVELS) * s) ** 2).mean() for s in scales]
    return Losses(np.asarray([scales]) * LEVELS, np.asarray([errors], np.float64))


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


class _Search(ToolRule[Losses]):
    """The best threshold of the batch that can be quantized best."""

    tool: ClassVar[str] = "paddle"
    moments: ClassVar[bool]

    def from_batches(self, batches: Batches) -> Losses:
        """Thresholds and losses of every batch's candidates."""
        thresholds = [_candidates(float(np.abs(batch).max())) for batch in batches]
        losses = [
            [_loss(batch.reshape(-1), t, moments=self.moments) for t in row.tolist()]
            for batch, row in zip(batches, thresholds, strict=True)
        ]
        return Losses(np.asarray(thresholds), np.asarray(losses), batches)

    def from_stats(self, stats: TensorStats) -> Losses:
        """Those of the quietest sample, from its counts, and what other samples add to them.

        The others try the same shares of their own largest magnitudes. Those are taken to be
        spread evenly about their known mean, from the quietest on.
        """
        quietest, count = stats.quietest.abs_max, min(stats.samples, _SAMPLES)
        louder = max(2 * (stats.mean_sample_abs_max - quietest), 0.0)
        largest = quietest + louder * np.arange(count) / max(count - 1, 1)
        thresholds = np.concatenate([_candidates(float(end)) for end in largest])
        losses = counted_losses(stats.quietest, thresholds / LEVELS, -LEVELS - 1)
        return Losses(thresholds[None], losses.moments[None] if self.moments else losses.mse[None])

    def pick(self, gathered: Losses) -> RuleResult:
        """The last candidate of least loss over all batches."""
        losses = gathered.losses.ravel()
        defined = np.flatnonzero(~np.isnan(losses))
        if not defined.size:
            raise RuleFails("Paddle finds no threshold: the squares of the values overflow")
        best = int(defined[np.flatnonzero(losses[defined] == losses[defined].min())[-1]])
        return RuleResult(ResultForm.THRESHOLD, (float(gathered.thresholds.ravel()[best]),))

    def curve(self, gathered: Losses) -> CostCurve:
        """Loss over thresholds, batch after batch."""
        return CostCurve(self.name, gathered.thresholds.ravel(), gathered.losses.ravel())

    def cost(self, gathered: Losses, pick: RuleResult) -> float | None:
        """The least loss of any batch at the threshold."""
        found = [
            _loss(b.reshape(-1), pick.values[0], moments=self.moments) for b in gathered.batches
        ]
        return min(found) if found else super().cost(gathered, pick)


@register
class Mse(_Search):
    """Least squared error of any batch."""

    key: ClassVar[str] = "mse"
    moments: ClassVar[bool] = False
    label: ClassVar[str] = "Paddle MSE"
    summary: ClassVar[str] = (
        "In each batch 0.3 to 1.0 of its max|x| are tried, and the least squared error of all "
        "batches wins. Losses of different batches are compared with one another, so the quietest "
        "batch decides for all."
    )


@register
class Emd(_Search):
    """Least difference of mean and standard deviation of any batch."""

    key: ClassVar[str] = "emd"
    moments: ClassVar[bool] = True
    label: ClassVar[str] = "Paddle EMD"
    summary: ClassVar[str] = (
        "As Paddle MSE, by the differences of mean and of standard deviation added. It is no "
        "earth mover's distance, and the quietest batch decides for all."
    )


@register
class Ptf(ToolRule[Losses]):
    """A power of two of the last batch's largest magnitude."""

    tool: ClassVar[str] = "paddle"
    key: ClassVar[str] = "ptf"
    label: ClassVar[str] = "Paddle PTF"
    summary: ClassVar[str] = (
        "max|x| of a batch or a half, quarter or eighth of it, by least squared error on codes 0 "
        "to 127: negative values count as clipped, and the last batch decides alone."
    )

    def from_batches(self, batches: Batches) -> Losses:
        """Errors in the last batch."""
        return ptf_losses(batches[-1])

    def from_stats(self, stats: TensorStats) -> Losses:
        """Errors in the last sample, from its counts."""
        if stats.last is None:
            raise RuleFails("The last sample holds no value, and Paddle looks at no other")
        thresholds = stats.last.abs_max / np.asarray([8.0, 4.0, 2.0, 1.0])
        losses = counted_losses(stats.last, thresholds / LEVELS, 0)
        return Losses(thresholds[None], losses.mse[None])

    def pick(self, gathered: Losses) -> RuleResult:
        """The first of least error."""
        return RuleResult(
            ResultForm.THRESHOLD,
            (float(gathered.thresholds[0, int(np.argmin(gathered.losses[0]))]),),
        )

    def curve(self, gathered: Losses) -> CostCurve:
        """Squared error over the thresholds."""
        return CostCurve(self.name, gathered.thresholds[0], gathered.losses[0])
