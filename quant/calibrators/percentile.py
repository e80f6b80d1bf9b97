"""The range that keeps a given share of the values."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant.calibrators.base import Calibrator, register, within
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.statistics.histogram import BINS_PER_SIDE
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec


@register
@dataclass(frozen=True)
class Percentile(Calibrator):
    """Keeps p percent of the values: of |x| when symmetric, else half of the rest cut per side."""

    name: ClassVar[str] = "percentile"
    label: ClassVar[str] = "Percentile"
    summary: ClassVar[str] = (
        "Keeps p percent of the values; asymmetric ranges give up half of the rest on each side."
    )

    p: float = field(
        default=99.99,
        metadata={
            "label": "Values kept",
            "help": "Share of the values that stay inside the range.",
            "unit": "%",
            "min": 50.0,
            "max": 100.0,
            "step": 0.001,
        },
    )

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """The quantiles, interpolated inside histogram bins; every value counts, zeros too."""
        del context  # every value counts alike
        lost = 1 - self.p / 100
        histogram = stats.histogram
        low = _reach(histogram.negative, histogram.negative_width, -stats.low)
        high = _reach(histogram.positive, histogram.positive_width, stats.high)
        if spec.symmetric:
            return within(stats, _magnitude(stats, low, high, lost * stats.count))
        # Data on one side of zero has one end to clip, so it gives up the whole share there.
        share = lost if stats.low == 0 or stats.high == 0 else lost / 2
        return -_cut(low, share * stats.count), _cut(high, share * stats.count)


_Reach = tuple[NDArray[np.float64], NDArray[np.float64]]


def _reach(counts: NDArray[np.int64], width: float, largest: float) -> _Reach:
    """Magnitudes of one side, descending from the largest, and how many values lie beyond each."""
    if not largest:
        return np.zeros(1), np.zeros(1)
    edges = np.minimum(np.arange(BINS_PER_SIDE, -1, -1) * width, largest)
    return edges, np.concatenate(([0.0], np.cumsum(counts[::-1])))


def _cut(side: _Reach, beyond: float) -> float:
    """The magnitude that ``beyond`` values exceed; the largest for none."""
    edges, exceeding = side
    first = int(np.flatnonzero(exceeding <= 0)[-1])
    return float(np.interp(beyond, exceeding[first:], edges[first:]))


def _magnitude(stats: TensorStats, low: _Reach, high: _Reach, beyond: float) -> float:
    """The magnitude that ``beyond`` values exceed on both sides together."""
    edges = np.unique(np.concatenate((low[0], high[0])))[::-1]
    exceeding = sum(
        np.interp(edges, side[0][::-1], side[1][::-1], right=0.0) for side in (low, high)
    )
    return _cut((edges, np.asarray(exceeding)), beyond) if stats.abs_max else 0.0
