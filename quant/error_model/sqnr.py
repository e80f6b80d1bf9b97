"""The signal to quantization noise ratio: one convention for its limits, one way to write it.

    sqnr_db = 10 log10(signal / noise), signal = sum(ref^2), noise = sum((ref - test)^2)

Without noise both are equal: plus infinity, also where the reference is silent. A silent reference
with noise is minus infinity, because nothing is worse: so it sorts last and is never lost in a
minimum, as a NaN would be. The ratio is a difference of logarithms, so that powers near the ends of
float64 stay finite and only these two cases are infinite.
"""

import math
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

EQUAL = "equal"
"""How an infinite ratio is written: there is no noise."""

NO_SIGNAL = "no signal"
"""How minus infinity is written: there is noise, and the reference is all zero."""

UNKNOWN = "unknown"
"""How what is no number is written."""


@overload
def sqnr_db(signal: float, noise: float) -> float: ...
@overload
def sqnr_db(
    signal: NDArray[np.floating[Any]], noise: NDArray[np.floating[Any]]
) -> NDArray[np.float64]: ...
def sqnr_db(
    signal: float | NDArray[np.floating[Any]], noise: float | NDArray[np.floating[Any]]
) -> float | NDArray[np.float64]:
    """The ratio of two powers (or energies) in dB.

    Args:
        signal: Power of the reference, not negative; a number or an array of any shape.
        noise: Power of the difference in the same unit and shape.

    Returns:
        In dB: plus infinity without noise, minus infinity with noise and without a signal. A number
        for numbers, float64 of the common shape for arrays.
    """
    above, below = np.asarray(signal, np.float64), np.asarray(noise, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 10 * (np.log10(above) - np.log10(below))
    found = np.where(below == 0, np.inf, ratio)
    return found if found.ndim else float(found)


def gain_db(before: float, after: float) -> float:
    """What the sqnr wins when the noise falls from ``before`` to ``after``, in dB.

    Args:
        before: Power of the noise, not negative.
        after: The same after a change, in the same unit.

    Returns:
        10 log10(before / after): 0 where nothing changed, plus infinity where no noise is left.
    """
    return 0.0 if before == after else sqnr_db(before, after)


def decibels(value: float, digits: int = 1) -> str:
    """A ratio in dB as everything here writes it.

    Args:
        value: In dB.
        digits: Decimals.

    Returns:
        ``"12.3 dB"``; for the two infinities and NaN the words of this module.
    """
    if math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return EQUAL if value > 0 else NO_SIGNAL
    return f"{round(value, digits) or 0.0:.{digits}f} dB"
