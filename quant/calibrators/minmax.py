"""The observed range."""

from dataclasses import dataclass
from typing import ClassVar

from quant.calibrators.base import Calibrator, register
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec


@register
@dataclass(frozen=True)
class MinMax(Calibrator):
    """Nothing is clipped; one outlier makes every step coarser."""

    name: ClassVar[str] = "minmax"
    label: ClassVar[str] = "MinMax"
    summary: ClassVar[str] = "The observed range: no value is clipped."

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """The observed range, widened to hold zero."""
        del spec, context  # the observed range does not depend on the codes
        return stats.low, stats.high
