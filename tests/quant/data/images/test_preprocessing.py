"""What a model is fed of a picture, against the arithmetic written out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from quant.data.images.preprocessing import Preprocessing, read_preprocessing
from quant.data.images.presets import PRESETS, preset_named
from quant.errors import DataError
from quant.io.codec import to_json
from tests.quant.data.images.record_resizes import picture

IMAGE = Image.fromarray(picture())


def test_levels_divided_by_255_are_the_quotients_in_float32():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = Preprocessing((16, 16), "GRAY").sample(Image.fromarray(levels))
    assert found.dtype == np.float32
    assert np.array_equal(found[0], levels.astype(np.float32) / np.float32(255))


def test_imagenet_is_the_centre_less_the_mean_over_the_deviation():
    wanted = preset_named("imagenet").of((28, 28))
    assert wanted.shorter == 32
    found = wanted.sample(IMAGE)
    whole = np.asarray(IMAGE.resize((32, 41), Image.Resampling.BILINEAR))
    cut = whole[6:34, 2:30].astype(np.float32) / np.float32(255)
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    assert np.array_equal(found, np.moveaxis((cut - mean) / std, -1, 0))


def test_a_letterbox_keeps_the_ratio_and_fills_up_with_its_padding():
    found = Preprocessing((50, 50), fit="letterbox", padding=7, scale=1.0).levels(IMAGE)
    inner = np.asarray(IMAGE.resize((39, 50), Image.Resampling.BILINEAR))
    assert np.array_equal(found[:, 5:44], inner)
    assert set(np.unique(found[:, :5])) == set(np.unique(found[:, 44:])) == {7}


def test_channels_are_swapped_dropped_and_moved():
    size = IMAGE.height, IMAGE.width
    rgb = Preprocessing(size, scale=1.0).sample(IMAGE)
    bgr = Preprocessing(size, "BGR", scale=1.0, layout="NHWC").sample(IMAGE)
    assert np.array_equal(np.moveaxis(bgr[..., ::-1], -1, 0), rgb)
    gray = Preprocessing(size, "GRAY", scale=1.0).sample(IMAGE)
    assert gray.shape == (1, *size)
    assert np.array_equal(gray[0], np.asarray(IMAGE.convert("L")))


def test_integers_are_rounded_and_kept_within_their_type():
    size = IMAGE.height, IMAGE.width
    levels = Preprocessing(size, scale=1.0, dtype="uint8").sample(IMAGE)
    assert levels.dtype == np.uint8
    assert np.array_equal(np.moveaxis(levels, 0, -1), picture())
    signed = Preprocessing(size, scale=2.0, mean=(128.0,), dtype="int8").sample(IMAGE)
    assert np.array_equal(
        np.moveaxis(signed, 0, -1), np.clip(2 * picture().astype(int) - 128, -128, 127)
    )


@pytest.mark.parametrize("name", PRESETS)
def test_a_sample_is_shown_as_the_picture_that_it_was(name: str):
    size = IMAGE.height, IMAGE.width
    for gray, mode in ((False, "RGB"), (True, "L")):
        wanted = replace(PRESETS[name].of(size, gray=gray), fit="stretch", shorter=0)
        found = wanted.shown(wanted.sample(IMAGE))
        assert np.array_equal(found, np.asarray(IMAGE.convert(mode)))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_the_shape_of_any_input_and_is_read_back(name: str, tmp_path: Path):
    for gray, layout, shape in ((False, "NCHW", (3, 20, 30)), (True, "NHWC", (20, 30, 1))):
        wanted = PRESETS[name].of((20, 30), gray=gray, layout=layout)  # pyright: ignore[reportArgumentType]
        assert wanted.sample(IMAGE).shape == wanted.shape == shape
        file = tmp_path / "p.json"
        file.write_text(json.dumps(to_json(wanted)))
        assert read_preprocessing(file) == wanted


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"size": [0, 8]}, "expected a height and a width"),
        ({"size": [8, 8], "mean": [1, 2]}, "mean: expected one number, or 3"),
        ({"size": [8, 8], "std": [0]}, "numbers other than 0"),
        ({"size": [8, 8], "padding": 300}, "0 to 255"),
        ({"size": [8, 8], "fit": "crop", "shorter": 4}, "at least 8"),
        ({"size": [8, 8], "colour": "RBG"}, "colour"),
        ({"size": [8, 8], "colr": "RGB"}, "colr"),
        ([], "expected"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused_by_its_field(
    document: Any, words: str, tmp_path: Path
):
    file = tmp_path / "p.json"
    file.write_text(json.dumps(document))
    with pytest.raises(DataError, match=words) as caught:
        read_preprocessing(file)
    assert "\n" not in str(caught.value)


def test_an_unknown_preset_is_named_with_the_nearest():
    with pytest.raises(DataError, match=r"no preset 'imagenett' \(did you mean 'imagenet'"):
        preset_named("imagenett")
