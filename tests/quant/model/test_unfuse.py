"""Operators that ONNX Runtime joins, taken apart: float as the file, weights in int8."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import quant
from quant.opening.loading import load
from quant.runtime.session import InferenceSession
from tests.models import from_text

RNG = np.random.default_rng(31)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def weight(*shape):
    fan_in = shape[0] if len(shape) == 2 else np.prod(shape[1:])
    return (RNG.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)


def joined(graph, opset=17, **arrays):
    header = f'<ir_version: 8, opset_import: ["" : {opset}, "com.microsoft" : 1]>'
    return from_text(f"{header} {graph}", **arrays).SerializeToString()


def holds(content, feeds, gone, in_int8):
    """The prepared model equals the file, and so many nodes with weights get integers."""
    model = load(content)
    assert gone not in {node.op_type for node in model.nodes}
    assert any("taken apart" in note for note in model.notes)
    expected = InferenceSession(content, level="disabled").run(feeds)
    found = InferenceSession(model.to_bytes(), level="disabled").run(feeds)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-5)
    made = quant.quantize(
        model,
        quant.calibrate(model, quant.open_data(feeds, model)),
        quant.preset("everything"),
    )
    made.verify()
    assert sum(item.codes.ndim > 1 for item in made.constants) == in_int8


@pytest.mark.parametrize(
    "activation",
    [
        'activation = "Relu"',
        'activation = "Tanh"',
        'activation = "Sigmoid"',
        'activation = "LeakyRelu", activation_params = [0.2]',
        'activation = "HardSigmoid", activation_params = [0.3, 0.4]',
        'activation = "Clip", activation_params = [-0.5, 0.75]',
    ],
)
def test_fused_conv_becomes_a_conv_and_its_activation(activation):
    content = joined(
        "net (float[N, 3, 6, 6] x) => (float[N, 4, 6, 6] y) "
        f"{{ y = com.microsoft.FusedConv <pads = [1, 1, 1, 1], {activation}> (x, w, b) }}",
        w=weight(4, 3, 3, 3), b=weight(1, 4)[0],
    )  # fmt: skip
    holds(content, {"x": normal(8, 3, 6, 6)}, "FusedConv", 1)


@pytest.mark.parametrize("bias", ["b", ""])
def test_fused_conv_with_a_sum(bias):
    content = joined(
        "net (float[N, 4, 6, 6] x) => (float[N, 4, 6, 6] y) { z = Sigmoid (x) "
        'y = com.microsoft.FusedConv <pads = [1, 1, 1, 1], activation = "Relu"> '
        f"(x, w, {bias}, z) }}",
        w=weight(4, 4, 3, 3), b=weight(1, 4)[0],
    )  # fmt: skip
    holds(content, {"x": normal(8, 4, 6, 6)}, "FusedConv", 1)


@pytest.mark.parametrize(
    "attributes",
    [
        'activation = "Relu"',
        'activation = "LeakyRelu", activation_alpha = 0.1, alpha = 0.5, transB = 1',
        'activation = "Sigmoid", beta = 0.5',
    ],
)
def test_fused_gemm_becomes_a_gemm_and_its_activation(attributes):
    content = joined(
        "net (float[N, 8] x) => (float[N, 8] y) "
        f"{{ y = com.microsoft.FusedGemm <{attributes}> (x, w, b) }}",
        w=weight(8, 8), b=weight(1, 8)[0],
    )  # fmt: skip
    holds(content, {"x": normal(8, 8)}, "FusedGemm", 1)


@pytest.mark.parametrize("op_type", ["FusedMatMul", "TransposeMatMul"])
@pytest.mark.parametrize("rank", [2, 3, 4])
@pytest.mark.parametrize("alpha", [1.0, 0.125])
def test_fused_matmul_of_two_activations(op_type, rank, alpha):
    inner = {2: (), 3: (5,), 4: (2, 5)}[rank]
    shape = ", ".join(map(str, ("N", *inner, 6)))
    content = joined(
        f"net (float[{shape}] x) => (float[{', '.join(map(str, ('N', *inner[:-1], 'a', 'b')))}] y) "
        "{ q = MatMul (x, w) k = MatMul (x, v) "
        f"y = com.microsoft.{op_type} <transB = 1, alpha = {alpha:.3f}> (q, k) }}",
        w=weight(6, 6), v=weight(6, 6),
    )  # fmt: skip
    model = load(content)
    assert op_type not in {node.op_type for node in model.nodes}
    feeds = {"x": normal(8, *inner, 6)}
    expected = InferenceSession(content, level="disabled").run(feeds)["y"]
    found = InferenceSession(model.to_bytes(), level="disabled").run(feeds)["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("attributes", ["transB = 1", "transA = 1, alpha = 0.5", "alpha = 2.0"])
def test_fused_matmul_with_a_weight(attributes):
    content = joined(
        "net (float[N, 8, 8] x) => (float[N, 8, 8] y) "
        f"{{ y = com.microsoft.FusedMatMul <{attributes}> (x, w) }}",
        w=weight(8, 8),
    )  # fmt: skip
    holds(content, {"x": normal(8, 8, 8)}, "FusedMatMul", 1)


def test_turned_batches_stay_joined_and_are_named():
    content = joined(
        "net (float[5, 2, 8] x) => (float[2, 5, 8] z) "
        "{ y = com.microsoft.FusedMatMul <transBatchA = 1> (x, v) z = MatMul (y, w) }",
        v=normal(2, 8, 8), w=weight(8, 8),
    )  # fmt: skip
    node = next(n for n in load(content).nodes if n.op_type == "FusedMatMul")
    assert "com.microsoft.FusedMatMul" in node.reason


def test_bias_gelu_becomes_standard_operators():
    content = joined(
        "net (float[N, 8] x) => (float[N, 8] y) "
        "{ h = MatMul (x, w) g = com.microsoft.BiasGelu (h, b) y = MatMul (g, v) }",
        w=weight(8, 16), b=weight(1, 16)[0], v=weight(16, 8),
    )  # fmt: skip
    holds(content, {"x": normal(8, 8)}, "BiasGelu", 2)


def test_what_the_runtime_itself_joined_is_opened(tmp_path):
    """A real optimized file: Conv, sum and Relu, joined by ONNX Runtime here and now."""
    plain = from_text(
        '<ir_version: 8, opset_import: ["" : 17]> '
        "net (float[N, 4, 6, 6] x) => (float[N, 4, 6, 6] y) "
        "{ c = Conv <pads = [1, 1, 1, 1]> (x, w, b) r = Relu (c) "
        "d = Conv <pads = [1, 1, 1, 1]> (r, v) s = Add (d, r) y = Relu (s) }",
        w=weight(4, 4, 3, 3), b=weight(1, 4)[0], v=weight(4, 4, 3, 3),
    )  # fmt: skip
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    ort.InferenceSession(plain.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = {node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node}
    assert "FusedConv" in found
    content = (tmp_path / "optimized.onnx").read_bytes()
    holds(content, {"x": normal(8, 4, 6, 6)}, "FusedConv", 2)
