"""How a picture becomes what a model is fed."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from quant.data.images.resizing import Interpolation, resized
from quant.errors import DataError
from quant.io.codec import from_json

Colour = Literal["RGB", "BGR", "GRAY"]
Fit = Literal["stretch", "crop", "cut", "letterbox"]
Layout = Literal["NCHW", "NHWC"]
DType = Literal["float32", "float16", "float64", "uint8", "int8", "int32"]


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes one sample: fitted to a size, then ``(level * scale - mean) / std``.

    Attributes:
        size: Height and width of what the model takes, in pixels.
        colour: Order of the channels.
        fit: ``stretch`` to the size; ``crop`` the centre of the picture, its shorter side
            ``shorter`` pixels long; ``cut`` the centre of the picture stretched to ``stretched``;
            or ``letterbox``: as large as it fits whole, ``padding`` around it.
        stretched: Height and width before the centre is cut out, for the fit ``cut``.
        shorter: Length of the shorter side before the centre is cut out, in pixels; 0 for the
            size's own.
        interpolation: How a picture is resized.
        antialias: As in :func:`quant.data.images.resizing.resized`.
        padding: Level around a picture that is letterboxed, 0 to 255.
        scale: Factor of the levels, which are 0 to 255.
        mean: What is taken off, one number for all channels or one for each, in their order.
        std: What it is divided by, likewise.
        layout: Where the channels are.
        dtype: Element type that the model takes; numbers that are integers are rounded to it.
    """

    size: tuple[int, int]
    colour: Colour = "RGB"
    fit: Fit = "stretch"
    stretched: tuple[int, int] = (0, 0)
    shorter: int = 0
    interpolation: Interpolation = "linear"
    antialias: bool = True
    padding: int = 114
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: Layout = "NCHW"
    dtype: DType = "float32"

    def __post_init__(self) -> None:
        """Refuse what no picture can become.

        Raises:
            DataError: A size, a length or a divisor that makes no sense.
        """
        if min(self.size) < 1 or max(self.size) > 1 << 14:
            raise DataError(f"size: expected a height and a width in pixels, found {self.size}")
        if not 0 <= self.padding <= 255:
            raise DataError(f"padding: expected a level of 0 to 255, found {self.padding}")
        if self.fit == "crop" and self.shorter and self.shorter < max(self.size):
            raise DataError(
                f"shorter: expected at least {max(self.size)}, the longer side of what is cut out, "
                f"found {self.shorter}"
            )
        if self.fit == "cut" and any(a < b for a, b in zip(self.stretched, self.size, strict=True)):
            raise DataError(
                f"stretched: expected a height and a width of at least {self.size}, found "
                f"{self.stretched}"
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in {1, self.channels} or not all(map(math.isfinite, values)):
                raise DataError(
                    f"{name}: expected one number, or {self.channels} for the channels of "
                    f"{self.colour}, found {list(values)}"
                )
        if not math.isfinite(self.scale) or self.scale == 0 or 0 in self.std:
            raise DataError("scale and std: expected numbers other than 0")

    @property
    def channels(self) -> int:
        """How many channels a sample has."""
        return 1 if self.colour == "GRAY" else 3

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample, without the axis that counts them."""
        channels = (self.channels,)
        return channels + self.size if self.layout == "NCHW" else self.size + channels

    def levels(self, image: Image.Image) -> NDArray[np.uint8]:
        """The picture as it is fitted, before it is normalised.

        Args:
            image: Of mode ``L`` or ``RGB``; see :func:`quant.data.images.reading.read_picture`.

        Returns:
            uint8, shape (height, width, channels), in the order of ``colour``.
        """
        image = image.convert("L" if self.colour == "GRAY" else "RGB")
        found = _FITS[self.fit](self, image)
        found = found.reshape(*self.size, self.channels)
        return found[..., ::-1] if self.colour == "BGR" else found

    def sample(self, image: Image.Image) -> NDArray[np.generic]:
        """What the model is fed of a picture.

        Returns:
            Of ``dtype`` and ``shape``.
        """
        levels = self.levels(image)
        # The product in double precision, so that 1/255 gives what a division by 255 does.
        values = (levels * np.float64(self.scale)).astype(np.float32)
        mean, std = (np.asarray(numbers, np.float32) for numbers in (self.mean, self.std))
        values = (values - mean) / std
        dtype = np.dtype(self.dtype)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
        if self.layout == "NCHW":
            values = np.moveaxis(values, -1, 0)
        return np.ascontiguousarray(values, dtype)

    def shown(self, sample: NDArray[np.generic]) -> NDArray[np.uint8]:
        """The picture that a sample holds, as it was before it was normalised.

        Args:
            sample: What :meth:`sample` gave.

        Returns:
            uint8, shape (height, width, 3) in the order RGB, or (height, width).
        """
        values = np.moveaxis(sample, 0, -1) if self.layout == "NCHW" else sample
        mean, std = (np.asarray(numbers, np.float64) for numbers in (self.mean, self.std))
        levels = (values.astype(np.float64) * std + mean) / self.scale
        found = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        if self.colour == "GRAY":
            return np.ascontiguousarray(found[..., 0])
        return np.ascontiguousarray(found[..., ::-1] if self.colour == "BGR" else found)


def _stretched(wanted: Preprocessing, image: Image.Image) -> NDArray[np.uint8]:
    return resized(image, wanted.size, wanted.interpolation, antialias=wanted.antialias)


def _cropped(wanted: Preprocessing, image: Image.Image) -> NDArray[np.uint8]:
    height, width = wanted.size
    shorter = wanted.shorter or max(wanted.size)
    least = min(image.width, image.height)
    # As torchvision has it: the longer side is rounded down, the corner to the nearest.
    whole = (
        max(shorter * image.height // least, height),
        max(shorter * image.width // least, width),
    )
    found = resized(image, whole, wanted.interpolation, antialias=wanted.antialias)
    top, left = round((whole[0] - height) / 2), round((whole[1] - width) / 2)
    return found[top : top + height, left : left + width]


def _cut(wanted: Preprocessing, image: Image.Image) -> NDArray[np.uint8]:
    found = resized(image, wanted.stretched, wanted.interpolation, antialias=wanted.antialias)
    (high, wide), (height, width) = wanted.stretched, wanted.size
    top, left = (high - height) // 2, (wide - width) // 2
    return found[top : top + height, left : left + width]


def _letterboxed(wanted: Preprocessing, image: Image.Image) -> NDArray[np.uint8]:
    height, width = wanted.size
    ratio = min(height / image.height, width / image.width)
    inner = max(1, round(image.height * ratio)), max(1, round(image.width * ratio))
    found = resized(image, inner, wanted.interpolation, antialias=wanted.antialias)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    box = np.full((height, width, *found.shape[2:]), wanted.padding, np.uint8)
    box[top : top + inner[0], left : left + inner[1]] = found
    return box


_FITS: Final[dict[Fit, Callable[[Preprocessing, Image.Image], NDArray[np.uint8]]]] = {
    "stretch": _stretched,
    "crop": _cropped,
    "cut": _cut,
    "letterbox": _letterboxed,
}


def read_preprocessing(path: Path) -> Preprocessing:
    """Read a preprocessing that a JSON file describes, by the names of its fields.

    Raises:
        DataError: The file cannot be read, or describes none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: the preprocessing cannot be read ({error})") from error
    return from_json(Preprocessing, document, path.name)
