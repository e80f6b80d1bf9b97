"""What every encoding costs, in NumPy; see :mod:`quant.kernels.compiled.tool_rules.aimet`."""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.plain.ordered import total

_BINS = 512


def encoding_costs(
    middles: NDArray[np.float32],
    shares: NDArray[np.float64],
    start: np.float32,
    width: np.float32,
    scales: NDArray[np.float32],
    offsets: NDArray[np.float32],
    clip_weight: float,
    out: NDArray[np.float64],
) -> None:
    """Rounding and weighted clipping error; see :func:`quant.tool_rules.aimet.costs`."""
    low = scales * offsets
    high = scales * np.float32(255) + low
    first, last = (
        np.clip(np.floor((end - start) / width), 0, _BINS - 1).astype(np.intp)
        for end in (low, high)
    )
    k = np.arange(_BINS)
    for row, scale in enumerate(scales):
        above, below = k >= last[row], k < first[row]
        ratio = middles / (scale or np.float32(1)) - offsets[row]
        code = np.trunc(ratio + np.where(ratio >= 0, np.float32(0.5), np.float32(-0.5)))
        back = scale * (code + offsets[row])
        to = np.where(above, middles[last[row]], np.where(below, middles[first[row]], back))
        error = (middles - to).astype(np.float64)
        weighted = np.where(above | below, shares * clip_weight, shares)
        out[row] = total(np.where(shares == 0, 0.0, weighted * error * error))
