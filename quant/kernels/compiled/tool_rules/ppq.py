"""The compiled part of :mod:`quant.tool_rules.ppq`: the rounding error of every range."""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled


@compiled("void(int64[::1], int64[::1], int64[::1], float64[::1])")
def step_errors(
    counts: NDArray[np.int64],
    start: NDArray[np.int64],
    step: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Squared rounding error inside ranges of 256 equal steps, in squared bins.

    Args:
        counts: Shape (bins,).
        start: First bin of each range.
        step: Bins in each of its steps.
        out: They go up; shape of ``start``.
    """
    bins = counts.size
    inside = np.empty(bins, np.float64)
    for size in range(1, bins // 256 + 2):
        for phase in range(size):
            ready = False
            for row in range(start.size):
                if step[row] != size or start[row] % size != phase:
                    continue
                if not ready:
                    total = 0.0
                    for k in range(bins):
                        left = (k - phase) % size
                        right = size - 1 - left
                        error = left + 0.25 if left == right else min(left, right) + 0.5
                        total += counts[k] * error * error
                        inside[k] = total
                    ready = True
                out[row] += inside[min(start[row] + 256 * size, bins - 1)]
                if start[row] > 0:
                    out[row] -= inside[start[row] - 1]
