import io

import numpy as np
import pytest
from PIL import Image

from analysis.report.image import picture

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("first", [True, False])
def test_an_input_becomes_the_picture_it_is_in_both_layouts(channels, first):
    levels = RNG.integers(0, 256, (9, 12, channels)).astype(np.uint8)
    sample = np.moveaxis(levels, -1, 0) if first else levels
    found = picture(sample[None])
    assert np.array_equal(found.levels.reshape(levels.shape), levels)
    assert "as they are" in found.scaling
    decoded = np.asarray(Image.open(io.BytesIO(found.png())))
    assert np.array_equal(decoded, found.levels)


def test_real_values_are_stretched_and_the_ends_are_named():
    sample = RNG.normal(0, 2, (1, 1, 8, 8)).astype(np.float32)
    found = picture(sample)
    assert (found.levels.min(), found.levels.max()) == (0, 255)
    order = np.argsort(sample.ravel())
    assert (np.diff(found.levels.ravel()[order].astype(int)) >= 0).all()
    assert f"{sample.min():.4g} (black)" in found.scaling
    assert f"{sample.max():.4g} (white)" in found.scaling


def test_a_constant_image_is_black_and_not_an_error():
    assert not picture(np.full((1, 3, 8, 8), 0.5, np.float32)).levels.any()


@pytest.mark.parametrize(
    "shape", [(1, 128), (1, 4, 8, 8), (1, 3, 7, 8), (1, 3, 8, 8, 8), (1, 0, 8, 8)]
)
def test_what_is_no_image_has_no_picture(shape):
    assert picture(np.zeros(shape, np.float32)) is None
    assert picture(np.zeros((1, 3, 8, 8), bool)) is None
