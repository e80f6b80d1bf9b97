"""Usual ways to feed pictures, by name."""

from dataclasses import dataclass, replace
from typing import Final

from quant.data.images.preprocessing import DType, Layout, Preprocessing
from quant.errors import DataError, did_you_mean


@dataclass(frozen=True)
class Preset:
    """A usual way to feed pictures.

    Attributes:
        name: What it is asked for by.
        summary: What it does, in a few words.
        start: The preprocessing, for any size.
    """

    name: str
    summary: str
    start: Preprocessing

    def of(
        self,
        size: tuple[int, int],
        *,
        gray: bool = False,
        layout: Layout = "NCHW",
        dtype: DType = "float32",
    ) -> Preprocessing:
        """The preprocessing for what a model takes.

        Args:
            size: Height and width, in pixels.
            gray: Whether it takes one channel; numbers of three become their mean.
            layout: Where the channels are.
            dtype: Element type of the input.
        """
        shorter = round(max(size) * 256 / 224) if self.start.fit == "crop" else 0
        found = replace(self.start, size=size, shorter=shorter, layout=layout, dtype=dtype)
        if not gray:
            return found
        return replace(found, colour="GRAY", mean=_average(found.mean), std=_average(found.std))


def _average(values: tuple[float, ...]) -> tuple[float]:
    return (round(sum(values) / len(values), 4),)


_ANY: Final = (1, 1)
_MEAN: Final = (0.485, 0.456, 0.406)
_STD: Final = (0.229, 0.224, 0.225)
PRESETS: Final[dict[str, Preset]] = {
    preset.name: preset
    for preset in (
        Preset(
            "imagenet",
            "torchvision's: the shorter side 256 of 224, the centre, ImageNet's mean and deviation",
            Preprocessing(_ANY, fit="crop", mean=_MEAN, std=_STD),
        ),
        Preset(
            "imagenet-whole",
            "stretched to the size, ImageNet's mean and deviation",
            Preprocessing(_ANY, mean=_MEAN, std=_STD),
        ),
        Preset(
            "zero-to-one",
            "stretched to the size, levels divided by 255",
            Preprocessing(_ANY),
        ),
        Preset(
            "minus-one-to-one",
            "stretched to the size, levels from -1 to 1",
            Preprocessing(_ANY, scale=1 / 127.5, mean=(1.0,)),
        ),
        Preset(
            "levels",
            "stretched to the size, levels as they are, 0 to 255",
            Preprocessing(_ANY, scale=1.0),
        ),
        Preset(
            "caffe",
            "stretched to the size, BGR levels less Caffe's mean",
            Preprocessing(_ANY, "BGR", scale=1.0, mean=(104.0, 117.0, 123.0)),
        ),
        Preset(
            "yolo",
            "letterboxed on grey, levels divided by 255",
            Preprocessing(_ANY, fit="letterbox", antialias=False),
        ),
    )
}
"""Name -> a usual way to feed pictures."""


def preset_named(name: str) -> Preset:
    """The preset of a name.

    Raises:
        DataError: There is none.
    """
    if name not in PRESETS:
        raise DataError(
            f"preprocessing: there is no preset {name!r}{did_you_mean(name, PRESETS)}; choose one "
            f"of {', '.join(PRESETS)}, or give a .json file that describes it"
        )
    return PRESETS[name]
