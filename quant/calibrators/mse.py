"""Least mean squared error."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from quant.calibrators.base import ThresholdSearchCalibrator, register
from quant.calibrators.search.divergence import Candidates
from quant.calibrators.search.least_error import both_ends, threshold_costs, thresholds
from quant.cost_curve import CostCurve
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.error_model.weighted_error import WeightedError, effective_range, resolvable
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec


@register
@dataclass(frozen=True)
class Mse(ThresholdSearchCalibrator):
    """Clipping and rounding error in balance; both ends are searched when asymmetric."""

    name: ClassVar[str] = "mse"
    label: ClassVar[str] = "MSE"
    summary: ClassVar[str] = (
        "Least expected squared error, clipping and rounding together; an asymmetric range is "
        "searched at both ends."
    )

    importance_weighted: bool = field(
        default=False,
        metadata={
            "label": "Weighted by effect on the next layer",
            "formerly": "as_read",
            "help": "Measure the error after the operators that read the tensor: nothing below "
            "zero counts before a Relu, little counts where a Sigmoid is flat, and only what is "
            "near the largest value counts before a Softmax; a channel counts by how much of "
            "its error the weights behind it pass on.",
        },
    )

    def curve_of(self, candidates: Candidates, context: TensorContext = NO_CONTEXT) -> CostCurve:
        """Mean squared error, in squared real units, for every threshold."""
        stats, spec = candidates.stats, candidates.spec
        context = self._known(context)
        low, high = ends = effective_range(stats, context)
        reach = max(-low, high)
        if not reach:
            return CostCurve(self.name, np.zeros(1, np.float64), np.zeros(1, np.float64))
        tried = thresholds(reach)
        cost = threshold_costs(ends, spec, tried, WeightedError(stats, context)) / stats.count
        return CostCurve(self.name, tried, cost)

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """The range of least error; when asymmetric every zero point is tried with every scale."""
        known = self._known(context)
        low, high = ends = effective_range(stats, known)
        if not resolvable(stats, low):
            return ends
        if spec.symmetric or low == 0 or high == 0:
            threshold = self.curve(stats, spec, context).best
            return max(low, -threshold), min(high, threshold)
        return both_ends(ends, spec, WeightedError(stats, known))

    def _known(self, context: TensorContext) -> TensorContext:
        """What is taken into account: the whole context, or that every error counts in full."""
        return context if self.importance_weighted else NO_CONTEXT
