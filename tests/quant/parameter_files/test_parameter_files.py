"""Files of parameters, read by the tools themselves or by code written from their definition."""

import json
import struct
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

import quant
from quant.errors import ExportError
from quant.parameter_files import PARAMETER_FILES, written
from quant.pipeline import QuantizedModel
from tests.quant.foreign.made import SAMPLE, SAMPLES, Reader


@pytest.fixture(scope="module")
def quantized() -> QuantizedModel:
    model = quant.load(SAMPLE.model_path)
    data = quant.open_data(SAMPLE.calibration_path, model)
    calibration = quant.calibrate(model, data, samples=SAMPLES)
    return quant.quantize(model, calibration, quant.preset("onnxruntime-default"))


def scales_of(file: Path) -> dict[str, tuple[float, int]]:
    """Scale and zero point of each tensor that a QDQ file rounds, by its name."""
    graph = onnx.load(file).graph
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    found = {}
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            name = node.input[0].removesuffix("_QuantizeLinear_Input")
            found[name] = (float(constants[node.input[1]]), int(constants[node.input[2]]))
    return found


def test_onnxruntime_takes_the_overrides_and_gives_these_scales(
    quantized: QuantizedModel, tmp_path: Path
):
    text, notes = written("onnxruntime-overrides", quantized)
    document = json.loads(text)
    assert notes == ()
    # In its own types, as its interface wants them.
    asked = {
        name: [
            {
                "scale": np.array(item["scale"], np.float32),
                "zero_point": np.array(item["zero_point"], np.int8),
            }
        ]
        for name, (item,) in document.items()
    }
    out = tmp_path / "int8.onnx"
    quantize_static(
        SAMPLE.model_path,
        out,
        Reader(SAMPLE.calibration_path),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        extra_options={"TensorQuantOverrides": asked},
    )
    found = scales_of(out)
    assert set(document) <= set(found)
    for name, (item,) in document.items():
        assert found[name] == (item["scale"], item["zero_point"])


def test_onnxruntime_takes_the_calibration_cache_and_gives_these_scales(
    quantized: QuantizedModel, tmp_path: Path
):
    cache, out = tmp_path / "cache.json", tmp_path / "int8.onnx"
    cache.write_text(written("onnxruntime-calibration", quantized)[0])
    quantize_static(
        SAMPLE.model_path,
        out,
        None,  # pyright: ignore[reportArgumentType]
        quant_format=QuantFormat.QDQ,
        calibration_cache_path=str(cache),
    )
    found = scales_of(out)
    for name, params in quantized.params.items():
        scale, zero = found[name]
        assert scale == pytest.approx(float(params.scale), rel=1e-6)
        assert zero == int(params.zero_point)


def test_a_line_of_the_tensorrt_cache_is_the_scale_as_a_float(quantized: QuantizedModel):
    text, notes = written("tensorrt", quantized)
    head, *lines = text.splitlines()
    assert head.startswith("TRT-")
    assert head.endswith("EntropyCalibration2")
    assert len(lines) == len(quantized.params)
    for line in lines:
        name, _, bits = line.rpartition(": ")
        scale = struct.unpack("!f", int(bits, 16).to_bytes(4, "big"))[0]
        low, high = quantized.ranges[name]
        assert 127 * scale == pytest.approx(max(-low, high), rel=0.01)
    assert any("become symmetric" in note for note in notes)


def test_aimet_encodings_stand_for_the_same_numbers(quantized: QuantizedModel):
    document = json.loads(written("aimet", quantized)[0])
    assert document["version"] == "1.0.0"
    for item in document["activation_encodings"]:
        params = quantized.params[item["name"]]
        (scale,), (offset,) = item["scale"], item["offset"]
        # q = clamp(round(x / scale - offset), 0, 2^bw - 1), back: (q + offset) * scale
        for x in (0.0, *quantized.ranges[item["name"]]):
            code = np.clip(np.rint(x / scale - offset), 0, 255)
            own = np.clip(np.rint(x / params.scale) + params.zero_point, -128, 127)
            assert (code + offset) * scale == pytest.approx(
                float((own - params.zero_point) * params.scale), abs=1.01 * scale
            )
    weights = {item["name"]: item for item in document["param_encodings"]}
    assert len(weights) > 8
    for item in weights.values():
        assert item["enc_type"] == "PER_TENSOR"
        assert item["offset"] == [-128]


def test_weights_per_channel_have_a_scale_each(quantized: QuantizedModel):
    recipe = quant.preset("tensorrt")
    document = json.loads(written("aimet", quantized.with_recipe(recipe))[0])
    model = quantized.float_model
    for item in document["param_encodings"]:
        node = next(n for n in model.nodes if n.weight and n.weight.name == item["name"])
        assert node.weight is not None
        axis = node.weight.channel_axis
        assert len(item["scale"]) == model.constant(item["name"]).shape[axis or 0]


def test_paddle_calls_the_greatest_magnitude_scale(quantized: QuantizedModel):
    document = json.loads(written("paddle", quantized)[0])
    assert document.keys() == quantized.params.keys()
    for name, item in document.items():
        assert item["scale"] == pytest.approx(max(map(abs, quantized.ranges[name])), rel=0.01)


@pytest.mark.parametrize("name", PARAMETER_FILES)
def test_what_a_file_does_not_say_is_told(quantized: QuantizedModel, name: str):
    _, notes = written(name, quantized.with_recipe(quant.preset("recommended")))
    assert notes[0].startswith("The file has no repairs")
    assert any("in float here" in note for note in notes)


def test_an_unknown_format_is_named_with_the_nearest(quantized: QuantizedModel):
    with pytest.raises(ExportError, match="did you mean 'tensorrt'"):
        written("tensorr", quantized)
