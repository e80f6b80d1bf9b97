"""The squared error of every candidate, in NumPy.

See :mod:`quant.kernels.compiled.tool_rules.tensorrt`.
"""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.plain.ordered import total

_CODES = np.arange(128)


def grid_mse(
    centres: NDArray[np.float64],
    below: NDArray[np.float64],
    amax: NDArray[np.float64],
    least_only: bool,
    out: NDArray[np.float64],
) -> None:
    """Mean over bins of count times squared error of the bin's centre on 127 steps."""
    bins = centres.size
    start = float(centres[0])
    width = (float(centres[-1]) - start) / max(bins - 1, 1)
    best = np.inf
    for row in range(amax.size - 1, -1, -1):
        most = float(amax[row])
        step = most / 127
        if least_only:
            at = int(min(max((most - start) / width + 1.0, 0.0), float(bins)))
            n, first, second = (below[bins] - below[at]).tolist()
            clipped = second + most * (most * n - 2 * first)
            if clipped > best * 1.01:
                out[row] = clipped / bins
                continue
        end = np.append(np.searchsorted(centres, (_CODES[:-1] + 0.5) * step), bins)
        n, first, second = np.diff(below[end], axis=0, prepend=below[:1]).T
        back = _CODES * step
        error = second - 2 * back * first + back * back * n
        found = max(float(total(np.where(n > 0, error, 0.0))), 0.0)
        best = min(best, found)
        out[row] = found / bins
