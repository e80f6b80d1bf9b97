"""PPQ's observers: symmetric for int8 [-128, 127], asymmetric for uint8 [0, 255].

Source: PPQ 0.6.6, ``ppq.quantization.observer.range``. Asymmetric int8 is left out on purpose:
there PPQ's offset forgets that codes start at -128, and clips the positive values.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules.base import Batches, Range, ResultForm, RuleResult, ToolRule, register

LEVELS = 256
SHARE = 0.9999
LEAST_SCALE = 1e-7


def scale_offset(low: float, high: float, *, symmetric: bool) -> RuleResult:
    """Scale and offset of a range, which is widened to hold zero; the scale is a float32."""
    low, high = min(low, 0.0), max(high, 0.0)
    span = 2 * max(high, -low) if symmetric else high - low
    scale = max(span / (LEVELS - 1), LEAST_SCALE)
    offset = 0 if symmetric else round(-low / scale)
    codes = (-128, 127) if symmetric else (0, 255)
    return RuleResult(ResultForm.SCALE_OFFSET, (float(np.float32(scale)), float(offset)), codes)


class _FromEnds(ToolRule[Range]):
    """A choice from two numbers."""

    tool: ClassVar[str] = "ppq"
    symmetric: ClassVar[bool]

    def pick(self, gathered: Range) -> RuleResult:
        """Scale and offset of the range."""
        return scale_offset(*gathered, symmetric=self.symmetric)


class _MinMax(_FromEnds):
    summary: ClassVar[str] = "The observed range, widened to hold zero."

    def from_batches(self, batches: Batches) -> Range:
        """The least and the greatest value."""
        return float(min(b.min() for b in batches)), float(max(b.max() for b in batches))

    def from_stats(self, stats: TensorStats) -> Range:
        """The least and the greatest value."""
        return stats.min, stats.max


@register
class SymmetricMinMax(_MinMax):
    """The largest magnitude."""

    key: ClassVar[str] = "minmax_symmetric_int8"
    label: ClassVar[str] = "PPQ minmax (symmetric)"
    symmetric: ClassVar[bool] = True


@register
class AsymmetricMinMax(_MinMax):
    """The observed range."""

    key: ClassVar[str] = "minmax_asymmetric_uint8"
    label: ClassVar[str] = "PPQ minmax (asymmetric)"
    symmetric: ClassVar[bool] = False


class _Percentile(_FromEnds):
    summary: ClassVar[str] = (
        "The 0.0001 and 0.9999 order statistics of each batch, averaged over the batches: the "
        "result depends on the size of a batch."
    )

    def from_batches(self, batches: Batches) -> Range:
        """Means of the order statistics, in float32."""
        ends = np.asarray([_order_statistics(batch.reshape(-1)) for batch in batches])
        low, high = ends.mean(axis=0).tolist()
        return low, high

    def from_stats(self, stats: TensorStats) -> Range:
        """Means over samples."""
        return stats.mean_low_quantile, stats.mean_high_quantile


def _order_statistics(x: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = int(x.size * (1 - SHARE)), min(int(x.size * SHARE), x.size - 1)
    return np.partition(x, (low, high))[[low, high]]


@register
class SymmetricPercentile(_Percentile):
    """The wider of both averaged order statistics."""

    key: ClassVar[str] = "percentile_symmetric_int8"
    label: ClassVar[str] = "PPQ percentile (symmetric)"
    symmetric: ClassVar[bool] = True


@register
class AsymmetricPercentile(_Percentile):
    """Both averaged order statistics."""

    key: ClassVar[str] = "percentile_asymmetric_uint8"
    label: ClassVar[str] = "PPQ percentile (asymmetric)"
    symmetric: ClassVar[bool] = False
