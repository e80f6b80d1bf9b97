"""Resizing against what OpenCV gave, against Pillow, and against a plain mean."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quant.data.images.resizing import Interpolation, resized
from tests.quant.data.images.record_resizes import SIZES, picture

OPENCV = Path(__file__).parents[3] / "data" / "opencv_resizes.npz"
KINDS: tuple[Interpolation, ...] = ("nearest", "linear", "cubic", "area")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_without_antialias_it_is_opencv_within_one_level(
    kind: Interpolation, size: tuple[int, int]
):
    with np.load(OPENCV) as recorded:
        wanted = recorded[f"{kind}-{size[0]}x{size[1]}"]
    found = resized(Image.fromarray(picture()), size, kind, antialias=False)
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= (0 if kind == "nearest" else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_with_antialias_it_is_pillow(kind: Interpolation):
    image = Image.fromarray(picture())
    filters = {"nearest": 0, "linear": 2, "cubic": 3, "area": 4}
    wanted = np.asarray(image.resize((32, 24), Image.Resampling(filters[kind])))
    assert np.array_equal(resized(image, (24, 32), kind, antialias=True), wanted)


def test_half_the_size_by_area_is_the_mean_of_four_pixels():
    levels = picture()[:60, :46]
    found = resized(Image.fromarray(levels), (30, 23), "area", antialias=False)
    means = levels.reshape(30, 2, 23, 2, 3).astype(float).mean((1, 3))
    assert np.array_equal(found, np.floor(means + 0.5))


@pytest.mark.parametrize("antialias", [False, True])
def test_a_grey_picture_has_no_axis_of_channels_and_its_own_size_changes_nothing(antialias: bool):
    levels = picture()[..., 0]
    found = resized(Image.fromarray(levels), levels.shape, "cubic", antialias=antialias)
    assert np.array_equal(found, levels)
