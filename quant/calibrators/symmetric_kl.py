"""Least symmetric Kullback-Leibler divergence."""

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
class SymmetricKl(DistributionMatching):
    """KL(P||Q) + KL(Q||P), which also charges for mass where there was little."""

    name: ClassVar[str] = "symmetric_kl"
    label: ClassVar[str] = "Symmetric KL"
    summary: ClassVar[str] = (
        "Least KL(P||Q) + KL(Q||P) over the same candidates as KL divergence, and like it the "
        "observed range below 2048 values other than zero."
    )

    def curve_of(self, candidates: Candidates, context: TensorContext = NO_CONTEXT) -> CostCurve:
        """KL(P||Q) + KL(Q||P) in nats for every threshold."""
        del context  # a divergence is between values, whoever reads them
        return CostCurve(self.name, candidates.thresholds, candidates.symmetric_kl)

    def measure(self, divergences: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same for any window."""
        return divergences[0] + divergences[1]
