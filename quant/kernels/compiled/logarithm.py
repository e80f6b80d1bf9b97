"""The compiled natural logarithm of many numbers, which the divergences and the tools' rules share.

Only compiled code imports this.
"""

import math

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled

_LOG_2 = math.log(2.0)
_ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)  # the bits of sqrt(1/2)
_MANTISSA = np.int64(0x000FFFFFFFFFFFFF)


@compiled("void(float64[::1])")
def take_logs(x: NDArray[np.float64]) -> None:
    """Replace numbers above zero by their natural logarithms, several at a time.

    A number is ``m * 2**e`` with m from ``sqrt(1/2)`` to ``sqrt(2)``, and
    ``log m = 2 artanh((m - 1) / (m + 1))`` is summed up to the seventeenth power: off by 1e-15.
    """
    for k in range(np.uint64(x.size)):
        bits = np.int64(np.float64(x[k]).view(np.int64) - _ROOT_HALF)
        exponent = np.int32(bits >> np.int64(52))
        m = np.int64(np.int64(bits & _MANTISSA) + _ROOT_HALF).view(np.float64)
        s = np.divide(m - 1.0, m + 1.0)  # which does not look for a division by zero
        z = s * s
        series = 1 / 11 + z * (1 / 13 + z * (1 / 15 + z * (1 / 17)))
        series = 1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * series))))
        x[k] = exponent * _LOG_2 + 2 * s * series
