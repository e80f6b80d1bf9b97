"""Weights inside of If, Loop and Scan: stored as int8, unpacked where it costs least."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import quant
from quant.recipe.edits import with_defaults
from quant.recipe.presets import preset_names
from quant.runtime.session import InferenceSession
from tests.models import from_text, model_of

RNG = np.random.default_rng(21)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def weight(*shape):
    return normal(*shape) / np.float32(np.sqrt(np.prod(shape[:-1])))


def branches():
    return from_text(
        '<ir_version: 8, opset_import: ["" : 17]> '
        "net (float[N, 3, 8, 8] x, bool left) => (float[N, 16, 8, 8] y) { y = If (left) "
        "<then_branch = a () => (float[N, 16, 8, 8] t) "
        "{ t = Conv <pads = [1, 1, 1, 1]> (x, w) }, "
        "else_branch = b () => (float[N, 16, 8, 8] e) "
        "{ c = Conv <pads = [1, 1, 1, 1]> (x, v) e = Relu (c) }> }",
        w=weight(16, 3, 3, 3), v=weight(16, 3, 3, 3),
    )  # fmt: skip


def loop():
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["h", "w"], ["m"]),
            helper.make_node("Tanh", ["m"], ["next"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("h", TensorProto.FLOAT, ["N", 16]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, ["N", 16]),
        ],
    )
    constants = {"w": weight(16, 16), "times": np.int64(3), "yes": np.bool_(True)}
    return model_of(
        [helper.make_node("Loop", ["times", "yes", "x"], ["y"], body=body)],
        {"x": ["N", 16]}, {"y": ["N", 16]},
        [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()],
    )  # fmt: skip


def recurrent(op_type, gates):
    graph = (
        f"t, h = {op_type} <hidden_size = 8> (x, w, r, b) y = Squeeze (h, first)"
        if op_type != "LSTM"
        else "t, h, c = LSTM <hidden_size = 8> (x, w, r, b) y = Squeeze (h, first)"
    )
    return from_text(
        '<ir_version: 8, opset_import: ["" : 17]> '
        "net (float[5, N, 12] x, bool on) => (float[N, 8] z) { z = If (on) "
        f"<then_branch = a () => (float[N, 8] y) {{ {graph} }}, "
        "else_branch = b () => (float[N, 8] o) { s = ReduceSum <keepdims = 0> (x, first) "
        "o = Slice (s, first, eight, one) }> }",
        w=weight(1, gates * 8, 12), r=weight(1, gates * 8, 8), b=normal(1, gates * 16) / 10,
        first=np.int64([0]), one=np.int64([1]), eight=np.int64([8]),
    )  # fmt: skip


CASES = {
    "If": (branches(), {"x": normal(8, 3, 8, 8), "left": np.array([True, False] * 4)}, 2),
    "Loop": (loop(), {"x": normal(8, 16)}, 1),
    "LSTM": (recurrent("LSTM", 4), {"x": normal(6, 5, 1, 12), "on": np.ones(6, bool)}, 2),
    "GRU": (recurrent("GRU", 3), {"x": normal(6, 5, 1, 12), "on": np.ones(6, bool)}, 1),
}


def all_nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from all_nodes(attribute.g)


def made_of(name, recipe):
    proto, data, _ = CASES[name]
    model = quant.load(proto.SerializeToString())
    opened = quant.open_data(data, model)
    return quant.quantize(model, quant.calibrate(model, opened), recipe), opened


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("name", CASES)
def test_weights_inside_are_int8_and_the_outputs_near(name, preset):
    quantized, data = made_of(name, quant.preset(preset))
    quantized.verify()
    proto = onnx.load_from_string(quantized.to_bytes())
    unpacked = [n for n in all_nodes(proto.graph) if n.op_type == "DequantizeLinear"]
    assert len(unpacked) == CASES[name][2]
    expected = InferenceSession(CASES[name][0].SerializeToString()).run(data.probe)
    found = InferenceSession(quantized.to_bytes()).run(data.probe)
    for output, array in expected.items():
        noise = np.square(found[output] - array).sum()
        assert noise < 1e-2 * np.square(array).sum()
    assert any("stored in 8 bits" in note for note in quantized.notes)


def test_a_weight_of_a_branch_is_unpacked_in_it_and_one_of_a_loop_before_it():
    inside, _ = made_of("If", quant.preset("recommended"))
    assert "DequantizeLinear" not in {node.op_type for node in inside.graph.graph}
    before, _ = made_of("Loop", quant.preset("recommended"))
    assert [node.op_type for node in before.graph.graph] == ["DequantizeLinear", "Loop"]


@pytest.mark.parametrize(("per_channel", "scales"), [(True, (16,)), (False, ())])
def test_one_scale_for_each_channel_or_one_for_all(per_channel, scales):
    recipe = with_defaults(quant.preset("recommended"), per_channel=per_channel)
    quantized, _ = made_of("Loop", recipe)
    scale = quantized.graph.graph.initializers["w_scale"].const_value
    assert scale is not None
    assert tuple(scale.shape.numpy()) == scales


def test_float_weights_are_left_where_that_is_asked():
    recipe = with_defaults(quant.preset("recommended"), quantize_weight=False)
    quantized, _ = made_of("If", recipe)
    proto = onnx.load_from_string(quantized.to_bytes())
    assert "DequantizeLinear" not in {node.op_type for node in all_nodes(proto.graph)}


def test_a_size_of_minus_one_is_an_open_size():
    proto = from_text(
        '<ir_version: 8, opset_import: ["" : 17]> '
        "net (float[N, 3, 8, 8] x) => (float[N, 16, 8, 8] y) "
        "{ y = Conv <pads = [1, 1, 1, 1]> (x, w) }",
        w=weight(16, 3, 3, 3),
    )
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = -1
    model = quant.load(proto.SerializeToString())
    assert model.inputs[0].shape == (None, 3, 8, 8)
    data = quant.open_data({"x": normal(8, 3, 8, 8)}, model)
    assert len(data) == 8
    quant.quantize(model, quant.calibrate(model, data), quant.preset("recommended")).verify()
