"""The compiled counting of the two sides of zero, each on equal bins up to its own end."""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled

_ONE = np.uint32(1)
_BLOCK = 512
"""Values whose places are found together."""


@compiled("int64(float32[::1], float64, float64, uint32[:, ::1])")
def count_sides(x: NDArray[np.float32], low: float, high: float, sides: NDArray[np.uint32]) -> int:
    """Count magnitudes on either side of zero; see :func:`quant.statistics.observe.count_sides`."""
    bins = sides.shape[1]
    below = bins / -low if low < 0 else 0.0
    above = bins / high if high > 0 else 0.0
    counts = sides.reshape(-1)
    zeros = 0
    # A block's places first, in vectors; then its counts.
    places = np.empty(_BLOCK, np.int32)
    for start in range(0, x.size, _BLOCK):
        count = min(_BLOCK, x.size - start)
        for j in range(np.uint64(count)):
            value = np.float64(x[np.uint64(start) + j])
            zeros += int(value == 0)
            place = np.int32(max(value * above, value * -below))
            # NaN, which is refused later, may give any place.
            place = np.int32(max(min(place, np.int32(bins - 1)), np.int32(0)))
            places[j] = np.int32(place + np.int32(bins)) if value > 0 else place
        for j in range(np.uint64(count)):
            counts[np.uint64(places[j])] += _ONE
    sides[0, 0] -= np.uint32(zeros)
    return zeros
