"""Configurations of other tools: what each key becomes, and what is said of those without equal."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import quant
import sample_models
from quant.calibrators.tool_rule import Tool
from quant.errors import RecipeError
from quant.foreign.configs.base import FileRecipe
from quant.foreign.opening import open_foreign
from quant.recipe.recipe import Rule
from quant.types import QType

SAMPLE = sample_models.find("fmnist_mobilenet")


@pytest.fixture(scope="module")
def model() -> quant.Model:
    return quant.load(SAMPLE.model_path)


@pytest.fixture(scope="module")
def calibration(model: quant.Model) -> quant.Calibration:
    return quant.calibrate(model, quant.open_data(SAMPLE.calibration_path, model), samples=8)


def read(tmp_path: Path, model: quant.Model, text: str, name: str = "config.ini") -> FileRecipe:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return open_foreign(path, model)[1]


FULL = """
[common_quant_param]
quant_type = FULL_QUANT
bit_num = 8
skip_quant_node = {node}

[full_quant_param]
activation_quant_method = KL
bias_correction = true
per_channel = true

[data_preprocess_param]
calibrate_path = '{name}:/data/photos'
calibrate_size = 100
input_type = IMAGE
image_to_format = RGB
normalize_mean = [127.5, 127.5, 127.5]
normalize_std = [127.5, 127.5, 127.5]
resize_width = 40
resize_height = 32
resize_method = LINEAR
center_crop_width = 20
center_crop_height = 16
"""


def test_mindspore_full_quantization(tmp_path, model, calibration):
    node = next(n.name for n in model.nodes if n.weight)
    text = FULL.format(node=node, name=model.inputs[0].name)
    found = read(tmp_path, model, text)
    settings = found.recipe.defaults
    assert settings.activation_type is QType.INT8
    assert settings.per_channel
    assert settings.calibrator == Tool("mindspore.kl")
    assert found.recipe.repairs == ("bias_correction",)
    assert Rule("node", node, {"skip": True}) in found.recipe.rules
    assert found.feeding is not None
    assert found.feeding.samples == 100
    assert found.feeding.places == {model.inputs[0].name: Path("/data/photos")}
    quant.quantize(model, calibration, found.recipe).to_bytes()


def test_mindspore_pictures_are_stretched_normalised_and_cut(tmp_path, model):
    name = model.inputs[0].name
    feeding = read(tmp_path, model, FULL.format(node="", name=name)).feeding
    assert feeding is not None
    assert feeding.preprocessing is not None
    levels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    wanted = (levels.astype(np.float32) - 127.5) / 127.5
    found = feeding.preprocessing.sample(Image.fromarray(levels))
    assert np.allclose(found, wanted[8:24, 10:30], atol=1e-6)


def test_mindspore_weights_alone_leave_small_ones_in_float(tmp_path, model, calibration):
    text = """
        [common_quant_param]
        quant_type = WEIGHT_QUANT
        bit_num = {bits}
        min_quant_weight_size = 500
        min_quant_weight_channel = 4
        """
    for bits, stored in (("8", QType.INT8), ("4", QType.INT4), ("12", QType.INT16)):
        found = read(tmp_path, model, text.format(bits=bits))
        assert found.recipe.defaults.weight_type is stored
        assert not found.recipe.defaults.quantize_activation
        assert any("12 has no type" in note for note in found.notes) == (bits == "12")
    skipped = {rule.target for rule in found.recipe.rules}
    for node in model.nodes:
        if node.weight:
            assert (node.name in skipped) == (int(np.prod(node.weight.shape)) <= 500)
    quantized = quant.quantize(model, calibration, found.recipe)
    assert not any(item.weight_spec for n, item in quantized.plan.nodes.items() if n in skipped)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[common_quant_param]\nquant_typ = FULL_QUANT", "no setting 'quant_typ'.*quant_type"),
        ("[common_quant_param]\nbit_num = 8", "expected quant_type"),
        ("[common_quant_param]\nquant_type = HALF", "expected WEIGHT_QUANT, FULL_QUANT"),
        ("[common_quant_param]\nquant_type = FULL_QUANT\nbit_num = 4", "expected 8"),
        (
            "[common_quant_param]\nquant_type = FULL_QUANT\n"
            "[full_quant_param]\nactivation_quant_method = RemovalOutlier",
            "expected MAX_MIN, KL, REMOVAL_OUTLIER",
        ),
        (
            "[common_quant_param]\nquant_type = FULL_QUANT\n"
            "[data_preprocess_param]\ncalibrate_path = other:/x",
            "expected an input of the model",
        ),
        ("no section", "expected sections"),
    ],
)
def test_what_mindspore_refuses_is_refused_by_name(tmp_path, model, text, words):
    with pytest.raises(RecipeError, match=words) as raised:
        read(tmp_path, model, text)
    assert "\n" not in str(raised.value)


def test_devices_of_mindspore_differ(tmp_path, model):
    text = "[common_quant_param]\nquant_type = FULL_QUANT\n[full_quant_param]\ntarget_device = {}\n"
    kirin, nvgpu, dsp = (
        read(tmp_path, model, text.format(d)).recipe for d in ("KIRIN", "NVGPU", "DSP")
    )
    assert kirin.defaults.activation_type is QType.UINT8
    assert not kirin.repairs
    assert nvgpu.defaults.activation_symmetric
    assert not nvgpu.defaults.quantize_weight
    assert dsp.defaults.placement == "everything"


def test_options_of_onnxruntime(tmp_path, model, calibration):
    node = next(n.name for n in model.nodes if n.weight)
    tensor = next(n.outputs[0] for n in model.nodes if n.op_type == "Add")
    document = {
        "activation_type": "QuantType.QUInt8",
        "weight_type": "QInt8",
        "per_channel": True,
        "calibrate_method": "CalibrationMethod.Percentile",
        "op_types_to_quantize": ["Conv", "Gemm", "MatMul", "Add"],
        "nodes_to_exclude": [node],
        "extra_options": {
            "QuantizeBias": False,
            "CalibPercentile": 99.9,
            "QDQKeepRemovableActivations": True,
            "DedicatedQDQPair": True,
            "TensorQuantOverrides": {tensor: [{"scale": 0.5, "zero_point": 7}]},
        },
    }
    found = read(tmp_path, model, json.dumps(document), "args.json")
    settings = found.recipe.defaults
    assert settings.activation_type is QType.UINT8
    assert settings.calibrator == Tool("onnxruntime.percentile_99.999")
    assert settings.drop_activation == "never"
    assert not settings.quantize_bias
    assert any("99.9" in note for note in found.notes)
    assert any("DedicatedQDQPair" in note for note in found.notes)
    quantized = quant.quantize(model, calibration, found.recipe)
    assert not quantized.plan.nodes[node].quantized
    kinds = {i.node.op_type for i in quantized.plan.nodes.values() if i.quantized}
    assert kinds <= {"Conv", "Gemm", "MatMul", "Add"}
    params = quantized.params[tensor]
    assert float(params.scale) == 0.5


def test_extra_options_alone_are_understood(tmp_path, model):
    text = json.dumps({"ActivationSymmetric": True, "CalibMovingAverage": True})
    found = read(tmp_path, model, text, "extra.json")
    assert found.recipe.defaults.activation_symmetric
    assert found.recipe.defaults.calibrator == Tool("onnxruntime.minmax_moving_average")


def test_arguments_of_paddle(tmp_path, model, calibration):
    text = """
        algo = "hist"
        hist_percent = 0.999
        weight_quantize_type = "abs_max"
        bias_correction = true
        quantizable_op_type = ["conv2d", "depthwise_conv2d", "strange_op"]
        """
    found = read(tmp_path, model, text, "ptq.toml")
    assert found.recipe.defaults.calibrator == Tool("paddle.hist")
    assert not found.recipe.defaults.per_channel
    assert found.recipe.repairs == ("bias_correction",)
    assert any("strange_op" in note for note in found.notes)
    quantized = quant.quantize(model, calibration, found.recipe)
    kinds = {i.node.op_type for i in quantized.plan.nodes.values() if i.quantized}
    assert "Conv" in kinds
    assert "Gemm" not in kinds


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", '{"per_chanel": true, "activation_type": "QInt8"}', "no setting 'per_chanel'"),
        ("a.json", '{"activation_type": "QFloat"}', "expected QInt8"),
        ("a.json", '{"extra_options": {"QuantiseBias": 1}}', "QuantizeBias"),
        ("a.toml", 'algo = "best"', "expected KL, hist"),
        ("a.toml", 'algo = "KL"\nweight_bits = 4', "both 8 or both 16"),
        ("a.toml", "x = [", "cannot be read as TOML"),
        ("a.toml", "x = 3", "found neither"),
    ],
)
def test_unknown_arguments_are_named(tmp_path, model, name, text, words):
    with pytest.raises(RecipeError, match=words):
        read(tmp_path, model, text, name)
