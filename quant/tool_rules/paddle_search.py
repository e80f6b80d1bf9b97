"""Paddle's rules that try shares of the largest magnitude, batch by batch: MSE, EMD and PTF.

Source: PaddlePaddle 3.3, ``paddle.static.quantization.PostTrainingQuantization``.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant.cost_curve import CostCurve
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules.base import Batches, ResultForm, RuleFails, RuleResult, ToolRule, register
from quant.tool_rules.paddle import LEVELS
from quant.tool_rules.streamed.sample_losses import counted_losses

_SAMPLES = 16


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
