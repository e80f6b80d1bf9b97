"""Least squared error where 8 bits suffice, the samples' usual range where they do not."""

from dataclasses import dataclass, field
from typing import ClassVar

from quant.calibrators.base import Calibrator, register, within
from quant.calibrators.search.least_error import least_error_range
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.error_model.local_error import local_error
from quant.error_model.weighted_error import WeightedError, effective_range, resolvable
from quant.numerics import params_from_range
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec


@register
@dataclass(frozen=True)
class Balanced(Calibrator):
    """Squared error with clipping counted more than rounding; rare samples give way to the rest.

    The error is that of what the operators behind make of the values, functions that are written
    out in several operators among them: below -6 a Swish tells no value from another. Two things
    that a squared error over all values does not see:

    - Rounding errors of neighbours are independent and mostly cancel in the sums behind them. What
      is clipped is clipped the same way wherever it occurs, in the same channel and the same
      direction, and does not cancel. So its error counts ``clipping_weight`` times.
    - A tensor whose range a few samples stretch leaves few codes for all others: as one sample
      of ten times the width does. Where the range of least error leaves more error than
      ``wanted_db``, no end lies farther out than the samples reach on average.

    Both were chosen on models of other people, each left out in turn; the second is the
    mean-of-samples range that NNCF uses for every tensor. Where every sample reaches as far, as
    the large channels of a LayerNorm do, it takes nothing away.
    """

    name: ClassVar[str] = "balanced"
    label: ClassVar[str] = "Balanced"
    summary: ClassVar[str] = (
        "Least squared error with clipping counted more than rounding; where that still leaves "
        "much error, no farther than the samples reach on average."
    )

    clipping_weight: float = field(
        default=8.0,
        metadata={
            "label": "Weight of clipping",
            "help": "How many times the squared error of clipped values counts.",
            "unit": "",
            "min": 1.0,
            "max": 1000.0,
            "step": 1.0,
        },
    )
    wanted_db: float = field(
        default=27.0,
        metadata={
            "label": "Wanted",
            "help": "Below this expected sqnr, no farther than the samples reach on average.",
            "unit": "dB",
            "min": 0.0,
            "max": 100.0,
            "step": 1.0,
        },
    )

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """The range of least weighted error, cut to the samples' usual range where it is wide."""
        known = TensorContext(context.consumer_functions)
        low, high = ends = effective_range(stats, known)
        if not resolvable(stats, low) or not max(-low, high):
            return ends
        seen = WeightedError(stats, known, self.clipping_weight)
        low, high = least_error_range(ends, spec, seen)
        if local_error(stats, params_from_range(low, high, spec)).sqnr_db >= self.wanted_db:
            return low, high
        if spec.symmetric:
            return within(stats, min(max(-low, high), stats.mean_sample_abs_max))
        usual = min(stats.mean_sample_min, 0.0), max(stats.mean_sample_max, 0.0)
        cut = max(low, usual[0]), min(high, usual[1])
        return cut if cut[0] < cut[1] else (low, high)
