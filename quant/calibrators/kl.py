"""Least Kullback-Leibler divergence."""

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
class Kl(DistributionMatching):
    """KL(P||Q) of the distribution before and after clipping and coarsening."""

    name: ClassVar[str] = "kl"
    label: ClassVar[str] = "KL divergence"
    summary: ClassVar[str] = (
        "Least KL(P||Q) over every threshold on 2048 bins of |x| (the scheme of TensorRT); an "
        "asymmetric range is searched at both ends. Below 2048 values other than zero it is the "
        "observed range."
    )

    def curve_of(self, candidates: Candidates, context: TensorContext = NO_CONTEXT) -> CostCurve:
        """KL(P||Q) in nats for every threshold."""
        del context  # a divergence is between values, whoever reads them
        return CostCurve(self.name, candidates.thresholds, candidates.kl)

    def measure(self, divergences: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same for any window."""
        return divergences[0]
