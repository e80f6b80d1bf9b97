"""ONNX Runtime's calibrators that keep no histogram: the observed range, and its moving average.

Source: ONNX Runtime 1.31, ``onnxruntime.quantization.calibrate``.
"""

from typing import ClassVar

import numpy as np

from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules.base import Batches, Range, ResultForm, RuleResult, ToolRule, register


class _FromEnds(ToolRule[Range]):
    """A range that is itself the statistic."""

    tool: ClassVar[str] = "onnxruntime"

    def pick(self, gathered: Range) -> RuleResult:
        """The two ends."""
        return RuleResult(ResultForm.RANGE, gathered)


@register
class MinMax(_FromEnds):
    """The observed range."""

    key: ClassVar[str] = "minmax"
    label: ClassVar[str] = "ONNX Runtime MinMax"
    summary: ClassVar[str] = "The observed range; it may leave zero out."

    def from_batches(self, batches: Batches) -> Range:
        """The least and the greatest value."""
        return float(min(b.min() for b in batches)), float(max(b.max() for b in batches))

    def from_stats(self, stats: TensorStats) -> Range:
        """The least and the greatest value."""
        return stats.min, stats.max


@register
class MovingAverageMinMax(_FromEnds):
    """Mean of the batches' ranges."""

    key: ClassVar[str] = "minmax_moving_average"
    label: ClassVar[str] = "ONNX Runtime MinMax (moving average)"
    summary: ClassVar[str] = (
        "Mean over batches of the least and of the greatest value. Its averaging constant has no "
        "effect when all data is collected in one call, as quantize_static does."
    )

    def from_batches(self, batches: Batches) -> Range:
        """Means of both ends, in float32."""
        return (
            float(np.mean(np.asarray([b.min() for b in batches]))),
            float(np.mean(np.asarray([b.max() for b in batches]))),
        )

    def from_stats(self, stats: TensorStats) -> Range:
        """Means over samples."""
        return stats.mean_sample_min, stats.mean_sample_max
