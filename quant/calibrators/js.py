"""Least Jensen-Shannon divergence."""

from dataclasses import dataclass
from typing import ClassVar

from quant.calibrators.base import Curve, DivergenceCalibrator, register
from quant.divergence import Candidates


@register
@dataclass(frozen=True)
class Js(DivergenceCalibrator):
    """(KL(P||M) + KL(Q||M)) / 2 with M = (P + Q) / 2; never above log 2."""

    name: ClassVar[str] = "js"
    label: ClassVar[str] = "Jensen-Shannon"
    summary: ClassVar[str] = (
        "Least Jensen-Shannon divergence, bounded and symmetric, over the same candidates as KL "
        "divergence."
    )

    def curve_of(self, candidates: Candidates) -> Curve:
        """The divergence in nats for every threshold."""
        return Curve(self.name, candidates.thresholds, candidates.js)
