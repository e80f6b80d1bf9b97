"""Sums over the boundaries between codes, in NumPy.

See :mod:`quant.kernels.compiled.expected_error`.
"""

import numpy as np
from numpy.typing import NDArray

_ROWS = 256
"""Scales looked at together, which bounds the memory."""


def excess_sums(
    scale: NDArray[np.float64],
    steps: NDArray[np.int64],
    tables: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Sum of R over the first boundaries of each scale."""
    for start in range(0, scale.size, _ROWS):
        rows = slice(start, start + _ROWS)
        count = steps[rows]
        sums = np.zeros((count.size, int(count.max(initial=0)) + 1))
        np.cumsum(_excess(scale[rows], sums.shape[1] - 1, tables), axis=1, out=sums[:, 1:])
        out[rows] = sums[np.arange(count.size), np.maximum(count, 0)]


def running_excess(
    scale: NDArray[np.float64],
    tables: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """The same for every number of boundaries: ``out[i, n]`` is the sum over the first n."""
    out[:, 0] = 0.0
    for start in range(0, scale.size, _ROWS):
        rows = slice(start, start + _ROWS)
        np.cumsum(_excess(scale[rows], out.shape[1] - 1, tables), axis=1, out=out[rows, 1:])


def _excess(
    scale: NDArray[np.float64], count: int, tables: NDArray[np.float64]
) -> NDArray[np.float64]:
    """R at each boundary of each scale, shape (n, count); nothing lies beyond the last bin."""
    constant, slope, curvature = tables
    at = np.minimum((np.arange(count) + 0.5) * scale[:, None], constant.size - 1)
    whole = at.astype(np.intp)
    part = at - whole
    return (curvature[whole] * part + slope[whole]) * part + constant[whole]
