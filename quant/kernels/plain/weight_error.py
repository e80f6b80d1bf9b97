"""The weights' noise, in NumPy; see :mod:`quant.kernels.compiled.weight_error`."""

import numpy as np
from numpy.typing import NDArray


def add_squared_errors(
    weight: NDArray[np.float32],
    scales: NDArray[np.float32],
    limits: NDArray[np.float32],
    out: NDArray[np.float64],
) -> None:
    """Add the squared error of symmetric quantization to the total of each channel."""
    for way, limit in enumerate(limits):
        scale = scales[way][:, None]
        codes = np.clip(np.rint(weight / scale), -limit, limit)
        error = (codes * scale).astype(np.float64) - weight
        out[way] += np.einsum("icj,icj->c", error, error)
