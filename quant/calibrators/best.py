"""The range of least error among those of all our calibrators."""

from dataclasses import dataclass
from typing import ClassVar

from quant.calibrators.base import REGISTRY, Calibrator, chosen_range, register
from quant.calibrators.mse import Mse
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.error_model.weighted_error import WeightedError, effective_range, resolvable
from quant.numerics import params_from_range
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

_OFFERED = ("mse", "minmax", "percentile", "outlier_removal", "kl", "symmetric_kl", "js")
"""Calibrators whose ranges compete, in the order that decides a tie."""


@register
@dataclass(frozen=True)
class Best(Calibrator):
    """Tries the ranges of all our calibrators and keeps the one whose error is least.

    The error is that of the parameters which follow from a range, expected from the histogram
    and weighted by its effect on the tensor's consumers; see
    :mod:`quant.error_model.weighted_error`. No range reaches to where no consumer can tell values
    apart.
    """

    name: ClassVar[str] = "best"
    label: ClassVar[str] = "Best measured"
    summary: ClassVar[str] = (
        "Of the ranges of all our calibrators the one with the least local squared error, weighted "
        "by its effect on the operators that read the tensor, each channel by its noise gain."
    )

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """The range of least measured error."""
        widest = effective_range(stats, context)
        if not resolvable(stats, widest[0]):
            return widest
        seen = WeightedError(stats, context)
        offered = (Mse(importance_weighted=True), *(REGISTRY[name]() for name in _OFFERED))
        chosen = [chosen_range(calibrator, stats, spec, context) for calibrator in offered]
        ranges = [(max(low, widest[0]), high) for low, high in chosen]
        return min(ranges, key=lambda found: seen.of_params(params_from_range(*found, spec)))
