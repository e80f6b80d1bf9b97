"""Least mean squared error."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quant.calibrators.base import Curve, DivergenceCalibrator, register, within
from quant.divergence import BINS, Candidates
from quant.expected_error import EXACT_STEPS, Side, sides
from quant.stats import TensorStats
from quant.types import QuantSpec

_SCALES = 40
_SMALLEST = 1 / 1024
_ROUNDS = 4


@register
@dataclass(frozen=True)
class Mse(DivergenceCalibrator):
    """Clipping and rounding error in balance; both ends are searched when asymmetric."""

    name: ClassVar[str] = "mse"
    label: ClassVar[str] = "MSE"
    summary: ClassVar[str] = (
        "Least expected squared error, clipping and rounding together; an asymmetric range is "
        "searched at both ends."
    )

    def curve_of(self, candidates: Candidates) -> Curve:
        """Mean squared error, in squared real units, for every threshold."""
        stats, spec = candidates.stats, candidates.spec
        if not stats.abs_max:
            return Curve(self.name, np.zeros(1, np.float64), np.zeros(1, np.float64))
        thresholds = np.arange(1, BINS + 1, dtype=np.float64) * (stats.abs_max / BINS)
        thresholds[-1] = stats.abs_max
        return Curve(self.name, thresholds, _cost(stats, spec, thresholds))

    def range(self, stats: TensorStats, spec: QuantSpec) -> tuple[float, float]:
        """The range of least error; when asymmetric every zero point is tried with every scale."""
        if spec.symmetric or stats.low == 0 or stats.high == 0:
            return within(stats, self.curve(stats, spec).best)
        return _search(stats, spec)


def _cost(
    stats: TensorStats, spec: QuantSpec, thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean squared error of the codes that each threshold gives."""
    negative, positive = sides(stats.histogram)
    low, high = np.minimum(thresholds, -stats.low), np.minimum(thresholds, stats.high)
    codes = spec.qmax - spec.qmin
    if not spec.symmetric:
        scale = (low + high) / codes
        below = np.rint(low / scale)
    elif spec.qtype.signed:
        scale = thresholds / spec.qmax
        below = np.full(scale.shape, -spec.qmin)
    else:
        middle = spec.qtype.levels // 2 if stats.low < 0 else 0
        scale = thresholds / (spec.qmax - middle)
        below = np.full(scale.shape, middle)
    below = below.astype(np.int64)
    if codes > EXACT_STEPS:
        error = negative.smooth_errors(scale, below)
        return (error + positive.smooth_errors(scale, codes - below)) / stats.count
    return (negative.errors(scale, below) + positive.errors(scale, codes - below)) / stats.count


def _search(stats: TensorStats, spec: QuantSpec) -> tuple[float, float]:
    """The asymmetric range of least error over scales and zero points.

    Scales are tried on a geometric grid from the observed range down to a thousandth of it, with
    every number of steps below zero that keeps the range inside the observed one; then on finer
    grids around the best, until scales differ by less than a bin does.
    """
    negative, positive = sides(stats.histogram)
    codes = spec.qmax - spec.qmin
    widest = (stats.high - stats.low) / codes
    first, last = _SMALLEST, 1.0
    error_of_best, ratio_of_best, below_of_best = np.inf, 1.0, 0
    for _ in range(_ROUNDS):
        ratios = np.asarray(np.geomspace(first, last, _SCALES), np.float64)
        scale = ratios * widest
        least = np.maximum(codes - np.rint(stats.high / scale), 0)
        most = np.maximum(np.minimum(np.rint(-stats.low / scale), codes), least)
        columns = np.linspace(0.0, 1.0, min(codes, 256) + 1)
        below = np.rint(least[:, None] + (most - least)[:, None] * columns).astype(np.int64)
        error = _errors(negative, positive, scale, below, codes)
        row, column = divmod(int(error.argmin()), error.shape[1])
        if error[row, column] < error_of_best:
            error_of_best = float(error[row, column])
            ratio_of_best, below_of_best = float(ratios[row]), int(below[row, column])
        apart = float(ratios[1] / ratios[0])
        first, last = ratio_of_best / apart, min(ratio_of_best * apart, 1.0)
    scale = ratio_of_best * widest
    return max(-below_of_best * scale, stats.low), min((codes - below_of_best) * scale, stats.high)


def _errors(
    negative: Side,
    positive: Side,
    scale: NDArray[np.float64],
    below: NDArray[np.int64],
    codes: int,
) -> NDArray[np.float64]:
    """Summed squared error for each scale and each of its numbers of steps below zero."""
    if codes > EXACT_STEPS:
        column = scale[:, None]
        return negative.smooth_errors(column, below) + positive.smooth_errors(column, codes - below)
    left = negative.errors_for_all_steps(scale, codes)
    right = positive.errors_for_all_steps(scale, codes)
    return np.take_along_axis(left, below, 1) + np.take_along_axis(right, codes - below, 1)
