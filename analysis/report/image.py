"""Inputs as pictures, where they look like some."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from quant.data.images.preprocessing import Preprocessing


@dataclass(frozen=True, eq=False)
class Picture:
    """An input as a picture.

    Attributes:
        levels: uint8, shape (height, width) or (height, width, 3).
        scaling: How values became levels, as a sentence.
    """

    levels: NDArray[np.uint8]
    scaling: str

    def png(self) -> bytes:
        """The picture as the content of a PNG file."""
        content = io.BytesIO()
        Image.fromarray(self.levels).save(content, "PNG", optimize=True)
        return content.getvalue()


def picture(
    array: NDArray[np.generic], preprocessing: Preprocessing | None = None
) -> Picture | None:
    """A sample as a picture.

    Args:
        array: One sample, shape (1, channels, height, width) or (1, height, width, channels) with 1
            or 3 channels and at least 8 x 8 values.
        preprocessing: How it was made of a picture, where that is known.

    Returns:
        The picture as it was before it was normalised, where that is known; otherwise bytes as
        they are, other values stretched from their least to their greatest. None where it does not
        look like one.
    """
    if array.ndim != 4 or array.dtype.kind not in "fiu" or not array.size:
        return None
    if preprocessing is not None and array.shape[1:] == preprocessing.shape:
        return Picture(preprocessing.shown(array[0]), "As it was before it was normalised.")
    values = array[0]
    if values.shape[0] in {1, 3}:
        values = np.moveaxis(values, 0, -1)
    if values.shape[-1] not in {1, 3} or min(values.shape[:2]) < 8:
        return None
    if values.shape[-1] == 1:
        values = values[..., 0]
    if values.dtype == np.uint8:
        return Picture(np.ascontiguousarray(values, np.uint8), "Values as they are, 0 to 255.")
    real = values.astype(np.float64)
    low, high = float(real.min()), float(real.max())
    levels = ((real - low) * (255 / (high - low or 1))).astype(np.uint8)
    return Picture(
        np.ascontiguousarray(levels),
        f"Stretched from the sample's least value {low:.4g} (black) to its greatest {high:.4g} "
        "(white); the data does not say how it was normalised.",
    )
