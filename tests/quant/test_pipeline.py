"""The int8 graph: what it computes, and that ONNX Runtime agrees at every level."""

from dataclasses import replace

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from quant.data.opening import open_data
from quant.errors import DataError
from quant.numerics import fake_quantize
from quant.opening.loading import load
from quant.passes.simulate_qdq import SimulateQdq
from quant.pipeline import quantize
from quant.recipe.presets import preset, preset_names
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.statistics.collect import calibrate
from quant.types import QType
from tests.models import conv_relu, from_text, images, model_of

LEVELS = {
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


def run(content: bytes, feeds, level="all"):
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def quantized(proto, recipe=None, feeds=None):
    model = load(proto.SerializeToString())
    data = open_data(feeds if feeds is not None else images())
    return quantize(model, calibrate(model, data), recipe or preset("everything"))


def simulated(made) -> bytes:
    graph = made.graph.clone()
    SimulateQdq()(graph)
    assert not {"QuantizeLinear", "DequantizeLinear"} & {n.op_type for n in graph.graph}
    return ir.to_proto(graph).SerializeToString()


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("bias", [True, False])
def test_every_level_computes_what_the_definition_says(name, bias):
    recipe = preset(name)
    recipe = replace(recipe, defaults=replace(recipe.defaults, placement="everything"))
    made = quantized(conv_relu(bias=bias), recipe)
    onnx.checker.check_model(onnx.load_from_string(made.to_bytes()), full_check=True)
    feeds = images(16, seed=9)
    (expected,) = run(simulated(made), feeds, "disabled")
    step = float(made.params["out"].scale)
    for level in LEVELS:
        (found,) = run(made.to_bytes(), feeds, level)
        # A sum that falls on a tie between two codes may round either way: never more than a step.
        assert np.abs(found - expected).max() <= step * 1.001, level
        assert np.mean(np.abs(found - expected) > step / 2) < 1e-3, level


def test_the_same_inputs_give_the_same_bytes():
    assert quantized(conv_relu()).to_bytes() == quantized(conv_relu()).to_bytes()


def test_quantizing_leaves_the_float_model_as_it_was():
    model = load(conv_relu().SerializeToString())
    before = ir.to_proto(model.graph).SerializeToString(deterministic=True)
    quantize(model, calibrate(model, open_data(images())), preset("everything"))
    assert ir.to_proto(model.graph).SerializeToString(deterministic=True) == before


def test_names_of_tensors_inputs_and_outputs_stay():
    made = quantized(conv_relu())
    proto = onnx.load_from_string(made.to_bytes())
    assert [v.name for v in proto.graph.input] == ["image"]
    assert [v.name for v in proto.graph.output] == ["out"]
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert made.tensor_map == {"image": "image_dequantized", "r": "r", "out": "out"}
    assert {"conv1", "conv2"} <= {n.name for n in proto.graph.node}


def test_a_lossless_relu_is_dropped_and_a_lossy_one_is_kept():
    asymmetric = quantized(conv_relu(), preset("everything"))
    assert asymmetric.activations["relu1"].dropped
    symmetric = quantized(conv_relu(), preset("tensorrt"))
    verdict = symmetric.activations["relu1"]
    assert (verdict.lossless, verdict.dropped) == (False, False)
    assert verdict.loss_db is not None
    assert verdict.loss_db > 3
    assert "Relu" in {n.op_type for n in symmetric.graph.graph}


def test_a_lossy_relu_is_dropped_when_told_to():
    recipe = preset("tensorrt").with_rule(Rule("node", "relu1", {"drop_activation": "always"}))
    made = quantized(conv_relu(), recipe)
    assert made.activations["relu1"].dropped
    assert "Relu" not in {n.op_type for n in made.graph.graph}


def test_a_skipped_node_computes_in_float():
    recipe = preset("everything").with_rule(Rule("op_type", "Conv", {"skip": True}))
    made = quantized(conv_relu(), recipe)
    made_proto = onnx.load_from_string(made.to_bytes())
    assert "w1" in {t.name for t in made_proto.graph.initializer}
    # conv1 is float; relu1 reads its float result through a quantization of its own.
    (expected,) = run(conv_relu().SerializeToString(), images())
    (found,) = run(made.to_bytes(), images())
    assert np.abs(found - expected).max() < 0.1


def test_everything_skipped_is_the_float_model():
    recipe = Recipe(defaults=Settings(skip=True))
    made = quantized(conv_relu(), recipe)
    (expected,) = run(conv_relu().SerializeToString(), images())
    (found,) = run(made.to_bytes(), images())
    np.testing.assert_array_equal(found, expected)


def test_a_fixed_range_is_the_range_used():
    recipe = preset("everything").with_rule(Rule("tensor", "r", {"range": (-0.5, 2.0)}))
    made = quantized(conv_relu(), recipe)
    assert made.ranges["r"] == (-0.5, 2.0)
    low, high = made.params["r"].representable
    assert low == pytest.approx(-0.5, abs=float(made.params["r"].scale))
    assert high == pytest.approx(2.0, abs=float(made.params["r"].scale))
    assert not made.activations["relu1"].lossless


@pytest.mark.parametrize(
    "settings",
    [
        Settings(activation_type=QType.INT16, activation_symmetric=True),
        Settings(activation_type=QType.UINT16),
        Settings(weight_type=QType.INT4),
        Settings(weight_type=QType.INT4, per_channel=False),
    ],
)
def test_4_and_16_bit_types_raise_the_opset_and_say_so(settings):
    made = quantized(conv_relu(), Recipe(defaults=settings))
    proto = onnx.load_from_string(made.to_bytes())
    onnx.checker.check_model(proto, full_check=True)
    assert proto.opset_import[0].version == 21
    assert "from opset 17 to 21" in made.notes[-1]
    (expected,) = run(simulated(made), images(), "disabled")
    (found,) = run(made.to_bytes(), images(), "disabled")
    np.testing.assert_allclose(found, expected, atol=float(made.params["out"].scale) * 1.001)


def test_16_bit_activations_come_closer_to_float_than_8_bit():
    def error(settings):
        made = quantized(conv_relu(), Recipe(defaults=settings))
        (expected,) = run(conv_relu().SerializeToString(), images())
        return np.abs(run(made.to_bytes(), images())[0] - expected).max()

    wide = Settings(activation_type=QType.UINT16, weight_type=QType.INT16)
    assert error(wide) < error(Settings()) / 20


def test_the_bias_is_int32_on_the_product_of_the_scales():
    made = quantized(conv_relu())
    (bias,) = [c for c in made.constants if c.name == "b"]
    (weight,) = [c for c in made.constants if c.name == "w1"]
    assert bias.codes.dtype == np.int32
    np.testing.assert_array_equal(
        bias.params.scale, made.params["image"].scale * weight.params.scale
    )


def large_bias(value: float):
    model = conv_relu()
    for tensor in model.graph.initializer:
        if tensor.name == "b":
            array = numpy_helper.to_array(tensor).copy()
            array[1] = value
            tensor.CopyFrom(numpy_helper.from_array(array, "b"))
        if tensor.name == "w1":
            array = numpy_helper.to_array(tensor).copy()
            array[1] *= 1e-9
            tensor.CopyFrom(numpy_helper.from_array(array, "w1"))
    return model


def test_a_bias_that_overflows_int32_raises_the_weight_scale_of_its_channel():
    made = quantized(large_bias(3.0), preset("everything"))
    assert "1 channels was raised" in " ".join(made.notes)
    (bias,) = [c for c in made.constants if c.name == "b"]
    assert bias.codes[1] / bias.params.scale.dtype.type(1) > 2**30
    (expected,) = run(large_bias(3.0).SerializeToString(), images())
    (found,) = run(made.to_bytes(), images())
    assert np.abs(found - expected).max() < 0.2


def test_a_bias_that_overflows_int32_per_tensor_stays_float():
    model = large_bias(3.0)
    for tensor in model.graph.initializer:
        if tensor.name == "w1":
            array = numpy_helper.to_array(tensor) * np.float32(1e-9)
            tensor.CopyFrom(numpy_helper.from_array(array, "w1"))
    made = quantized(model, preset("onnxruntime-default"))
    assert "stays float" in " ".join(made.notes)
    assert not [c for c in made.constants if c.name == "b"]


def test_a_dead_channel_keeps_its_bias():
    model = conv_relu()
    for tensor in model.graph.initializer:
        if tensor.name == "w1":
            array = numpy_helper.to_array(tensor).copy()
            array[2] = 0
            tensor.CopyFrom(numpy_helper.from_array(array, "w1"))
    made = quantized(model)
    (bias,) = [c for c in made.constants if c.name == "b"]
    original = next(t for t in model.graph.initializer if t.name == "b")
    stored = bias.codes[2] * float(bias.params.scale[2])
    assert stored == pytest.approx(numpy_helper.to_array(original)[2], rel=1e-5)


def test_a_weight_that_two_nodes_share_is_stored_once():
    body = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[batch, 4] x) => (float[batch, 4] y) {
        a = MatMul (x, w)
        y = MatMul (a, w)
    }
    """
    weight = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    feeds = {"x": np.random.default_rng(1).standard_normal((9, 4)).astype(np.float32)}
    made = quantized(from_text(body, w=weight), feeds=feeds)
    stored = onnx.load_from_string(made.to_bytes()).graph.initializer
    assert sum(t.data_type == TensorProto.INT8 and len(t.dims) == 2 for t in stored) == 1


def test_values_read_by_a_subgraph_are_the_quantized_ones():
    branch = [
        helper.make_graph(
            [helper.make_node(op, ["c"], [out])],
            out,
            [],
            [helper.make_tensor_value_info(out, TensorProto.FLOAT, [1, 4])],
        )
        for op, out in (("Neg", "t"), ("Abs", "e"))
    ]
    nodes = [
        helper.make_node("Add", ["x", "x"], ["c"], name="add"),
        helper.make_node("Cast", ["c"], ["flags"], to=TensorProto.BOOL),
        helper.make_node("ReduceSum", ["c"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["flag"]),
        helper.make_node("If", ["flag"], ["y"], then_branch=branch[0], else_branch=branch[1]),
    ]
    zero = numpy_helper.from_array(np.float32(0), "zero")
    proto = model_of(nodes, {"x": [1, 4]}, {"y": [1, 4]}, [zero])
    feeds = {"x": np.random.default_rng(1).random((1, 4)).astype(np.float32)}
    made = quantized(proto, feeds=feeds)
    (found,) = run(made.to_bytes(), feeds)
    params = made.params["c"]
    once = fake_quantize(feeds["x"], made.params["x"])
    np.testing.assert_allclose(found, -fake_quantize(once + once, params), rtol=1e-6)


def test_concat_aligned_to_the_largest_shares_one_scale():
    body = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[batch, 4] x) => (float[batch, 8] y) {
        a = Sigmoid (x)
        b = Relu (x)
        [concat] y = Concat <axis = 1> (a, b)
    }
    """
    feeds = {"x": 5 * np.random.default_rng(1).standard_normal((64, 4)).astype(np.float32)}
    recipe = preset("everything").with_rule(Rule("node", "concat", {"align": "largest"}))
    made = quantized(from_text(body), recipe, feeds)
    assert made.params["a"].scale == made.params["b"].scale == made.params["y"].scale
    assert made.ranges["a"] == made.ranges["b"]


def test_a_calibration_of_another_model_is_refused():
    model = load(conv_relu().SerializeToString())
    other = load(conv_relu(channels=5).SerializeToString())
    calibration = calibrate(other, open_data(images()))
    with pytest.raises(DataError, match="another model"):
        quantize(model, calibration, preset("everything"))


OPS = {
    "Sub": "y = Sub (x, c)",
    "Div": "y = Div (x, positive)",
    "PRelu": "y = PRelu (x, slope)",
    "LeakyRelu": "y = LeakyRelu <alpha = 0.1> (x)",
    "HardSwish": "y = HardSwish (x)",
    "HardSigmoid": "y = HardSigmoid (x)",
    "Tanh": "y = Tanh (x)",
    "Gelu": "y = Gelu (x)",
    "Softmax": "y = Softmax <axis = -1> (x)",
    "LayerNormalization": "y = LayerNormalization (x, positive)",
    "ReduceMean": "m = ReduceMean <keepdims = 1> (x)\n y = Add (m, x)",
    "Clip": "y = Clip (x, low, high)",
    "Pad": "p = Sigmoid (x)\n q = Pad (p, pads)\n y = Slice (q, starts, ends, axes)",
    "GlobalAveragePool": "r = Reshape (x, four)\n g = GlobalAveragePool (r)\n h = Add (g, r)"
    "\n y = Reshape (h, two)",
    "AveragePool": "r = Reshape (x, four)\n p = AveragePool <kernel_shape = [1, 1]> (r)"
    "\n y = Reshape (p, two)",
    "MaxPool": "t = Tanh (x)\n r = Reshape (t, four)\n p = MaxPool <kernel_shape = [1, 1]> (r)"
    "\n y = Reshape (p, two)",
    "Resize": 'r = Reshape (x, four)\n u = Resize <mode = "linear"> (r, , scales)'
    "\n y = Reshape (u, two)",
    "ConvTranspose": "r = Reshape (x, four)\n u = ConvTranspose <kernel_shape = [1, 1]> (r, k)"
    "\n y = Reshape (u, two)",
    "Gemm": "r = Reshape (x, flat)\n g = Gemm <transB = 1, beta = 0.5> (r, w, c1)"
    "\n y = Reshape (g, two)",
    "MatMul of activations": "a = Sigmoid (x)\n t = Transpose <perm = [0, 2, 1]> (a)"
    "\n b = MatMul (t, x)\n y = MatMul (x, b)",
    "Gather": "s = Sigmoid (x)\n g = Gather <axis = 2> (s, indices)\n y = Mul (g, x)",
    "Split": "s = Sigmoid (x)\n a, b = Split <axis = 2> (s, halves)\n y = Concat <axis = 2> (b, a)",
    "Gather of embeddings": "e = Gather (w, token)\n y = Mul (x, e)",
}


@pytest.mark.parametrize("name", OPS)
def test_every_operator_keeps_its_meaning(name):
    rng = np.random.default_rng(3)
    body = f"""
    <ir_version: 10, opset_import: ["" : 20]>
    net (float[1, 8, 4] x) => (float[1, 8, 4] y) {{
        {OPS[name]}
    }}
    """
    text = from_text(
        body,
        c=rng.standard_normal((1, 4)).astype(np.float32),
        c1=rng.standard_normal(4).astype(np.float32),
        positive=rng.uniform(0.5, 2, 4).astype(np.float32),
        slope=rng.uniform(0.1, 0.3, 4).astype(np.float32),
        low=np.float32(-0.5),
        high=np.float32(0.75),
        pads=np.array([0, 0, 1, 0, 0, 0], np.int64),
        starts=np.array([1], np.int64),
        ends=np.array([5], np.int64),
        axes=np.array([2], np.int64),
        flat=np.array([8, 4], np.int64),
        four=np.array([1, 1, 8, 4], np.int64),
        two=np.array([1, 8, 4], np.int64),
        scales=np.array([1, 1, 1, 1], np.float32),
        k=rng.standard_normal((1, 1, 1, 1)).astype(np.float32),
        w=rng.standard_normal((4, 4)).astype(np.float32),
        indices=np.array([3, 1, 0, 2], np.int64),
        token=np.array([2], np.int64),
        halves=np.array([2, 2], np.int64),
    )
    feeds = {"x": rng.standard_normal((1, 8, 4)).astype(np.float32)}
    made = quantized(text, preset("everything"), feeds)
    proto = onnx.load_from_string(made.to_bytes())
    onnx.checker.check_model(proto, full_check=True)
    assert any(n.op_type == "QuantizeLinear" for n in proto.graph.node)
    (reference,) = run(text.SerializeToString(), feeds)
    (expected,) = run(simulated(made), feeds, "disabled")
    signal = float(np.mean(reference**2))
    assert float(np.mean((expected - reference) ** 2)) < signal * 1e-2
    for level in LEVELS:
        (found,) = run(made.to_bytes(), feeds, level)
        assert np.abs(found - expected).max() <= 2.01 * float(made.params["y"].scale), level
