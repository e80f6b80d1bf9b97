"""KL divergence of a clipped histogram from the same merged into levels, for all candidates.

A candidate keeps the first bins of a histogram. P is what it keeps, with everything beyond added to
the last bin; Q is what it keeps without that, merged into levels and each level spread evenly over
its bins that are not empty. Sums over the bins of a level are differences of running totals.
"""

import numpy as np
from numpy.typing import NDArray

_ROWS = 96


def spread_kl(
    counts: NDArray[np.int64], kept: NDArray[np.int64], edges: NDArray[np.int64]
) -> NDArray[np.float64]:
    """KL(P||Q) of every candidate, both normalised.

    Args:
        counts: int64, shape (bins,).
        kept: int64, shape (n,): how many bins each candidate keeps, at least 1.
        edges: int64, shape (n, levels + 1): the first bin of each level and the end, ascending,
            the last equal to ``kept``.

    Returns:
        float64, shape (n,), in nats: infinite where the last kept bin is empty but values lie
        beyond, NaN where a candidate keeps no value at all.
    """
    below = _running(counts)
    filled = _running(counts > 0)
    total = float(below[-1])
    p_log_p = _running(_x_log_x(counts.astype(np.float64)))
    inside = below[kept]
    last, tail = counts[kept - 1].astype(np.float64), total - inside
    cross = np.empty(kept.size)
    for start in range(0, kept.size, _ROWS):
        rows = slice(start, start + _ROWS)
        sums = np.diff(below[edges[rows]])
        each = sums / np.maximum(np.diff(filled[edges[rows]]), 1)
        logs = np.log(np.where(each > 0, each, 1.0))
        cross[rows] = np.einsum("ij,ij->i", sums, logs) + tail[rows] * logs[:, -1]
    value = p_log_p[kept - 1] + _x_log_x(last + tail) - cross
    with np.errstate(divide="ignore", invalid="ignore"):
        value = value / total + np.log(inside / total)
    value[(last == 0) & (tail > 0)] = np.inf
    value[inside == 0] = np.nan
    return value


def _running(values: NDArray[np.generic]) -> NDArray[np.float64]:
    return np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))


def _x_log_x(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x * np.log(np.where(x > 0, x, 1.0))
