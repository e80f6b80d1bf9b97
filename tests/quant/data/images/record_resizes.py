"""What OpenCV makes of one picture: ``python record_resizes.py OUT.npz`` where OpenCV is installed.

The tests compare with its results without needing it.
"""

import sys
from typing import Any

import numpy as np

SIZES = ((24, 32), (61, 90), (100, 80), (7, 130))
"""Heights and widths: smaller, larger, and both at once."""


def picture() -> Any:
    """Edges, slopes and noise, uint8 of shape (61, 47, 3)."""
    y, x = np.mgrid[0:61, 0:47]
    slopes = np.stack([4 * y, 5 * x, 2 * y + 3 * x], -1) % 256
    noise = np.random.default_rng(0).integers(0, 256, (61, 47, 3))
    squares = ((y // 9 + x // 7) % 2)[..., None]
    return np.where(squares, slopes, noise // 2 + slopes // 2).astype(np.uint8)


def main() -> None:
    """Write a result for each size and interpolation."""
    import cv2  # pyright: ignore[reportMissingImports]

    kinds = {
        "nearest": cv2.INTER_NEAREST,
        "linear": cv2.INTER_LINEAR,
        "cubic": cv2.INTER_CUBIC,
        "area": cv2.INTER_AREA,
    }
    found = {
        f"{kind}-{height}x{width}": cv2.resize(picture(), (width, height), interpolation=number)
        for kind, number in kinds.items()
        for height, width in SIZES
    }
    np.savez_compressed(sys.argv[1], version=np.array(cv2.__version__), **found)


if __name__ == "__main__":
    main()
