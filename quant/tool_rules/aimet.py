"""AIMET's TF-enhanced scheme, 8 bits.

Source: AIMET, ``TfEnhancedEncodingAnalyzer``, read and not run: there are no recorded results of
it. Arithmetic in float32 as for float tensors.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant import kernels
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules.base import Batches, ResultForm, RuleFails, RuleResult, ToolRule, register
from quant.tool_rules.streamed.grids import signed_counts

BINS = 512
STEPS = 255
CLIP_WEIGHT = 3.0
_LEAST_RANGE = np.float32(0.01)
_TINY = np.finfo(np.float32).tiny
F = np.float32


@dataclass(frozen=True, eq=False)
class Density:
    """Shares of the values on 512 bins.

    Attributes:
        shares: float64, shape (512,): mean over batches. Values beyond the bins are left out.
        left: float32, shape (512,): where each bin starts, in real units. A value counts into the
            bin whose start is nearest.
    """

    shares: NDArray[np.float64]
    left: NDArray[np.float32]


def density(batches: Batches) -> Density | None:
    """Mean of the batches' shares, on a grid three times as wide as the first batch.

    None where every value is zero.
    """
    left = np.zeros(0, np.float32)
    shares: list[NDArray[np.float64]] = []
    for batch in batches:
        x = batch.reshape(-1)
        if not left.size:
            if not x.any():
                continue
            left = _starts(x.min(), x.max())
        width = left[1] - left[0]
        at = x / width - left[0] / width
        index = np.trunc(at + np.copysign(F(0.5), at))
        kept = index[(index >= 0) & (index < BINS)].astype(np.int64)
        shares.append(np.bincount(kept, minlength=BINS) / x.size)
    return Density(np.mean(shares, axis=0), left) if shares else None


def _starts(low: np.float32, high: np.float32) -> NDArray[np.float32]:
    """Starts of 512 bins over a range widened to three times itself about its middle.

    Raises:
        RuleFails: The range is too narrow or too wide for float32.
    """
    if low == high:
        high = max(high, F(low + F(0.01)))
    centre = F((high + low) / F(2))
    start = F(centre - F(3) * (centre - low))
    width = F((F(centre + F(3) * (high - centre)) - start) / F(BINS))
    if not _TINY <= width < np.inf:
        raise RuleFails(f"AIMET cannot divide the range of the first batch into {BINS} bins")
    return (start + np.arange(BINS, dtype=np.float32) * width).astype(np.float32)


def _observed(found: Density) -> tuple[np.float32, np.float32]:
    """Starts of the first and last bin in use, widened to hold zero and to span 0.01."""
    used = np.flatnonzero(found.shares > 0)
    low = min(found.left[used[0]], F(0))
    high = max(found.left[used[-1]], F(0))
    return F(low), F(max(high, F(low + _LEAST_RANGE)))


def asymmetric_candidates(low: np.float32, high: np.float32) -> list[tuple[np.float32, int]]:
    """(scale, offset) of every candidate: 17 scales by 21 offsets, and the observed range.

    A candidate is cut to the observed range; the narrower scale that makes carries over to the
    offsets after it, as in the tool. What exceeds the range on both sides is left out.
    """
    steps = F(STEPS)
    scale = F((high - low) / steps)
    offset = _round(F(low / scale))
    low = F(scale * F(offset))
    high = F(low + scale * steps)
    found: list[tuple[np.float32, int]] = []
    for sixteenth in range(1, 18):
        tried = F(F(sixteenth / 16) * scale)
        for twentieth in range(21):
            shift = math.trunc(-STEPS + STEPS / 20.0 * twentieth)
            start = F(tried * F(shift))
            end = F(start + tried * steps)
            if start < low and end > high:
                continue
            start, end = max(low, start), min(high, end)
            tried = F((end - start) / steps)
            with np.errstate(divide="ignore", invalid="ignore"):
                found.append((tried, _round(F(start / tried))))
    return [*found, (scale, offset)]


def symmetric_candidates(low: np.float32, high: np.float32) -> list[tuple[np.float32, int]]:
    """(scale, offset) of the symmetric candidates: 101 scales, the last above the observed."""
    scale = F(F(2) * max(abs(high), abs(low)) / F(STEPS))
    shares: list[np.float32] = []
    share = F(0.01)
    while share <= F(1 + 0.01):
        shares.append(share)
        share = F(share + F(0.01))
    return [(F(share * scale), math.floor(-STEPS / 2)) for share in shares]


def _round(value: np.float32) -> int:
    """Nearest whole number, halves away from zero."""
    real = float(value)
    return math.floor(abs(real) + 0.5) * (1 if real >= 0 else -1) if math.isfinite(real) else 0


def costs(found: Density, candidates: list[tuple[np.float32, int]]) -> NDArray[np.float64]:
    """Rounding error plus three times the clipping error of each candidate, shape (n,)."""
    start = found.left[0]
    width = F(found.left[1] - found.left[0])
    middles = start + np.arange(BINS, dtype=np.float32) * width + width / F(2)
    cost = np.empty(len(candidates))
    scales, offsets = (np.asarray(part, np.float32) for part in zip(*candidates, strict=True))
    kernels.load("tool_rules.aimet").encoding_costs(
        middles, found.shares, start, width, scales, offsets, CLIP_WEIGHT, cost
    )
    return cost


class _TfEnhanced(ToolRule[Density | None]):
    """A search over scales and offsets."""

    tool: ClassVar[str] = "aimet"

    def from_batches(self, batches: Batches) -> Density | None:
        """Mean shares of the batches."""
        return density(batches)

    def from_stats(self, stats: TensorStats) -> Density | None:
        """Shares of all values, on a grid three times as wide as the first sample.

        Where that is all zero, so is the tool's first grid of a later one: here of the first few
        that are not.

        Raises:
            RuleFails: The grid is so narrow that the values cannot be told apart on it.
        """
        if not stats.abs_max:
            return None
        left = _starts(*next(ends for ends in stats.range_growth if ends.any()))
        width = float(left[1]) - float(left[0])
        edges = left[0] + (np.arange(BINS + 1) - 0.5) * width
        reach = np.concatenate(([min(edges[0], stats.min)], edges, [max(edges[-1], stats.max)]))
        shares = signed_counts(stats, reach)[1:-1] / stats.count
        if not shares.any():  # bins of the histogram are wider than all of the grid
            raise RuleFails(
                "The first sample is too narrow beside the others to follow AIMET's bins."
            )
        return Density(shares, left)

    def candidates(self, found: Density) -> list[tuple[np.float32, int]]:
        """(scale, offset) in the order they are tried."""
        raise NotImplementedError

    def pick(self, gathered: Density | None) -> RuleResult:
        """The range of the first candidate of least cost."""
        if gathered is None:
            return RuleResult(ResultForm.RANGE, (0.0, 0.0), (0, STEPS))
        tried = self.candidates(gathered)
        scale, offset = tried[int(np.argmin(costs(gathered, tried)))]
        low = float(scale) * offset
        return RuleResult(ResultForm.RANGE, (low, float(scale) * STEPS + low), (0, STEPS))

    def cost(self, gathered: Density | None, pick: RuleResult) -> float | None:
        """Rounding error plus three times the clipping error of a pick."""
        if gathered is None:
            return None
        low, high = pick.values
        scale = F((high - low) / STEPS)
        return float(costs(gathered, [(scale, _round(F(low / scale)))])[0])


@register
class TfEnhanced(_TfEnhanced):
    """Both ends searched."""

    key: ClassVar[str] = "tf_enhanced"
    label: ClassVar[str] = "AIMET TF-enhanced"
    summary: ClassVar[str] = (
        "Rounding error plus three times the clipping error over 512 bins, least of 17 scales by "
        "21 offsets. Bins span three times the first batch: what lies beyond is ignored, and about "
        "170 bins hold the data. A scale that is narrowed to the observed range stays so for the "
        "offsets after it: without negative values nothing but the observed range is left."
    )

    def candidates(self, found: Density) -> list[tuple[np.float32, int]]:
        """17 scales by 21 offsets."""
        return asymmetric_candidates(*_observed(found))


@register
class SymmetricTfEnhanced(_TfEnhanced):
    """One magnitude searched."""

    key: ClassVar[str] = "tf_enhanced_symmetric"
    label: ClassVar[str] = "AIMET TF-enhanced (symmetric)"
    summary: ClassVar[str] = (
        "As AIMET TF-enhanced, over 101 scales of a symmetric range. Bins span three times the "
        "first batch: what lies beyond is ignored."
    )

    def candidates(self, found: Density) -> list[tuple[np.float32, int]]:
        """101 scales."""
        return symmetric_candidates(*_observed(found))
