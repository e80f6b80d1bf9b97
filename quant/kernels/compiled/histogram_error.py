"""The compiled part of the predicted local error: one pass over the bins of one side of zero."""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled

_SPIKE = 1e-5
_PRECISION = 2.0**-22


@compiled(
    "UniTuple(float64, 3)(Array(float64, 1, 'C', readonly=True), UniTuple(float64, 3), "
    "float64, int64)"
)
def side_errors(
    counts: NDArray[np.float64],
    grid: tuple[float, float, float],
    scale: float,
    steps: int,
) -> tuple[float, float, float]:
    """Of one side of zero: values clipped, summed squared clipping and rounding error.

    In steps, the integral of the squared distance to the nearest code is ``n/12 + (y - n)^3 / 3``,
    with n the code at y: each whole step behind adds 1/12.

    Args:
        counts: Values in each bin, from zero outwards, exact zeros left out, shape (n,).
        grid: Width of a bin, the least magnitude (or 0) and the greatest, in real units.
        scale: Real units per step.
        steps: Number of steps from zero to the end of the range.
    """
    width, nearest, largest = grid
    first = int(nearest / width)
    last = min(int(largest / width), counts.size - 1)
    clipped = clipping = rounding = 0.0
    for k in range(first, last + 1):
        inside = counts[k]
        if inside == 0:
            continue
        # The outer bins end where the values do; a spike keeps a sliver of width.
        high = largest if k == last else (k + 1) * width
        if k == last - 1:
            high = min(high, largest - _SPIKE * width)
        low = k * width
        if k == first:
            low = max(low, nearest)
        low = min(low, high - _SPIKE * width)
        density = inside / (high - low)
        a, b = low / scale, high / scale
        in_a, in_b = min(a, steps), min(b, steps)
        code_a, code_b = np.rint(in_a), np.rint(in_b)
        off_a, off_b = in_a - code_a, in_b - code_b
        cubes = off_b * (off_b * off_b) - off_a * (off_a * off_a)
        rounding += density * ((code_b - code_a) + 4 * cubes)
        if b > steps:
            over_a, over_b = max(a - steps, 0.0), b - steps
            clipping += density * (over_b * (over_b * over_b) - over_a * (over_a * over_a))
            # Scales are float32, so the end of a range is only known to their precision.
            end = steps * (1 + _PRECISION)
            clipped += density * (max(b - end, 0.0) - max(a - end, 0.0))
    cube = scale * (scale * scale)
    return clipped * scale, clipping * cube / 3, rounding * cube / 12
