"""Least mean squared error."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant.calibrators.base import ThresholdSearchCalibrator, register
from quant.calibrators.search.divergence import BINS, Candidates
from quant.cost_curve import CostCurve
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.error_model.weighted_error import WeightedError, effective_range, resolvable
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

_SCALES = 4
"""Scales tried for each factor of two, at first."""

_SMALLEST, _LEAST = -10, -24
"""The smallest scale tried is at least so many factors of two below the largest, and at most."""

_ROUNDS = 4


@register
@dataclass(frozen=True)
class Mse(ThresholdSearchCalibrator):
    """Clipping and rounding error in balance; both ends are searched when asymmetric."""

    name: ClassVar[str] = "mse"
    label: ClassVar[str] = "MSE"
    summary: ClassVar[str] = (
        "Least expected squared error, clipping and rounding together; an asymmetric range is "
        "searched at both ends."
    )

    importance_weighted: bool = field(
        default=False,
        metadata={
            "label": "Weighted by effect on the next layer",
            "formerly": "as_read",
            "help": "Measure the error after the operators that read the tensor: nothing below "
            "zero counts before a Relu, little counts where a Sigmoid is flat, and only what is "
            "near the largest value counts before a Softmax; a channel counts by how much of "
            "its error the weights behind it pass on.",
        },
    )

    def curve_of(self, candidates: Candidates, context: TensorContext = NO_CONTEXT) -> CostCurve:
        """Mean squared error, in squared real units, for every threshold."""
        stats, spec = candidates.stats, candidates.spec
        context = self._known(context)
        low, high = ends = effective_range(stats, context)
        reach = max(-low, high)
        if not reach:
            return CostCurve(self.name, np.zeros(1, np.float64), np.zeros(1, np.float64))
        thresholds = np.arange(1, BINS + 1, dtype=np.float64) * (reach / BINS)
        thresholds[-1] = reach
        cost = _cost(ends, spec, thresholds, WeightedError(stats, context)) / stats.count
        return CostCurve(self.name, thresholds, cost)

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """The range of least error; when asymmetric every zero point is tried with every scale."""
        known = self._known(context)
        low, high = ends = effective_range(stats, known)
        if not resolvable(stats, low):
            return ends
        if spec.symmetric or low == 0 or high == 0:
            threshold = self.curve(stats, spec, context).best
            return max(low, -threshold), min(high, threshold)
        return _search(ends, spec, WeightedError(stats, known))

    def _known(self, context: TensorContext) -> TensorContext:
        """What is taken into account: the whole context, or that every error counts in full."""
        return context if self.importance_weighted else NO_CONTEXT


def _cost(
    ends: tuple[float, float], spec: QuantSpec, thresholds: NDArray[np.float64], seen: WeightedError
) -> NDArray[np.float64]:
    """Summed squared error of the codes that each threshold gives."""
    low, high = np.minimum(thresholds, -ends[0]), np.minimum(thresholds, ends[1])
    codes = spec.qmax - spec.qmin
    if not spec.symmetric:
        scale = (low + high) / codes
        below = np.rint(low / scale)
    elif spec.qtype.signed:
        scale = thresholds / spec.qmax
        below = np.full(scale.shape, -spec.qmin)
    else:
        middle = spec.qtype.levels // 2 if ends[0] < 0 else 0
        scale = thresholds / (spec.qmax - middle)
        below = np.full(scale.shape, middle)
    return seen.of(scale, below, codes)


def _search(ends: tuple[float, float], spec: QuantSpec, seen: WeightedError) -> tuple[float, float]:
    """The asymmetric range of least error over scales and zero points.

    Scales are tried on a geometric grid from the widest range down to a thousandth of it, or to
    where it is as wide as the shorter side where that is less, with every number of steps below
    zero that keeps the range inside the widest; then on finer grids around the best, until
    scales differ by less than a bin does.
    """
    codes = spec.qmax - spec.qmin
    low, high = ends
    width = high - low
    widest = width / codes
    shorter = math.floor(math.log2(min(-low, high) / width))
    octaves = -max(min(_SMALLEST, shorter), _LEAST)
    count = _SCALES * octaves
    first, last = 2.0**-octaves, 1.0
    error_of_best, ratio_of_best, below_of_best = np.inf, 1.0, 0
    for _ in range(_ROUNDS):
        ratios = np.asarray(np.geomspace(first, last, count), np.float64)
        scale = ratios * widest
        least = np.maximum(codes - np.rint(high / scale), 0)
        most = np.maximum(np.minimum(np.rint(-low / scale), codes), least)
        columns = np.linspace(0.0, 1.0, min(codes, 256) + 1)
        below = np.rint(least[:, None] + (most - least)[:, None] * columns).astype(np.int64)
        error = seen.of_all(scale, below, codes)
        row, column = divmod(int(error.argmin()), error.shape[1])
        if error[row, column] < error_of_best:
            error_of_best = float(error[row, column])
            ratio_of_best, below_of_best = float(ratios[row]), int(below[row, column])
        apart = float(ratios[1] / ratios[0])
        first, last = ratio_of_best / apart, min(ratio_of_best * apart, 1.0)
    scale = ratio_of_best * widest
    return max(-below_of_best * scale, low), min((codes - below_of_best) * scale, high)
