"""An int8 file of another tool on Setup: the recipe like it, and what in it cannot be right."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from app.session.start_options import StartOptions, set_start_options
from tests.app.screen import plain, project, tables
from tests.app.views.test_views import fresh, healthy, started, texts, until
from tests.quant.foreign.made import SAMPLE, made

__all__ = ["fresh"]

SETUP = "views/setup/page.py"
FILES = (str(SAMPLE.model_path), str(SAMPLE.calibration_path))


@pytest.fixture
def int8(tmp_path: Path) -> Path:
    return made(tmp_path / "theirs.onnx", per_channel=True)


def test_a_project_that_starts_from_a_file_has_its_recipe_and_says_what_was_found(int8: Path):
    set_start_options(StartOptions(*FILES, int8=str(int8)))
    app = started()
    until(app, lambda: bool(tables(app)))
    assert project(app).recipe.name == "like theirs.onnx"
    assert project(app).recipe.defaults.per_channel
    assert not project(app).past
    app.switch_page(SETUP).run()
    healthy(app)
    assert "rounded tensors found in the float model" in texts(app)
    assert "Its weights, biases and scales are those of the float model" in texts(app)


def test_a_file_that_is_named_later_is_one_step_that_can_be_undone(int8: Path):
    set_start_options(StartOptions(*FILES))
    app = started(SETUP)
    until(app, lambda: bool(app.run().success))
    before = project(app).recipe
    box = app.text_input(key="setup int8")
    box.set_value(str(int8)).run()
    healthy(app)
    assert project(app).recipe == before
    app.button(key="calibrate").click().run()
    assert project(app).recipe.name == "like theirs.onnx"
    assert project(app).past == (before,)
    app.button(key="calibrate").click().run()
    assert project(app).past == (before,)


def test_what_cannot_be_right_is_told_and_a_file_that_is_none_is_refused(int8: Path):
    proto = onnx.load(int8)
    name = next(t.name for t in proto.graph.initializer if t.name.endswith("weight_scale"))
    tensor = next(t for t in proto.graph.initializer if t.name == name)
    wrong = np.asarray(127 * numpy_helper.to_array(tensor))
    tensor.CopyFrom(numpy_helper.from_array(wrong, name))
    onnx.save(proto, int8)
    set_start_options(StartOptions(*FILES, int8=str(int8)))
    app = started(SETUP)
    assert any("a threshold was taken for a scale" in plain(w.value) for w in app.warning)
    app.text_input(key="setup int8").set_value(FILES[0]).run()
    assert not app.exception
    assert "expected an int8 model with QuantizeLinear" in plain(app.error[0].value)


def test_a_calibration_cache_starts_a_recipe_too(tmp_path: Path):
    cache = tmp_path / "theirs.cache"
    scale = np.float32(0.05).view(np.uint32)
    cache.write_text(f"TRT-100300-EntropyCalibration2\n/act/Relu_output_0: {scale:08x}\n")
    set_start_options(StartOptions(*FILES, int8=str(cache)))
    app = started(SETUP)
    until(app, lambda: bool(app.run().success))
    healthy(app)
    assert project(app).recipe.name == "like theirs.cache"
    assert project(app).recipe.defaults.activation_symmetric
    said = texts(app)
    assert "**Parameter file**" in said
    assert "have what calibration saw" in said
