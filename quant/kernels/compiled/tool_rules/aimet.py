"""The compiled part of :mod:`quant.tool_rules.aimet`: what every encoding costs."""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled


@compiled(
    "void(float32[::1], float64[::1], float32, float32, float32[::1], float32[::1], float64, "
    "float64[::1])"
)
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
    """Rounding and weighted clipping error; see :func:`quant.tool_rules.aimet.costs`.

    Args:
        middles: Middles of the bins in use, ascending.
        shares: Their shares.
        start: Where the first of all 512 bins starts.
        width: The width of a bin.
        scales: Of the candidates.
        offsets: Of the candidates.
        clip_weight: How much clipping counts.
        out: Out, of the shape of ``scales``.
    """
    bins = 512
    most = np.float32(bins - 1)
    half, zero, one = np.float32(0.5), np.float32(0), np.float32(1)
    for row in range(scales.size):
        scale, offset = scales[row], offsets[row]
        low = np.float32(scale * offset)
        high = np.float32(np.float32(scale * np.float32(255)) + low)
        first = int(min(max(np.floor(np.float32(low - start) / width), zero), most))
        last = int(min(max(np.floor(np.float32(high - start) / width), zero), most))
        divisor = one if scale == zero else scale
        total = 0.0
        for k in range(bins):
            if shares[k] == 0:
                continue
            if k >= last:
                error = float(np.float32(middles[k] - middles[last]))
                total += shares[k] * clip_weight * error * error
            elif k < first:
                error = float(np.float32(middles[k] - middles[first]))
                total += shares[k] * clip_weight * error * error
            else:
                ratio = np.float32(np.float32(middles[k] / divisor) - offset)
                code = np.trunc(np.float32(ratio + (half if ratio >= zero else -half)))
                back = np.float32(scale * np.float32(code + offset))
                error = float(np.float32(middles[k] - back))
                total += shares[k] * error * error
        out[row] = total
