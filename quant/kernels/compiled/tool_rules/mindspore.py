"""The compiled part of :mod:`quant.tool_rules.mindspore`: KL with levels of fractional ends."""

import math

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled
from quant.kernels.compiled.logarithm import take_logs


@compiled("void(float64[::1], float64[::1], float64[::1], int64, int64, float64[::1])")
def fractional_kl(
    filled: NDArray[np.float64],
    below: NDArray[np.float64],
    p_log_p: NDArray[np.float64],
    levels: int,
    first: int,
    out: NDArray[np.float64],
) -> None:
    """KL with levels of fractional ends; see :func:`quant.tool_rules.mindspore.kl_curve`.

    Args:
        filled: Counts, none of them 0, shape (bins,).
        below: Their running total, shape (bins + 1,).
        p_log_p: Running total of ``count * log(count)``.
        levels: Number of levels.
        first: How many bins the first candidate keeps; each after it keeps one more.
        out: Out, shape (candidates,).
    """
    total = below[below.size - 1]
    least = filled.min()
    # Of each level: how much lies in it alone, and in the bin that it shares with the one before.
    alone = np.empty(levels)
    shared = np.empty(levels)
    logs = np.empty(2 * levels)
    for row in range(out.size):
        kept = first + row
        inside, last = below[kept], filled[kept - 1]
        grown = last + total - inside
        per_level = levels / kept
        start, part = 0, 0  # a level starts in this bin, after so many parts of it
        mass_before = 0.0
        mean_before = 1.0
        of_last = 0
        for level in range(levels):
            step = (level + 1) * kept
            end, beyond = step // levels, step % levels
            mass = below[end]
            if beyond:
                mass += beyond / levels * filled[end]
            mean = max((mass - mass_before) * per_level, least)  # no bin has less
            logs[level] = mean
            shared[level] = 0.0
            logs[levels + level] = 1.0
            if part:
                share = part / levels
                logs[levels + level] = share * mean_before + (1 - share) * mean
                if start == kept - 1:
                    of_last = levels + level
                else:
                    shared[level] = filled[start]
            whole = start + (1 if part else 0)
            upto = min(end, kept - 1)
            alone[level] = below[upto] - below[whole] if upto > whole else 0.0
            if level == levels - 1 and whole <= kept - 1:
                of_last = level
            start, part = end, beyond
            mass_before, mean_before = mass, mean
        take_logs(logs)
        cross = grown * logs[of_last]
        for level in range(levels):
            cross += alone[level] * logs[level] + shared[level] * logs[levels + level]
        value = p_log_p[kept - 1] + grown * math.log(grown) - cross
        out[row] = value / total + math.log(inside / total)
