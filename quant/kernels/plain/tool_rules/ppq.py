"""PPQ's rounding error of every range, in NumPy.

See :mod:`quant.kernels.compiled.tool_rules.ppq`.
"""

import numpy as np
from numpy.typing import NDArray


def step_errors(
    counts: NDArray[np.int64],
    start: NDArray[np.int64],
    step: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Squared rounding error inside ranges of 256 equal steps, in squared bins."""
    bins = counts.size
    sizes = np.where((step >= 1) & (step <= bins // 256 + 1), step, 0)
    for size in np.unique(sizes[sizes > 0]).tolist():
        for phase in range(size):
            rows = np.flatnonzero((sizes == size) & (start % size == phase))
            if not rows.size:
                continue
            left: NDArray[np.int64] = (np.arange(bins) - phase) % size
            right = size - 1 - left
            error = np.where(left == right, left + 0.25, np.minimum(left, right) + 0.5)
            inside = np.cumsum(counts * error * error)
            before = np.concatenate(([0.0], inside))
            out[rows] += inside[np.minimum(start[rows] + 256 * size, bins - 1)]
            out[rows] -= before[np.maximum(start[rows], 0)]
