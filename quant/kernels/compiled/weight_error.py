"""The compiled part of the weights' noise: several scales in one pass over the memory."""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.compiled.jit import compiled


@compiled(
    "void(Array(float32, 3, 'C', readonly=True), float32[:, ::1], float32[::1], float64[:, ::1])",
    fastmath={"reassoc"},  # a division stays a division: what it rounds to decides the code
)
def add_squared_errors(
    weight: NDArray[np.float32],
    scales: NDArray[np.float32],
    limits: NDArray[np.float32],
    out: NDArray[np.float64],
) -> None:
    """Add the squared error of symmetric quantization to the total of each channel.

    Each element is quantized and dequantized in float32, as ONNX does it: divide, round half to
    even, clamp, multiply. The error is squared and added up in float64.

    Args:
        weight: Shape (n, C, m), channels in the middle.
        scales: Shape (k, C): real units per step, of k ways to quantize it.
        limits: Shape (k,): the greatest code of each way; the least is its negative.
        out: Shape (k, C), what is added to.
    """
    outer, channels, inner = weight.shape
    for i in range(outer):
        for way in range(scales.shape[0]):
            limit = limits[way]
            if inner == 1:
                for c in range(channels):
                    x = weight[i, c, 0]
                    scale = scales[way, c]
                    step = np.rint(x / scale)
                    step = min(max(step, -limit), limit)
                    error = np.float64(np.float32(step * scale)) - np.float64(x)
                    out[way, c] += error * error
            else:
                for c in range(channels):
                    scale = scales[way, c]
                    total = 0.0
                    for j in range(inner):
                        x = weight[i, c, j]
                        step = np.rint(x / scale)
                        step = min(max(step, -limit), limit)
                        error = np.float64(np.float32(step * scale)) - np.float64(x)
                        total += error * error
                    out[way, c] += total
