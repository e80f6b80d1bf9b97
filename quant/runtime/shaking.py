"""Inputs whose last digits changed: what that does to outputs is no difference between models."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]

NOISE: Final = 1e-6
"""Relative noise on the inputs that no user could tell from the real ones."""


def shaken(feeds: Mapping[str, Array], noise: float, rng: np.random.Generator) -> dict[str, Array]:
    """Inputs times one plus noise; what is not floating-point stays as it is.

    Args:
        feeds: Input name -> array.
        noise: Standard deviation of the noise, relative to each value.
        rng: Draws it.
    """
    found = dict(feeds)
    for name, array in feeds.items():
        if array.dtype.kind == "f":
            factor = 1 + noise * rng.standard_normal(array.shape)
            found[name] = np.asarray(np.multiply(array, factor), array.dtype)  # of a scalar, too
    return found
