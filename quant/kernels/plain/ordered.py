"""Sums and logarithms that round as those of the compiled kernels do."""

import math

import numpy as np
from numpy.typing import NDArray

_LOG_2 = math.log(2.0)
_ROOT_HALF = 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)
_MANTISSA = 0x000FFFFFFFFFFFFF


def total(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum along the last axis from the first to the last, as a loop takes it; 0 without terms."""
    if not terms.shape[-1]:
        return np.zeros(terms.shape[:-1])
    return np.cumsum(terms, axis=-1)[..., -1]


def logs(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithms of numbers above zero; see :mod:`quant.kernels.compiled.logarithm`."""
    bits = np.ascontiguousarray(x).view(np.int64) - _ROOT_HALF
    exponent = bits >> 52
    m = ((bits & _MANTISSA) + _ROOT_HALF).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = 1 / 11 + z * (1 / 13 + z * (1 / 15 + z * (1 / 17)))
    series = 1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * series))))
    return exponent * _LOG_2 + 2 * s * series
