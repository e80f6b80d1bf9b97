"""The compiled part of :mod:`quant.tool_rules.tensorrt`: the squared error of every candidate."""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled


@compiled("void(float64[::1], float64[:, ::1], float64[::1], boolean, float64[::1])")
def grid_mse(
    centres: NDArray[np.float64],
    below: NDArray[np.float64],
    amax: NDArray[np.float64],
    least_only: bool,
    out: NDArray[np.float64],
) -> None:
    """Mean over bins of count times squared error of the bin's centre on 127 steps.

    Args:
        centres: Ascending and even, shape (bins,).
        below: Running totals of count, count times centre, and count times its square, shape
            (bins + 1, 3).
        amax: Candidates, above 0, ascending.
        least_only: Whether only the least matters: one whose clipping alone is more than another
            gets just that.
        out: Out, of the shape of ``amax``.
    """
    bins = centres.size
    start = centres[0]
    width = (centres[bins - 1] - start) / max(bins - 1, 1)
    best = np.inf
    for row in range(amax.size - 1, -1, -1):
        step = amax[row] / 127
        if least_only:
            at = int(min(max((amax[row] - start) / width + 1.0, 0.0), float(bins)))
            n, first = below[bins, 0] - below[at, 0], below[bins, 1] - below[at, 1]
            clipped = below[bins, 2] - below[at, 2] + amax[row] * (amax[row] * n - 2 * first)
            if clipped > best * 1.01:
                out[row] = clipped / bins
                continue
        total = 0.0
        at = 0
        for code in range(128):
            end = bins
            if code < 127:
                border = (code + 0.5) * step
                # The first centre not below the border: nearly there, then exactly.
                end = int(min(max((border - start) / width, 0.0), float(bins)))
                while end > 0 and centres[end - 1] >= border:
                    end -= 1
                while end < bins and centres[end] < border:
                    end += 1
            if end > at:
                back = code * step
                n = below[end, 0] - below[at, 0]
                if n > 0:
                    first = below[end, 1] - below[at, 1]
                    total += below[end, 2] - below[at, 2] - 2 * back * first + back * back * n
                at = end
        best = min(best, max(total, 0.0))
        out[row] = max(total, 0.0) / bins
