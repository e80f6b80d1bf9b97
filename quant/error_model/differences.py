"""The difference of two tensors, where equal infinities are equal."""

import numpy as np
from numpy.typing import NDArray


def differences(
    reference: NDArray[np.generic], test: NDArray[np.generic]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The reference and what a test differs from it, as they count in a ratio.

    Args:
        reference: Numbers of any shape.
        test: Numbers of the same shape.

    Returns:
        The reference and ``test - reference``, float64. Where only one of both is finite, or they
        are infinities of two signs, the difference is infinite. Infinities of the reference are 0,
        because no ratio has a place for them, and so is a difference of equal infinities or of two
        NaN.
    """
    a, b = reference.astype(np.float64), test.astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = b - a
    odd = ~np.isfinite(difference)
    if odd.any():
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        difference[odd] = np.where(same, 0.0, np.inf)[odd]
        a[~np.isfinite(a)] = 0.0
    return a, difference
