"""Levels spread over bins, in NumPy; see :mod:`quant.kernels.compiled.tool_rules.spread`."""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.plain.ordered import logs, total


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
    """KL of every candidate; see :func:`quant.tool_rules.streamed.spread.spread_kl`."""
    everything = below[-1]
    inside, last = below[kept], counts[kept - 1].astype(np.float64)
    tail = everything - inside
    out[:] = np.where(inside == 0, np.nan, np.inf)
    rows = np.flatnonzero((inside != 0) & ~((last == 0) & (tail > 0)))
    size, inside, last, tail = kept[rows], inside[rows], last[rows], tail[rows]
    level = np.arange(levels + 1)
    edges = level * (size // levels)[:, None] if whole else -(-level * size[:, None] // levels)
    edges[:, -1] = size
    mass, used = np.diff(below[edges]), np.diff(filled[edges])
    log = logs(np.divide(mass, used, out=np.ones_like(mass), where=used > 0))
    cross = total(np.column_stack((tail * log[:, -1], mass * log)))
    grown = last + tail
    own = np.where(grown > 0, grown, 1.0)
    value = p_log_p[size - 1] + own * np.log(own) - cross
    out[rows] = value / everything + np.log(inside / everything)
