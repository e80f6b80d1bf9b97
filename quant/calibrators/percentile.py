"""The range that keeps a given share of the values."""

from dataclasses import dataclass, field
from typing import ClassVar

from quant.calibrators.base import Calibrator, register, within
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.statistics.cumulative import binned
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
        low = binned(histogram.negative, histogram.negative_width, 0.0, -stats.low)
        high = binned(histogram.positive, histogram.positive_width, 0.0, stats.high)
        if spec.symmetric:
            return within(stats, (low + high).exceeded_by(lost * stats.count))
        # Data on one side of zero has one end to clip, so it gives up the whole share there.
        share = lost if stats.low == 0 or stats.high == 0 else lost / 2
        return -low.exceeded_by(share * stats.count), high.exceeded_by(share * stats.count)
