"""The predicted local error, in NumPy; see :mod:`quant.kernels.compiled.histogram_error`."""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.plain.ordered import total

_SPIKE = 1e-5
_PRECISION = 2.0**-22


def side_errors(
    counts: NDArray[np.float64],
    grid: tuple[float, float, float],
    scale: float,
    steps: int,
) -> tuple[float, float, float]:
    """Of one side of zero: values clipped, summed squared clipping and rounding error."""
    width, nearest, largest = grid
    first, last = int(nearest / width), min(int(largest / width), counts.size - 1)
    k = np.arange(first, last + 1)
    inside = counts[first : last + 1]
    high = np.where(k == last, largest, (k + 1) * width)
    high = np.where(k == last - 1, np.minimum(high, largest - _SPIKE * width), high)
    low = np.where(k == first, np.maximum(k * width, nearest), k * width)
    low = np.minimum(low, high - _SPIKE * width)
    used = inside != 0
    low, high = low[used], high[used]
    density = inside[used] / (high - low)
    a, b = low / scale, high / scale
    in_a, in_b = np.minimum(a, steps), np.minimum(b, steps)
    code_a, code_b = np.rint(in_a), np.rint(in_b)
    rounding = density * ((code_b - code_a) + 4 * (_cube(in_b - code_b) - _cube(in_a - code_a)))
    beyond = b > steps
    a, b, density = a[beyond], b[beyond], density[beyond]
    clipping = density * (_cube(b - steps) - _cube(np.maximum(a - steps, 0.0)))
    end = steps * (1 + _PRECISION)
    clipped = density * (np.maximum(b - end, 0.0) - np.maximum(a - end, 0.0))
    cube = scale * (scale * scale)
    return (
        float(total(clipped)) * scale,
        float(total(clipping)) * cube / 3,
        float(total(rounding)) * cube / 12,
    )


def _cube(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x * (x * x)
