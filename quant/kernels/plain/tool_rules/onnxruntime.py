"""Every candidate of ONNX Runtime's entropy, in NumPy.

See :mod:`quant.kernels.compiled.tool_rules.onnxruntime`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from quant.kernels.plain.ordered import logs, total

_SPARE = np.float32(0.0001)
_FINE = 0.02


def entropy(
    counts: NDArray[np.int64],
    below: NDArray[np.int64],
    filled: NDArray[np.int64],
    moments: NDArray[np.float64],
    levels: int,
    narrowest: int,
    out: NDArray[np.float64],
) -> None:
    """Every candidate of ONNX Runtime's entropy, close to what its float32 gives."""
    del filled  # each candidate counts its own
    middle = counts.size // 2
    for row in range(out.size):
        half = narrowest + row
        window = slice(middle - half, min(middle + half + 1, counts.size))
        left, right = int(below[window.start]), int(below[-1] - below[window.stop])
        p = counts[window].copy()
        p[0] += left
        p[-1] += right
        used = int(np.count_nonzero(p))
        if not below[-1] or not used:
            out[row] = np.inf
            continue
        spare = 0.0001 * (p.size - used) / max(used, 1)
        means, width = _means(counts[window], p > 0, levels)
        if not means.any():
            out[row] = np.inf
        elif spare > _FINE:
            out[row] = _singly(p, means, width, spare)
        else:
            sums = (moments[window.stop] - moments[window.start]).tolist()
            for tail, edge in ((left, window.start), (right, window.stop - 1)):
                sums = _with_tail(sums, int(counts[edge]), tail)
            out[row] = _together(p, means, width, spare, sums)


def _means(
    counts: NDArray[np.int64], used: NDArray[np.bool_], levels: int
) -> tuple[NDArray[np.int64], int]:
    """Whole mean of each level over its bins in use; the last also takes what is left over."""
    width = counts.size // levels
    body = levels * width
    merged = counts[:body].reshape(levels, width).sum(axis=1)
    merged[-1] += counts[body:].sum()
    bins = used[:body].reshape(levels, width).sum(axis=1)
    return np.where(bins > 0, merged / np.maximum(bins, 1), 0).astype(np.int64), width


def _with_tail(sums: list[float], old: int, tail: int) -> list[float]:
    """The sums of n log n, log n, 1/n and 1/n**2 when a tail is added to a bin."""
    plain, log, inverse, squares = sums
    if not tail:
        return sums
    if old:
        plain -= old * math.log(old)
        log -= math.log(old)
        inverse -= 1 / old
        squares -= 1 / (old * old)
    new = float(old + tail)
    return [
        plain + new * math.log(new),
        log + math.log(new),
        inverse + 1 / new,
        squares + 1 / (new * new),
    ]


def _together(
    p: NDArray[np.int64], means: NDArray[np.int64], width: int, spare: float, sums: list[float]
) -> float:
    """One candidate whose smoothing is small, from sums over its bins."""
    plain, log, inverse, squares = sums
    used = int(np.count_nonzero(p))
    empty = p.size - used
    p_log_p = plain - spare * (log + used)
    p_log_p += spare * spare * (inverse / 2 + spare * squares / 6)
    p_log_p += empty * 0.0001 * math.log(0.0001)
    levels = means.size
    empty_q = p.size - levels * width + int(np.count_nonzero(means == 0)) * width
    spare_q = 0.0001 * empty_q / (p.size - empty_q)
    edges = np.append(np.arange(levels + 1) * width, p.size)
    below = np.concatenate(([0], np.cumsum(p)))
    filled = np.concatenate(([0], np.cumsum(p > 0)))
    bins, used_bins = np.diff(edges), np.diff(filled[edges])
    mass = np.diff(below[edges]) + (0.0001 * (bins - used_bins) - spare * used_bins)
    padded = np.append(means, 0)
    log_q = logs(np.where(padded > 0, padded - spare_q, 0.0001))
    cross = float(total(np.where(bins > 0, mass, 0.0) * log_q))
    return (p_log_p - cross) / int(p.sum()) + math.log(int(means.sum()) * width / int(p.sum()))


def _singly(p: NDArray[np.int64], means: NDArray[np.int64], width: int, spare: float) -> float:
    """One candidate bin by bin."""
    q = np.concatenate((np.repeat(means, width), np.zeros(p.size - means.size * width, np.int64)))
    empty_q = int(np.count_nonzero(q == 0))
    share_q = np.float32(-(0.0001 * empty_q / (p.size - empty_q)))
    smooth_p = np.where(p > 0, p.astype(np.float32) + np.float32(-spare), _SPARE)
    smooth_q = np.where(q > 0, q.astype(np.float32) + share_q, _SPARE)
    p_64, q_64 = smooth_p.astype(np.float64), smooth_q.astype(np.float64)
    # Logarithms of float32, as the compiled ones.
    log_p, log_q = (np.log(x).astype(np.float32).astype(np.float64) for x in (p_64, q_64))
    cost = total(p_64 * (log_p - log_q))
    total_p, total_q = float(total(p_64)), float(total(q_64))
    return float(cost) / total_p + math.log(total_q / total_p)
