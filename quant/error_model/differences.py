"""The difference of two tensors: equal infinities are equal, what is not there is 0."""

import numpy as np
from numpy.typing import NDArray


def at_places_of(
    reference: NDArray[np.generic], test: NDArray[np.generic]
) -> NDArray[np.generic] | None:
    """What a test holds at the places of the reference, and 0 where it has no such place.

    A decoder that stops earlier, or a detector that finds fewer boxes, gives an answer of another
    length: what is missing counts as an error, what comes after the reference's end does not count.
    Integers of another length are places in something as a rule, of which 0 is one.

    Args:
        reference: Any array.
        test: What it is compared with.

    Returns:
        ``test`` in the shape of ``reference``; ``test`` itself where that is its shape. None where
        they have no places in common: it holds no floats, or has not as many dimensions.
    """
    if test.shape == reference.shape:
        return test
    if test.dtype.kind != "f" or test.ndim != reference.ndim:
        return None
    found = np.zeros(reference.shape, test.dtype)
    shared = tuple(slice(min(pair)) for pair in zip(reference.shape, test.shape, strict=True))
    found[shared] = test[shared]
    return found


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
