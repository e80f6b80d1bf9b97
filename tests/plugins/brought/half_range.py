"""A calibrator: half of the observed range."""

from dataclasses import dataclass
from typing import ClassVar

from quant.calibrators import Calibrator, register


@register
@dataclass(frozen=True)
class HalfRange(Calibrator):
    """Everything beyond the middle of each side is clipped."""

    name: ClassVar[str] = "half_range"
    label: ClassVar[str] = "Half of the range"
    summary: ClassVar[str] = "Half of the observed range on each side."

    def range(self, stats, spec, *_):
        """Half of each end."""
        return stats.low / 2, stats.high / 2
