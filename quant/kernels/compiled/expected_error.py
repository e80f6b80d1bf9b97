"""The compiled part of the expected error: sums over the boundaries between codes."""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled


@compiled("void(float64[::1], int64[::1], float64[:, ::1], UniTuple(float64, 4), float64[::1])")
def excess_sums(
    scale: NDArray[np.float64],
    steps: NDArray[np.int64],
    tables: NDArray[np.float64],
    bounds: tuple[float, float, float, float],
    out: NDArray[np.float64],
) -> None:
    """Sum of R over the first boundaries of each scale.

    Args:
        scale: Bin widths per step, above zero, shape (n,).
        steps: How many boundaries to add up, shape (n,).
        tables: Constant, slope and curvature of R inside each bin, shape (3, bins + 1); 0 in the
            last.
        bounds: Where values begin and end, their sum, all in bin widths, and their number: before
            the beginning R is the sum less the boundary for each value, from the end on 0.
        out: Out, shape (n,).
    """
    constant, slope, curvature = tables[0], tables[1], tables[2]
    start, end, first, count = bounds
    for i in range(scale.size):
        total = 0.0
        before = 0
        while before < steps[i] and (before + 0.5) * scale[i] < start:
            total += first - (before + 0.5) * scale[i] * count
            before += 1
        for j in range(before, steps[i]):
            at = (j + 0.5) * scale[i]
            if at >= end:
                break  # nothing lies beyond
            whole = np.int64(at)
            part = at - whole
            total += (curvature[whole] * part + slope[whole]) * part + constant[whole]
        out[i] = total


@compiled("void(float64[::1], float64[:, ::1], UniTuple(float64, 4), float64[:, ::1])")
def running_excess(
    scale: NDArray[np.float64],
    tables: NDArray[np.float64],
    bounds: tuple[float, float, float, float],
    out: NDArray[np.float64],
) -> None:
    """The same for every number of boundaries: ``out[i, n]`` is the sum over the first n.

    Args:
        scale: As for :func:`excess_sums`.
        tables: As for :func:`excess_sums`.
        bounds: As for :func:`excess_sums`.
        out: Out, shape (n, most + 1).
    """
    constant, slope, curvature = tables[0], tables[1], tables[2]
    start, end, first, count = bounds
    for i in range(scale.size):
        total = 0.0
        out[i, 0] = 0.0
        before = 0
        while before < out.shape[1] - 1 and (before + 0.5) * scale[i] < start:
            total += first - (before + 0.5) * scale[i] * count
            before += 1
            out[i, before] = total
        for j in range(before, out.shape[1] - 1):
            at = (j + 0.5) * scale[i]
            if at < end:
                whole = np.int64(at)
                part = at - whole
                total += (curvature[whole] * part + slope[whole]) * part + constant[whole]
            out[i, j + 1] = total
