"""Least squared error where 8 bits suffice, the samples' usual range where they do not."""

from dataclasses import dataclass, field
from typing import ClassVar, Final

from quant.calibrators.base import Calibrator, register, within
from quant.calibrators.search.least_error import least_error_range
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.error_model.local_error import local_error
from quant.error_model.weighted_error import WeightedError, effective_range, resolvable
from quant.numerics import params_from_range
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

_SATURATING: Final = frozenset({"Sigmoid", "HardSigmoid", "Tanh"})
"""Functions whose flat part may be all that a model uses: scores near zero are still scores."""


@register
@dataclass(frozen=True)
class Balanced(Calibrator):
    """Least squared error of the whole tensor, but rare samples give way to the rest.

    Where a few samples stretch the range, the squared error over all values is mostly theirs: one
    sample of ten times the width counts a hundred times, and leaves few codes for all others. So
    where the range of least error still leaves more error than ``wanted_db``, no end lies farther
    out than the samples reach on average. Where every sample reaches as far, as the large
    channels of a LayerNorm do, that takes nothing away; where 8 bits suffice nobody gives way.

    The error is that of what a Relu, Softmax, Gelu, Swish or HardSwish behind makes of the values,
    written out in several operators or not: below -6 a Swish tells no value from another. A
    channel counts by its values alone: weights that estimate what it passes on to the
    outputs are right about the noise of a channel, which is independent from place to place,
    and wrong about clipping it, which is the same at each place and does not cancel.

    Source of the usual range: NNCF's MinMax, which takes the mean over samples of their ends for
    every tensor.
    """

    name: ClassVar[str] = "balanced"
    label: ClassVar[str] = "Balanced"
    summary: ClassVar[str] = (
        "Least expected squared error; where that still leaves much error, no farther than the "
        "samples reach on average."
    )

    wanted_db: float = field(
        default=33.0,
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
        """The range of least error, cut to the samples' usual range where it leaves too much."""
        functions = (f for f in context.consumer_functions if f not in _SATURATING)
        known = TensorContext(tuple(functions))
        low, high = ends = effective_range(stats, known)
        if not resolvable(stats, low) or not max(-low, high):
            return ends
        low, high = least_error_range(ends, spec, WeightedError(stats, known))
        if local_error(stats, params_from_range(low, high, spec)).sqnr_db >= self.wanted_db:
            return low, high
        if spec.symmetric:
            return within(stats, min(max(-low, high), stats.mean_sample_abs_max))
        usual = min(stats.mean_sample_min, 0.0), max(stats.mean_sample_max, 0.0)
        cut = max(low, usual[0]), min(high, usual[1])
        return cut if cut[0] < cut[1] else (low, high)
