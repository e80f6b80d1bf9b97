"""What the divergences between a distribution and its clipped, coarse copy have in common."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant.calibrators.base import ThresholdSearchCalibrator, within
from quant.calibrators.search.divergence import BINS
from quant.calibrators.search.windows import window_range
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec


@dataclass(frozen=True)
class DistributionMatching(ThresholdSearchCalibrator):
    """Takes the range whose clipped, coarse copy diverges least from the tensor.

    A symmetric range, or one of data on one side of zero, has one end to search, over every
    threshold. Otherwise both ends are searched.

    Of fewer values than there are bins, zeros not counted, most bins are empty and the rest hold
    one: that is no distribution, and the thresholds found in it are absurd. Then it is the observed
    range.
    """

    needs_js: ClassVar[bool] = False

    def measure(self, divergences: NDArray[np.float64]) -> NDArray[np.float64]:
        """The cost out of the rows KL(P||Q), KL(Q||P) and, if needed, Jensen-Shannon."""
        raise NotImplementedError

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """The range of least cost; the observed one where there are too few values."""
        if stats.count - stats.zeros < BINS:
            return stats.low, stats.high
        if spec.symmetric or stats.low == 0 or stats.high == 0:
            return within(stats, self.curve(stats, spec, context).best)
        return window_range(stats, spec, self.measure, with_js=self.needs_js)
