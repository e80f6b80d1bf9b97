"""The compiled part of the losses of single samples: the squared error of every scale."""

import math

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled


@compiled("void(float64[:, ::1], float64, float64, float64[::1], int64, float64[:, ::1])")
def side_losses(
    below: NDArray[np.float64],
    width: float,
    end: float,
    scales: NDArray[np.float64],
    most: int,
    out: NDArray[np.float64],
) -> None:
    """What scales make of the magnitudes on one side of zero.

    Args:
        below: Running totals of count, count times magnitude, and count times its square, shape
            (bins + 1, 3); magnitudes are at the middles of the bins, those of the last at ``end``.
        width: The width of a bin, above 0.
        end: The largest magnitude.
        scales: Candidates, above 0.
        most: The largest code.
        out: Out, shape (3, candidates): sums of the squared error, of what comes back, and of its
            square.
    """
    bins = below.shape[0] - 1
    for row in range(scales.size):
        scale = scales[row]
        error = total = square = 0.0
        at = 0
        for code in range(most + 1):
            upto = bins
            border = (code + 0.5) * scale
            if code < most and border <= end:
                upto = min(math.ceil(border / width - 0.5), bins - 1)
            if upto > at:
                n = below[upto, 0] - below[at, 0]
                back = code * scale
                error += below[upto, 2] - below[at, 2]
                error += back * (back * n - 2 * (below[upto, 1] - below[at, 1]))
                total += back * n
                square += back * back * n
                at = upto
            if at == bins:
                break
        out[0, row], out[1, row], out[2, row] = max(error, 0.0), total, square
