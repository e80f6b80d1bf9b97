"""Pictures in another size, as Pillow and OpenCV make them."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Interpolation = Literal["nearest", "linear", "cubic", "area"]
"""How a level between pixels is found."""

_PILLOW: Final = {
    "nearest": Image.Resampling.NEAREST,
    "linear": Image.Resampling.BILINEAR,
    "cubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
}
_CUBIC: Final = -0.75
"""Keys' parameter as OpenCV and PyTorch have it; Pillow's -0.5 is Pillow's own affair."""


def resized(
    image: Image.Image, size: tuple[int, int], interpolation: Interpolation, *, antialias: bool
) -> NDArray[np.uint8]:
    """A picture in another size.

    Args:
        image: Of mode ``L`` or ``RGB``.
        size: Height and width, in pixels.
        interpolation: How levels between pixels are found.
        antialias: Whether a picture that shrinks is averaged over all it covers, as Pillow and
            torchvision do it; otherwise only the nearest pixels count, as in OpenCV's ``resize``
            (``area`` averages there too).

    Returns:
        uint8, shape (height, width) or (height, width, 3).
    """
    height, width = size
    if antialias:
        return np.asarray(image.resize((width, height), _PILLOW[interpolation]), np.uint8)
    levels = np.asarray(image, np.float64)
    if levels.shape[:2] == size:
        return np.asarray(image, np.uint8)
    before = levels.shape[:2]
    # OpenCV averages only where both sides shrink.
    averages = interpolation == "area" and height <= before[0] and width <= before[1]
    down, across = (
        _averages(a, b) if averages else _weights(a, b, interpolation)
        for a, b in zip(before, size, strict=True)
    )
    found = np.einsum("ab,b...->a...", down, levels, optimize=True)
    found = np.moveaxis(np.einsum("ab,b...->a...", across, np.moveaxis(found, 1, 0)), 0, 1)
    return np.clip(np.floor(found + 0.5), 0, 255).astype(np.uint8)


def _averages(before: int, after: int) -> NDArray[np.float64]:
    """How much of each pixel of a line a new one covers, float64 of shape (after, before)."""
    step = before / after
    left = np.arange(after)[:, None] * step
    pixel = np.arange(before)[None, :]
    return np.clip(np.minimum(left + step, pixel + 1) - np.maximum(left, pixel), 0, 1) / step


def _weights(before: int, after: int, interpolation: Interpolation) -> NDArray[np.float64]:
    """How much each pixel of a line counts in each new one, float64 of shape (after, before)."""
    step = before / after
    weights = np.zeros((after, before))
    rows = np.arange(after, dtype=np.float64)
    if interpolation == "nearest":
        weights[rows.astype(int), np.minimum(np.floor(rows * step).astype(int), before - 1)] = 1
        return weights
    if interpolation == "area":
        # OpenCV enlarges by area as if each pixel were flat but for the seams between two.
        first = np.floor(rows * step)
        part = np.clip((rows + 1) - (first + 1) / step, 0, None)
        part = np.where(part <= 0, 0, part - np.floor(part))
        taps = [(first, 1 - part), (first + 1, part)]
    else:
        centre: NDArray[np.float64] = (rows + 0.5) * step - 0.5
        first = np.floor(centre)
        part = centre - first
        taps = (
            [(first, 1 - part), (first + 1, part)]
            if interpolation == "linear"
            else [(first + shift, _cubic(part - shift)) for shift in (-1, 0, 1, 2)]
        )
    for pixel, weight in taps:
        np.add.at(weights, (rows.astype(int), np.clip(pixel, 0, before - 1).astype(int)), weight)
    return weights


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' kernel: R. Keys, "Cubic Convolution Interpolation" (1981)."""
    x = np.abs(distance)
    near = ((_CUBIC + 2) * x - (_CUBIC + 3)) * x * x + 1
    far = ((_CUBIC * x - 5 * _CUBIC) * x + 8 * _CUBIC) * x - 4 * _CUBIC
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
