"""Extreme quantiles of each sample, averaged."""

from dataclasses import dataclass
from typing import ClassVar

from quant.calibrators.base import Calibrator, register
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec


@register
@dataclass(frozen=True)
class OutlierRemoval(Calibrator):
    """Drops the most extreme ten-thousandth of each sample at each end."""

    name: ClassVar[str] = "outlier_removal"
    label: ClassVar[str] = "Outlier removal"
    summary: ClassVar[str] = (
        "The 0.0001 and 0.9999 quantiles of each sample, averaged over the samples (the "
        "REMOVAL_OUTLIER of MindSpore Lite)."
    )

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """The averaged quantiles, widened to hold zero and cut to the observed range.

        Where that leaves nothing (nearly every value is zero) it is the observed range.
        """
        del spec, context  # the quantiles do not depend on the codes
        low = min(max(stats.mean_low_quantile, stats.low), 0.0)
        high = max(min(stats.mean_high_quantile, stats.high), 0.0)
        return (low, high) if low < high else (stats.low, stats.high)
