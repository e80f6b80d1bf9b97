"""Least symmetric Kullback-Leibler divergence."""

from dataclasses import dataclass
from typing import ClassVar

from quant.calibrators.base import Curve, DivergenceCalibrator, register
from quant.divergence import Candidates


@register
@dataclass(frozen=True)
class SymmetricKl(DivergenceCalibrator):
    """KL(P||Q) + KL(Q||P), which also charges for mass where there was little."""

    name: ClassVar[str] = "symmetric_kl"
    label: ClassVar[str] = "Symmetric KL"
    summary: ClassVar[str] = "Least KL(P||Q) + KL(Q||P) over the same candidates as KL divergence."

    def curve_of(self, candidates: Candidates) -> Curve:
        """KL(P||Q) + KL(Q||P) in nats for every threshold."""
        return Curve(self.name, candidates.thresholds, candidates.symmetric_kl)
