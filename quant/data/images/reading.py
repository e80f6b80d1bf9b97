"""One picture of a file, whatever its format, mode or orientation."""

from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from quant.errors import DataError

MOST_PIXELS: Final = 80_000_000
"""Pixels of a picture, at most; what claims more may be made to fill the memory."""


def read_picture(source: Path | BinaryIO, name: str = "") -> Image.Image:
    """Read a picture as a person sees it.

    It is turned as its camera says; 16 bits a channel become 8; what is transparent shows the
    colour that it holds; of an animation the first picture is taken.

    Args:
        source: The file, or its content.
        name: What to call it in messages; the name of the file without.

    Returns:
        A picture of mode ``L`` or ``RGB``, decoded whole.

    Raises:
        DataError: If it is damaged, no picture, or larger than is safe to decode.
    """
    name = name or (source.name if isinstance(source, Path) else "the picture")
    try:
        with Image.open(source) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            return _plain(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(
            f"{name}: the picture has more than {MOST_PIXELS:,} pixels; make it smaller"
        ) from error
    except UnidentifiedImageError as error:
        raise DataError(_refusal(name, "its content is that of no picture")) from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError) as error:
        raise DataError(_refusal(name, str(error))) from error


def _refusal(name: str, reason: str) -> str:
    return (
        f"{name}: the picture cannot be read ({reason}); replace it, take it out, or have "
        "damaged pictures left out"
    )


def _plain(image: Image.Image) -> Image.Image:
    """In mode ``L`` or ``RGB``."""
    if image.mode in {"I;16", "I;16B", "I;16L", "I;16N", "I"}:
        # Pillow cuts such levels off at 255.
        levels = np.asarray(image).astype(np.int64)
        return Image.fromarray(np.clip((levels + 128) // 257, 0, 255).astype(np.uint8))
    if image.mode == "F":
        levels = np.asarray(image)
        return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    return image.convert("L" if image.mode in {"1", "L", "LA"} else "RGB")
