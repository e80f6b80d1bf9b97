"""Counts on both sides of zero, in NumPy; see :mod:`quant.kernels.compiled.side_counts`."""

import numpy as np
from numpy.typing import NDArray


def count_sides(x: NDArray[np.float32], low: float, high: float, sides: NDArray[np.uint32]) -> int:
    """Count magnitudes on either side of zero; see :func:`quant.statistics.observe.count_sides`."""
    bins = sides.shape[1]
    below = bins / -low if low < 0 else 0.0
    above = bins / high if high > 0 else 0.0
    values = x.astype(np.float64)
    with np.errstate(invalid="ignore"):  # what is not finite is refused later
        places = np.maximum(values * above, values * -below)
    places = np.fmin(np.fmax(places, 0), bins - 1).astype(np.intp)
    counts = np.bincount(np.where(values > 0, places + bins, places), minlength=2 * bins)
    zeros = int(np.count_nonzero(values == 0))
    counts[0] -= zeros
    sides += counts.reshape(2, bins).astype(np.uint32)
    return zeros
