"""The compiled part of the expected error: sums over the boundaries between codes."""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled


@compiled("void(float64[::1], int64[::1], float64[:, ::1], float64[::1])")
def excess_sums(
    scale: NDArray[np.float64],
    steps: NDArray[np.int64],
    tables: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Sum of R over the first boundaries of each scale.

    Args:
        scale: Bin widths per step, above zero, shape (n,).
        steps: How many boundaries to add up, shape (n,).
        tables: Constant, slope and curvature of R inside each bin, shape (3, bins + 1); 0 in the
            last.
        out: Out, shape (n,).
    """
    constant, slope, curvature = tables[0], tables[1], tables[2]
    bins = constant.size - 1
    for i in range(scale.size):
        total = 0.0
        for j in range(steps[i]):
            at = (j + 0.5) * scale[i]
            if at >= bins:
                break  # nothing lies beyond
            whole = np.int64(at)
            part = at - whole
            total += (curvature[whole] * part + slope[whole]) * part + constant[whole]
        out[i] = total


@compiled("void(float64[::1], float64[:, ::1], float64[:, ::1])")
def running_excess(
    scale: NDArray[np.float64],
    tables: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """The same for every number of boundaries: ``out[i, n]`` is the sum over the first n.

    Args:
        scale: As for :func:`excess_sums`.
        tables: As for :func:`excess_sums`.
        out: Out, shape (n, most + 1).
    """
    constant, slope, curvature = tables[0], tables[1], tables[2]
    bins = constant.size - 1
    for i in range(scale.size):
        total = 0.0
        out[i, 0] = 0.0
        for j in range(out.shape[1] - 1):
            at = (j + 0.5) * scale[i]
            if at < bins:
                whole = np.int64(at)
                part = at - whole
                total += (curvature[whole] * part + slope[whole]) * part + constant[whole]
            out[i, j + 1] = total
