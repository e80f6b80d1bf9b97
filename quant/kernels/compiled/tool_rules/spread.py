"""The compiled part of spreading levels over bins: every candidate of a KL rule at once."""

import math

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled
from quant.kernels.compiled.logarithm import take_logs


@compiled(
    "void(int64[::1], float64[::1], int64[::1], float64[::1], int64[::1], int64, boolean, "
    "float64[::1])"
)
def spread_kl(
    counts: NDArray[np.int64],
    below: NDArray[np.float64],
    filled: NDArray[np.int64],
    p_log_p: NDArray[np.float64],
    kept: NDArray[np.int64],
    levels: int,
    whole: bool,
    out: NDArray[np.float64],
) -> None:
    """KL of every candidate; see :func:`quant.tool_rules.streamed.spread.spread_kl`.

    Args:
        counts: Shape (bins,).
        below: Their running total, shape (bins + 1,), as are the next two.
        filled: Running number of bins that are not empty.
        p_log_p: Running total of ``count * log(count)``.
        kept: How many bins each candidate keeps.
        levels: Number of levels.
        whole: Whether all levels but the last have ``kept // levels`` bins.
        out: Out, of the shape of ``kept``.
    """
    total = below[below.size - 1]
    mass = np.empty(levels)
    log = np.empty(levels)
    for row in range(kept.size):
        size = kept[row]
        inside, last = below[size], float(counts[size - 1])
        tail = total - inside
        if inside == 0:
            out[row] = np.nan
            continue
        if last == 0 and tail > 0:
            out[row] = np.inf
            continue
        at = 0
        for level in range(levels):
            if level == levels - 1:
                end = size
            elif whole:
                end = (level + 1) * (size // levels)
            else:
                end = ((level + 1) * size + levels - 1) // levels
            mass[level] = below[end] - below[at]
            used = filled[end] - filled[at]
            log[level] = mass[level] / used if used else 1.0
            at = end
        take_logs(log)
        cross = tail * log[levels - 1]
        for level in range(levels):
            cross += mass[level] * log[level]
        grown = last + tail
        value = p_log_p[size - 1] + (grown * math.log(grown) if grown > 0 else 0.0) - cross
        out[row] = value / total + math.log(inside / total)
