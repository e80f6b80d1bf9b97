"""The rounding error of a weight's channels, for several scales in one pass over its memory."""

import importlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])


numba: Any = importlib.import_module("numba")  # it has no types to check against

_WEIGHT = numba.types.Array(numba.float32, 3, "C", readonly=True)
_TOTALS = numba.float64[:, ::1]


def _compiled(*arguments: Any) -> Callable[[Function], Function]:
    """Compile, or read what was compiled before from ``__pycache__``.

    Sums may be added up in another order (``reassoc``), so that they are done in vectors; a
    division stays a division, because what it rounds to decides the code.
    """
    signature = numba.void(*arguments)

    def compiled(function: Function) -> Function:
        options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc"}}
        try:
            result = numba.njit(signature, cache=True, **options)(function)
        except RuntimeError:  # no folder that may be written to keep it in
            result = numba.njit(signature, **options)(function)
        return cast("Function", result)

    return compiled


@_compiled(_WEIGHT, numba.float32[:, ::1], numba.float32[::1], _TOTALS)
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
