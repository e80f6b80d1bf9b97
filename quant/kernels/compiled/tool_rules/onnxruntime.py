"""The compiled part of :mod:`quant.tool_rules.onnxruntime`: every candidate of its entropy."""

import math

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled
from quant.kernels.compiled.logarithm import take_logs

_SPARE = np.float32(0.0001)
"""What smoothing gives an empty bin."""

_FINE = 0.02
"""Up to here, in counts of a bin, what smoothing takes is small."""


@compiled("float64(int64[::1], int64, int64, int64, int64, int64, float64)")
def _window(
    counts: NDArray[np.int64],
    start: int,
    end: int,
    left: int,
    right: int,
    levels: int,
    spare: float,
) -> float:
    """One candidate of :func:`entropy`, bin by bin."""
    size = end - start
    width = size // levels
    share_p = np.float32(-spare)
    merged_all = 0.0
    empty_q = size - levels * width
    for level in range(levels):
        merged, used = 0, 0
        for k in range(start + level * width, start + (level + 1) * width):
            merged += counts[k]
            here = counts[k]
            if k == start:
                here += left
            if k == end - 1:
                here += right
            used += int(here > 0)
        if level == levels - 1:
            for k in range(start + levels * width, end):
                merged += counts[k]
        value = int(merged / used) if used else 0
        merged_all += value * width
        if value == 0:
            empty_q += width
    if merged_all == 0:
        return np.inf
    share_q = np.float32(-(0.0001 * empty_q / (size - empty_q)))
    total_p, total_q, cost = 0.0, 0.0, 0.0
    for level in range(levels + 1):
        first = start + level * width
        last = first + width if level < levels else end
        merged, used = 0, 0
        for k in range(first, last):
            merged += counts[k]
            here = counts[k] + (left if k == start else 0) + (right if k == end - 1 else 0)
            used += int(here > 0)
        if level == levels - 1:
            for k in range(start + levels * width, end):
                merged += counts[k]
        value = int(merged / used) if used and level < levels else 0
        q = np.float32(np.float32(value) + share_q) if value else _SPARE
        log_q = math.log(q)
        for k in range(first, last):
            here = counts[k] + (left if k == start else 0) + (right if k == end - 1 else 0)
            p = np.float32(np.float32(here) + share_p) if here else _SPARE
            total_p += float(p)
            total_q += float(q)
            cost += float(p) * (math.log(p) - log_q)
    return cost / total_p + math.log(total_q / total_p)


@compiled("void(int64[::1], int64[::1], int64[::1], float64[:, ::1], int64, int64, float64[::1])")
def entropy(
    counts: NDArray[np.int64],
    below: NDArray[np.int64],
    filled: NDArray[np.int64],
    moments: NDArray[np.float64],
    levels: int,
    narrowest: int,
    out: NDArray[np.float64],
) -> None:
    """Every candidate of ONNX Runtime's entropy, close to what its float32 gives.

    What smoothing takes from a bin is small: the sum of ``(n - s) log(n - s)`` follows from running
    totals of ``n log n``, ``log n``, ``1/n`` and ``1/n**2``. Else bins are taken singly.

    Args:
        counts: Shape (bins,).
        below: Their running total, shape (bins + 1,).
        filled: Running number of bins that are not empty.
        moments: Those running totals over the bins that are not empty, shape (bins + 1, 4).
        levels: Number of levels.
        narrowest: How many bins on either side of the middle the first candidate keeps.
        out: Out, shape (candidates,); infinite where a distribution is empty.
    """
    bins = counts.size
    middle = bins // 2
    total = below[bins]
    masses = np.empty(levels + 1)
    log_q = np.empty(levels + 1)
    means = np.empty(levels, np.int64)
    for row in range(out.size):
        half = narrowest + row
        start, end = middle - half, min(middle + half + 1, bins)
        size = end - start
        width = size // levels
        left, right = below[start], total - below[end]
        first, last = counts[start], counts[end - 1]
        used_all = filled[end] - filled[start]
        used_all += int(first == 0 and left > 0) + int(last == 0 and right > 0)
        empty = size - used_all
        spare = 0.0001 * empty / max(used_all, 1)
        if not total or not used_all:
            out[row] = np.inf
            continue
        if spare > _FINE:
            out[row] = _window(counts, start, end, left, right, levels, spare)
            continue
        # Sum of p log p, with the tails in the end bins.
        plain, logs, inverse, squares = (
            moments[end, 0] - moments[start, 0],
            moments[end, 1] - moments[start, 1],
            moments[end, 2] - moments[start, 2],
            moments[end, 3] - moments[start, 3],
        )
        for edge in range(2):
            old, tail = (first, left) if edge == 0 else (last, right)
            if tail == 0:
                continue
            if old > 0:
                plain -= old * math.log(old)
                logs -= math.log(old)
                inverse -= 1 / old
                squares -= 1 / (old * old)
            new = float(old + tail)
            plain += new * math.log(new)
            logs += math.log(new)
            inverse += 1 / new
            squares += 1 / (new * new)
        p_log_p = plain - spare * (logs + used_all)
        p_log_p += spare * spare * (inverse / 2 + spare * squares / 6)
        p_log_p += empty * 0.0001 * math.log(0.0001)
        # Levels.
        body = start + levels * width
        empty_q, sum_q = size - levels * width, 0
        for level in range(levels):
            at = start + level * width
            merged = below[at + width] - below[at]
            if level == levels - 1:
                merged += below[end] - below[body]
            used = filled[at + width] - filled[at]
            if level == 0 and first == 0 and left > 0:
                used += 1
            if level == levels - 1 and body == end and last == 0 and right > 0:
                used += 1
            mean = int(merged / used) if used else 0
            means[level] = mean
            sum_q += mean * width
            if mean == 0:
                empty_q += width
        if sum_q == 0:
            out[row] = np.inf
            continue
        spare_q = 0.0001 * empty_q / (size - empty_q)
        for level in range(levels + 1):
            at = start + level * width
            upto = at + width if level < levels else end
            mass = float(below[upto] - below[at])
            used = filled[upto] - filled[at]
            if level == 0:
                mass += left
                used += int(first == 0 and left > 0)
            if upto == end:
                mass += right
                used += int(last == 0 and right > 0)
            mass += 0.0001 * (upto - at - used) - spare * used
            mean = means[level] if level < levels else 0
            masses[level] = mass if upto > at else 0.0
            log_q[level] = mean - spare_q if mean else 0.0001
        take_logs(log_q)
        cross = 0.0
        for level in range(levels + 1):
            cross += masses[level] * log_q[level]
        out[row] = (p_log_p - cross) / total + math.log(sum_q / total)
