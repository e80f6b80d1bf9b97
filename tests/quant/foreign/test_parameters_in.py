"""Parameter files of other tools become recipes; what was written from a recipe comes back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import quant
from quant.errors import RecipeError
from quant.foreign.parameters import read_parameters, recipe_from
from quant.parameter_files import PARAMETER_FILES, written
from quant.pipeline import QuantizedModel
from tests.quant.foreign.made import SAMPLE, SAMPLES


@pytest.fixture(scope="module")
def model() -> quant.Model:
    return quant.load(SAMPLE.model_path)


@pytest.fixture(scope="module")
def calibration(model: quant.Model) -> quant.Calibration:
    return quant.calibrate(model, quant.open_data(SAMPLE.calibration_path, model), samples=SAMPLES)


PRESETS = {"aimet": "tensorrt", "onnxruntime-overrides": "onnxruntime-default",
           "onnxruntime-calibration": "onnxruntime-default", "paddle": "tensorrt",
           "tensorrt": "tensorrt"}  # fmt: skip
"""A recipe that each format can say."""


def back(
    kind: str, model: quant.Model, calibration: quant.Calibration, folder: Path
) -> tuple[QuantizedModel, QuantizedModel]:
    """The int8 model that was written, and that of the recipe that was read."""
    before = quant.quantize(model, calibration, quant.preset(PRESETS[kind]))
    text, _ = written(kind, before)
    file = folder / f"model{PARAMETER_FILES[kind].suffix}"
    file.write_text(text)
    found = recipe_from(read_parameters(file), model)
    assert found.recipe.name == f"like {file.name}"
    return before, quant.quantize(model, calibration, found.recipe)


@pytest.mark.parametrize("kind", PARAMETER_FILES)
def test_what_is_written_comes_back(
    kind: str, model: quant.Model, calibration: quant.Calibration, tmp_path: Path
):
    before, after = back(kind, model, calibration, tmp_path)
    assert before.params.keys() == after.params.keys()
    for name, params in before.params.items():
        found = after.params[name]
        # A range that is written in 32 bits differs in its last digit.
        assert float(found.scale) == pytest.approx(float(params.scale), rel=1e-6)
        zero = int(found.zero_point) - found.spec.qtype.qmin
        assert zero == int(params.zero_point) - params.spec.qtype.qmin


def test_it_writes_the_same_file_again(
    model: quant.Model, calibration: quant.Calibration, tmp_path: Path
):
    for kind in ("tensorrt", "onnxruntime-overrides"):
        before, after = back(kind, model, calibration, tmp_path)
        assert written(kind, before)[0] == written(kind, after)[0]


TENSOR = "/blocks/b2/act1/Relu_output_0"


@pytest.mark.parametrize(
    ("document", "ends", "qtype"),
    [
        # By the definition: min = scale * offset, max = scale * (offset + 255).
        (
            {"version": "0.6.1", "activation_encodings": {TENSOR: [
                {"bitwidth": 8, "dtype": "int", "is_symmetric": "False", "scale": 0.5,
                 "offset": -10, "min": -5.0, "max": 122.5}]}, "param_encodings": {}},
            (-5.0, 122.5), "uint8",
        ),
        (
            {"version": "1.0.0", "activation_encodings": [
                {"name": TENSOR, "dtype": "INT", "bw": 16, "enc_type": "PER_TENSOR",
                 "is_sym": False, "scale": [0.25], "offset": [0]}], "param_encodings": []},
            (0.0, 0.25 * 65535), "uint16",
        ),
        (
            {"version": "2.0.0", "encodings": [
                {"name": TENSOR, "output_dtype": "int8", "y_scale": 0.5, "y_zero_point": -128}]},
            (0.0, 127.5), "int8",
        ),
        ({TENSOR: {"scale": 12.7}}, (-12.7, 12.7), "int8"),
        ({TENSOR: [{"scale": 0.1, "zero_point": 200}]}, (-20.0, 5.5), "uint8"),
    ],
)  # fmt: skip
def test_files_of_the_tools_are_read_by_their_definition(
    document: Any, ends: tuple[float, float], qtype: str, model: quant.Model, tmp_path: Path
):
    file = tmp_path / "file.json"
    file.write_text(json.dumps(document))
    found = recipe_from(read_parameters(file), model)
    settings, _ = found.recipe.tensor_settings(TENSOR, "/blocks/b2/act1/Relu", "Relu")
    assert settings.range == pytest.approx(ends)
    assert settings.activation_type.value == qtype
    assert any("have what calibration saw" in note for note in found.notes)


def test_a_line_of_tensorrt_is_split_at_its_last_colon(model: quant.Model, tmp_path: Path):
    bits = np.float32(0.1).view(np.uint32)
    (tmp_path / "a.cache").write_text(f"TRT-8502-EntropyCalibration2\nx:0: {bits:x}\n")
    found = read_parameters(tmp_path / "a.cache")
    assert found.activations["x:0"].range == pytest.approx((-12.7, 12.7))
    with pytest.raises(RecipeError, match=r"none of its 1 tensors, such as 'x:0'"):
        recipe_from(found, model)


@pytest.mark.parametrize(
    "text",
    ["", "not json", "[]", "{}", "3", "TRT-1\nx: zz\n", '{"a": 3}', '{"a": [{"scale": "b"}]}',
     '{"activation_encodings": {"a": [{}]}}', '{"CLS": "TensorsData", "data": {"a": {}}}',
     '{"encodings": [3]}', "\0"],
)  # fmt: skip
def test_what_is_no_parameter_file_is_refused_in_a_sentence(text: str, tmp_path: Path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(RecipeError, match=r"^a\.json: expected") as caught:
        read_parameters(tmp_path / "a.json")
    assert "\n" not in str(caught.value)
