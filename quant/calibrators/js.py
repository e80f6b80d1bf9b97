"""Least Jensen-Shannon divergence."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant.calibrators.base import register
from quant.calibrators.search.distribution import DistributionMatching
from quant.calibrators.search.divergence import Candidates
from quant.cost_curve import CostCurve
from quant.error_model.context import NO_CONTEXT, TensorContext


@register
@dataclass(frozen=True)
class Js(DistributionMatching):
    """(KL(P||M) + KL(Q||M)) / 2 with M = (P + Q) / 2; never above log 2."""

    name: ClassVar[str] = "js"
    label: ClassVar[str] = "Jensen-Shannon"
    summary: ClassVar[str] = (
        "Least Jensen-Shannon divergence, bounded and symmetric, over the same candidates as KL "
        "divergence, and like it the observed range below 2048 values other than zero."
    )
    needs_js: ClassVar[bool] = True

    def curve_of(self, candidates: Candidates, context: TensorContext = NO_CONTEXT) -> CostCurve:
        """The divergence in nats for every threshold."""
        del context  # a divergence is between values, whoever reads them
        return CostCurve(self.name, candidates.thresholds, candidates.js)

    def measure(self, divergences: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same for any window."""
        return divergences[2]
