"""Least Kullback-Leibler divergence."""

from dataclasses import dataclass
from typing import ClassVar

from quant.calibrators.base import Curve, DivergenceCalibrator, register
from quant.divergence import Candidates


@register
@dataclass(frozen=True)
class Kl(DivergenceCalibrator):
    """KL(P||Q) of the distribution before and after clipping and coarsening."""

    name: ClassVar[str] = "kl"
    label: ClassVar[str] = "KL divergence"
    summary: ClassVar[str] = (
        "Least KL(P||Q) over every threshold on 2048 bins of |x| (the scheme of TensorRT)."
    )

    def curve_of(self, candidates: Candidates) -> Curve:
        """KL(P||Q) in nats for every threshold."""
        return Curve(self.name, candidates.thresholds, candidates.kl)
