"""Ranges of least weighted squared error: one threshold, or both ends with every zero point."""

import math

import numpy as np
from numpy.typing import NDArray

from quant.calibrators.search.divergence import BINS
from quant.cost_curve import CostCurve
from quant.error_model.weighted_error import WeightedError
from quant.types import QuantSpec

_SCALES = 4
"""Scales tried for each factor of two, at first."""

_SMALLEST, _LEAST = -10, -24
"""The smallest scale tried is at least so many factors of two below the largest, and at most."""

_ROUNDS = 4


def least_error_range(
    ends: tuple[float, float], spec: QuantSpec, seen: WeightedError
) -> tuple[float, float]:
    """The range of least error within ``ends``.

    Args:
        ends: (rmin, rmax) in real units, zero between them, not both zero.
        spec: Type and symmetry of the codes. When asymmetric, and with values on both sides of
            zero, every zero point is tried with every scale; else thresholds are.
        seen: The error to make least.

    Returns:
        (rmin, rmax) in real units, zero between them.
    """
    low, high = ends
    if not (spec.symmetric or low == 0 or high == 0):
        return both_ends(ends, spec, seen)
    tried = thresholds(max(-low, high))
    best = CostCurve("", tried, threshold_costs(ends, spec, tried, seen)).best
    return max(low, -best), min(high, best)


def thresholds(reach: float) -> NDArray[np.float64]:
    """The candidate thresholds up to ``reach``, in real units, ascending."""
    found = np.arange(1, BINS + 1, dtype=np.float64) * (reach / BINS)
    found[-1] = reach
    return found


def threshold_costs(
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


def both_ends(
    ends: tuple[float, float], spec: QuantSpec, seen: WeightedError
) -> tuple[float, float]:
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
