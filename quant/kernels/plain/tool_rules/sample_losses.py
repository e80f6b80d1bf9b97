"""The losses of single samples, in NumPy.

See :mod:`quant.kernels.compiled.tool_rules.sample_losses`.
"""

import numpy as np
from numpy.typing import NDArray

from quant.kernels.plain.ordered import total


def side_losses(
    below: NDArray[np.float64],
    width: float,
    end: float,
    scales: NDArray[np.float64],
    most: int,
    out: NDArray[np.float64],
) -> None:
    """What scales make of the magnitudes on one side of zero."""
    bins = below.shape[0] - 1
    codes = np.arange(most + 1)
    border = (codes + 0.5) * scales[:, None]
    within = np.minimum(np.ceil(np.minimum(border, end) / width - 0.5), bins - 1)
    upto = np.where((codes < most) & (border <= end), within, bins).astype(np.intp)
    at = np.concatenate((np.zeros((scales.size, 1), np.intp), upto[:, :-1]), axis=1)
    n, first, second = np.moveaxis(below[upto] - below[at], -1, 0)
    back = codes * scales[:, None]
    error = np.stack((second, back * (back * n - 2 * first)), axis=-1)
    out[0] = np.maximum(total(error.reshape(scales.size, -1)), 0.0)
    out[1] = total(back * n)
    out[2] = total(back * back * n)
