"""A node that stays float computes in float, also where ONNX Runtime would rather not."""

import numpy as np
import onnx
import pytest

import quant
from quant.ablation import activations_only
from quant.recipe.recipe import Rule
from quant.runtime.session import LEVELS, InferenceSession
from sample_models import find
from tests import nets

SPREAD = np.array([100, 1, 0.1, 0.01, 0.01, 0.01], np.float32)[:, None, None, None]


@pytest.fixture(scope="module", params=["Conv", "ConvTranspose", "Gemm", "MatMul"])
def case(request):
    """Two nodes; the weight channels of the second are of very different size and evened out."""
    op_type = request.param
    first, second = nets.weight(6, 6, seed=1), nets.weight(6, 6, seed=2)
    if op_type in {"Conv", "ConvTranspose"}:
        text = f"""(float[N, 6, H, W] x) => (float[N, 6, H, W] y)
            {{ h = Relu (x) r = {op_type} <group = 6> (h, w2) y = Mul (r, even) }}"""
        weights = {"w2": SPREAD * np.ones((6, 1, 1, 1), np.float32) * second[:, :1, None, None]}
        weights["even"] = 1 / SPREAD[None, :, 0]
        x = np.random.default_rng(0).standard_normal((8, 6, 5, 5)).astype(np.float32)
    else:
        text = f"""(float[N, 6] x) => (float[N, 6] y)
            {{ h = MatMul (x, w1) r = {op_type} (h, w2) y = Mul (r, even) }}"""
        weights = {"w1": first, "w2": second * SPREAD.reshape(1, -1)}
        weights["even"] = 1 / SPREAD.reshape(1, -1)
        x = np.random.default_rng(0).standard_normal((64, 6)).astype(np.float32)
    model = quant.load(nets.network(text, **weights))
    data = quant.open_data({"x": x}, model)
    calibration = quant.calibrate(model, data)
    recipe = quant.preset("everything")
    for node in model.nodes:
        if node.outputs[0] in {"r", "y"}:
            recipe = recipe.with_rule(Rule("node", node.name, {"skip": True}))
    return quant.quantize(model, calibration, recipe), x


def test_every_level_computes_the_float_node_as_it_is_defined(case):
    quantized, x = case
    found = {
        level: InferenceSession(quantized.to_bytes(), level=level).run({"x": x})["y"]
        for level in LEVELS
    }
    expected = found["disabled"]
    for outputs in found.values():
        assert np.abs(outputs - expected).max() <= 1e-5 * np.abs(expected).max()


def test_the_shield_stands_only_before_float_weights(case):
    quantized, _ = case
    nodes = onnx.load_model_from_string(quantized.to_bytes()).graph.node
    shields = [node for node in nodes if node.op_type == "Max"]
    assert [node.input for node in shields] == [["h"]]
    consumers = [node for node in nodes if shields[0].output[0] in node.input]
    multiplying = [n for n in quantized.float_model.nodes if n.weight and n.inputs[0] == "h"]
    assert [node.name for node in consumers] == [node.name for node in multiplying]


def test_where_every_weight_is_quantized_there_is_no_shield():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(6)}, model)
    quantized = quant.quantize(model, quant.calibrate(model, data), quant.preset("everything"))
    nodes = onnx.load_model_from_string(quantized.to_bytes()).graph.node
    assert not [node for node in nodes if node.op_type == "Max"]


def test_two_float_nodes_behind_one_tensor_share_a_shield():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(6)}, model)
    whole = quant.quantize(model, quant.calibrate(model, data), quant.preset("everything"))
    nodes = onnx.load_model_from_string(
        whole.with_recipe(activations_only(whole.recipe)).to_bytes()
    ).graph.node
    shields = [node.input[0] for node in nodes if node.op_type == "Max"]
    assert sorted(shields) == sorted(set(shields))
    assert len(shields) == 3


def test_skipping_the_worst_layer_of_the_fragile_sample_is_what_plain_onnx_runtime_runs():
    sample = find("fmnist_mobilenet")
    model = quant.load(sample.model_path)
    calibration = quant.calibrate(model, quant.open_data(sample.calibration_path), samples=16)
    recipe = quant.preset("onnxruntime-default").with_rule(
        Rule("op_type", "Conv", {"per_channel": True})
    )
    recipe = recipe.with_rule(Rule("node", "/blocks/b4/depthwise/conv/Conv", {"skip": True}))
    checks = quant.quantize(model, calibration, recipe).verify()
    assert all(check.sqnr_db > 30 for check in checks)
