"""Bias correction against closed forms: the mean of what a node computes comes back."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from quant.data.opening import open_data
from quant.errors import RecipeError
from quant.opening.loading import load
from quant.pipeline import quantize
from quant.recipe.recipe import Recipe
from quant.recipe.settings import Settings
from quant.statistics.collect import calibrate
from tests.models import from_text
from tests.nets import weight

WEIGHTS_ONLY = Settings(quantize_activation=False)
CORRECTED = Recipe(defaults=WEIGHTS_ONLY, repairs=("bias_correction",))
RNG = np.random.default_rng(3)


def calibrated(body: str, inputs: str, outputs: str, x: np.ndarray, **weights):
    text = f'<ir_version: 8, opset_import: ["" : 17]> net ({inputs}) => ({outputs}) {{ {body} }}'
    model = load(from_text(text, **weights).SerializeToString())
    return model, calibrate(model, open_data({"x": x}, model))


def run(content: bytes, x: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0].astype(np.float64)


def check_means(model, calibration, recipe, x):
    """The mean error of every output channel falls to what the codes of a bias can hold."""
    wanted = run(model.to_bytes(), x)
    axes = (0, 2, 3) if wanted.ndim == 4 else tuple(range(wanted.ndim - 1))
    plain = quantize(model, calibration, replace(recipe, repairs=()))
    found = quantize(model, calibration, recipe)
    before, after = (
        np.abs((run(q.to_bytes(), x) - wanted).mean(axis=axes)) for q in (plain, found)
    )
    biases = [c.params.scale for c in found.constants if c.index == 2]
    assert before.max() > 1e-3
    assert (after <= (biases[0] / 2 if biases else 0.0) + 2e-6).all()
    assert after.max() < before.max() / 20


def shifted(*shape: int) -> np.ndarray:
    """Data whose channels (axis 1) have means far from zero."""
    offset = np.arange(1, shape[1] + 1).reshape(1, -1, *[1] * (len(shape) - 2))
    return (RNG.standard_normal(shape) + offset).astype(np.float32)


CONVS = {
    "without padding": ("Conv <kernel_shape = [1, 1]> (x, w, b)", (6, 4, 1, 1), 6),
    "in groups": ("Conv <group = 2, kernel_shape = [1, 1]> (x, w, b)", (6, 2, 1, 1), 6),
    "transposed": ("ConvTranspose <kernel_shape = [1, 1]> (x, w, b)", (4, 6, 1, 1), 6),
    "transposed in groups": (
        "ConvTranspose <group = 2, kernel_shape = [1, 1]> (x, w, b)",
        (4, 3, 1, 1),
        6,
    ),
}


@pytest.mark.parametrize("case", CONVS)
@pytest.mark.parametrize("quantize_bias", [True, False])
def test_the_mean_error_of_a_conv_becomes_zero_where_the_means_are_exact(case, quantize_bias):
    node, shape, outputs = CONVS[case]
    x = shifted(8, 4, 5, 5)
    model, calibration = calibrated(
        f"y = {node}",
        "float[N, 4, 5, 5] x",
        "float[N, C, 5, 5] y",
        x,
        w=weight(*shape),
        b=weight(outputs),
    )
    recipe = replace(CORRECTED, defaults=replace(WEIGHTS_ONLY, quantize_bias=quantize_bias))
    check_means(model, calibration, recipe, x)


def test_a_conv_without_a_bias_is_given_one():
    x = shifted(8, 4, 5, 5)
    model, calibration = calibrated(
        "y = Conv (x, w)",
        "float[N, 4, 5, 5] x",
        "float[N, 6, 5, 5] y",
        x,
        w=weight(6, 4, 1, 1),
    )
    check_means(model, calibration, CORRECTED, x)
    found = quantize(model, calibration, CORRECTED)
    assert [c.index for c in found.constants] == [1, 2]


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ("y = Gemm (x, w, b)", (4, 6)),
        ("y = Gemm <transB = 1> (x, w, b)", (6, 4)),
        ("y = Gemm <alpha = 0.5> (x, w, b)", (4, 6)),
        ("m = MatMul (x, w) y = Add (m, b)", (4, 6)),
        ("y = MatMul (x, w)", (4, 6)),
    ],
)
def test_the_mean_error_of_a_matrix_product_becomes_zero(body, shape):
    x = shifted(16, 4)
    constants = {"w": weight(*shape)} | ({"b": weight(6)} if "b)" in body else {})
    model, calibration = calibrated(body, "float[N, 4] x", "float[N, 6] y", x, **constants)
    settings = replace(WEIGHTS_ONLY, placement="integer_kernels")  # or the Add has 8-bit constants
    check_means(model, calibration, replace(CORRECTED, defaults=settings), x)


@pytest.mark.parametrize("pads", ["pads = [1, 1, 1, 1]", 'auto_pad = "SAME_UPPER"'])
@pytest.mark.parametrize("strides", [1, 2])
def test_a_padded_conv_is_corrected_for_the_zeros_at_its_borders(pads, strides):
    x = np.ascontiguousarray(np.broadcast_to(shifted(8, 4, 1, 1), (8, 4, 6, 6)))
    model, calibration = calibrated(
        f"y = Conv <kernel_shape = [3, 3], strides = [{strides}, {strides}], {pads}> (x, w, b)",
        "float[N, 4, 6, 6] x",
        f"float[N, 6, {6 // strides}, {6 // strides}] y",
        x,
        w=weight(6, 4, 3, 3),
        b=weight(6),
    )
    check_means(model, calibration, CORRECTED, x)


def test_a_depthwise_conv_is_corrected_channel_by_channel():
    x = np.ascontiguousarray(np.broadcast_to(shifted(8, 4, 1, 1), (8, 4, 6, 6)))
    model, calibration = calibrated(
        "y = Conv <group = 4, kernel_shape = [3, 3]> (x, w)",
        "float[N, 4, 6, 6] x",
        "float[N, 4, 4, 4] y",
        x,
        w=weight(4, 1, 3, 3),
    )
    check_means(model, calibration, CORRECTED, x)


def test_the_rounding_of_inputs_is_not_corrected():
    x = shifted(8, 4)
    model, calibration = calibrated(
        "y = Gemm (x, w, b)", "float[N, 4] x", "float[N, 6] y", x, w=weight(4, 6), b=weight(6)
    )
    found = [
        quantize(model, calibration, Recipe(defaults=settings, repairs=("bias_correction",)))
        for settings in (Settings(), WEIGHTS_ONLY)
    ]
    codes = [next(c.codes for c in q.constants if c.index == 2) for q in found]
    assert np.array_equal(*codes)


def test_means_that_are_not_known_are_told_and_the_bias_stays():
    x = shifted(8, 4)
    model, calibration = calibrated(
        "y = Gemm (x, w, b)", "float[N, 4] x", "float[N, 6] y", x, w=weight(4, 6), b=weight(6)
    )
    without = replace(calibration, channel_sums={})
    found = quantize(model, without, CORRECTED)
    plain = quantize(model, without, replace(CORRECTED, repairs=()))
    assert found.to_bytes() == plain.to_bytes()
    assert "the channel means of the input are not known" in found.notes[0]


def test_a_recipe_with_repairs_reads_back_and_gives_the_same_bytes(tmp_path):
    x = shifted(8, 4, 5, 5)
    model, calibration = calibrated(
        "y = Conv (x, w)", "float[N, 4, 5, 5] x", "float[N, 6, 5, 5] y", x, w=weight(6, 4, 1, 1)
    )
    found = quantize(model, calibration, CORRECTED)
    found.save(tmp_path / "int8.onnx")
    again = Recipe.loads((tmp_path / "int8.recipe.json").read_text())
    assert again == CORRECTED
    calibration.save(tmp_path / "c.npz")
    stored = type(calibration).load(tmp_path / "c.npz")
    assert quantize(model, stored, again).to_bytes() == found.to_bytes()
    assert (tmp_path / "int8.onnx").read_bytes() == found.to_bytes()


def test_an_unknown_repair_is_refused():
    x = shifted(8, 4)
    model, calibration = calibrated(
        "y = Gemm (x, w)", "float[N, 4] x", "float[N, 6] y", x, w=weight(4, 6)
    )
    with pytest.raises(RecipeError, match="did you mean 'bias_correction'"):
        quantize(model, calibration, Recipe(repairs=("bias_corection",)))
