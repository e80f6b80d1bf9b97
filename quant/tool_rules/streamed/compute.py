"""Arithmetic that the tools share."""

import numpy as np
from numpy.typing import NDArray


def running(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Running total along the first axis from zero on, float64, one row longer."""
    result = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=result[1:])
    return result


def x_log_x(x: NDArray[np.generic]) -> NDArray[np.float64]:
    """``x * log(x)`` in float64, 0 at 0."""
    real = x.astype(np.float64)
    return real * np.log(np.where(real > 0, real, 1.0))
