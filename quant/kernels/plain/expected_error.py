"""Sums over the boundaries between codes, in NumPy.

See :mod:`quant.kernels.compiled.expected_error`.
"""

import numpy as np
from numpy.typing import NDArray

_ROWS = 256
"""Scales looked at together, which bounds the memory."""


Bounds = tuple[float, float, float, float]


def excess_sums(
    scale: NDArray[np.float64],
    steps: NDArray[np.int64],
    tables: NDArray[np.float64],
    bounds: Bounds,
    out: NDArray[np.float64],
) -> None:
    """Sum of R over the first boundaries of each scale."""
    for start in range(0, scale.size, _ROWS):
        rows = slice(start, start + _ROWS)
        count = steps[rows]
        sums = np.zeros((count.size, int(count.max(initial=0)) + 1))
        excess = _excess(scale[rows], sums.shape[1] - 1, tables, bounds)
        np.cumsum(excess, axis=1, out=sums[:, 1:])
        out[rows] = sums[np.arange(count.size), np.maximum(count, 0)]


def running_excess(
    scale: NDArray[np.float64],
    tables: NDArray[np.float64],
    bounds: Bounds,
    out: NDArray[np.float64],
) -> None:
    """The same for every number of boundaries: ``out[i, n]`` is the sum over the first n."""
    out[:, 0] = 0.0
    for start in range(0, scale.size, _ROWS):
        rows = slice(start, start + _ROWS)
        excess = _excess(scale[rows], out.shape[1] - 1, tables, bounds)
        np.cumsum(excess, axis=1, out=out[rows, 1:])


def _excess(
    scale: NDArray[np.float64], count: int, tables: NDArray[np.float64], bounds: Bounds
) -> NDArray[np.float64]:
    """R at each boundary of each scale, shape (n, count)."""
    constant, slope, curvature = tables
    start, end, first, everything = bounds
    at = (np.arange(count) + 0.5) * scale[:, None]
    whole = np.minimum(at, constant.size - 1).astype(np.intp)
    part = at - whole
    inside = (curvature[whole] * part + slope[whole]) * part + constant[whole]
    return np.where(at < start, first - at * everything, np.where(at < end, inside, 0.0))
