"""Values that are sizes, indices, counts or conditions stay float under every preset."""

import numpy as np
import pytest

import quant
from quant.planning.sizes import deciding
from quant.recipe.presets import preset_names
from quant.runtime.session import InferenceSession
from tests.models import from_text

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def net(body, inputs, outputs, **arrays):
    arrays = {
        "w": normal(8, 8) / 3,
        "half": np.float32(0.5),
        "point": np.float32(0.1),
        **{name: np.int64([n]) for n, name in enumerate(("zero", "one", "two"))},
        "eight": np.int64([8]),
        **arrays,
    }
    used = {name: array for name, array in arrays.items() if name in body}
    header = '<ir_version: 8, opset_import: ["" : 17]>'
    return from_text(f"{header} net ({inputs}) => ({outputs}) {{ {body} }}", **used)


HALVED = """
    m = MatMul (x, w) s = Shape (m) n = Slice (s, one, two) f = Cast <to = 1> (n)
    a = Mul (f, half) b = Add (a, point) i = Cast <to = 7> (b)
"""
"""Half of the length of the second axis, through float."""

READERS = {
    "Slice": "y = Slice (m, zero, i, one)",
    "Tile": "r = Concat <axis = 0> (one, i, one) y = Tile (m, r)",
    "Expand": "u = Unsqueeze (m, one) r = Concat <axis = 0> (one, i, one, one) y = Expand (u, r)",
    "Reshape": "q = Concat <axis = 0> (zero, two, i, eight) y = Reshape (m, q)",
    "ConstantOfShape": "t = ConstantOfShape (i) v = Cast <to = 1> (t) "
    "u = Unsqueeze (v, one) o = Slice (m, zero, i, one) y = Add (o, u)",
    "Gather": "y = Gather <axis = 1> (m, i)",
    "TopK": "y, k = TopK <axis = 1> (m, i)",
    "Resize": "e = Shape (m) h = Slice (e, zero, one) r = Concat <axis = 0> (h, i, eight) "
    'y = Resize <mode = "nearest"> (m, , , r)',
    "Pad": "q = Concat <axis = 0> (zero, i, zero, zero, zero, zero) y = Pad (m, q)",
    "ReduceSum": "k = Div (i, two) l = Sub (k, one) y = ReduceSum <keepdims = 1> (m, l)",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("recipe", preset_names())
def test_a_size_through_float_arithmetic_keeps_every_shape(reader, recipe):
    proto = net(HALVED + READERS[reader], "float[N, T, 8] x", "float[A, B, C] y")
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    model = quant.load(proto.SerializeToString())
    data = quant.open_data({"x": normal(12, 6, 8)}, model)
    made = quant.quantize(model, quant.calibrate(model, data), quant.preset(recipe))
    made.verify()
    longer = {"x": normal(2, 14, 8)}
    expected = InferenceSession(proto.SerializeToString()).run(longer)["y"]
    assert InferenceSession(made.to_bytes()).run(longer)["y"].shape == expected.shape
    assert {"Mul", "Add"} <= {made.plan.nodes[name].node.op_type for name in deciding(model)}
    assert not any(made.plan.nodes[name].quantized for name in deciding(model))


def test_a_size_behind_multiply_adds_is_computed_in_float():
    proto = net(
        "m = MatMul (scales, eye) f = Add (m, half) y = Resize (x, , f)",
        "float[1, 1, 4, 4] x, float[4] scales",
        "float[1, 1, P, Q] y",
        eye=np.eye(4, dtype=np.float32),
    )
    model = quant.load(proto.SerializeToString())
    assert {n.op_type for n in model.nodes if n.name in deciding(model)} == {"MatMul", "Add"}
    scales = np.float32([0.5, 0.5, 1.5, 1.5])
    feeds = {"x": normal(3, 1, 4, 4), "scales": np.stack([scales] * 3)}
    data = quant.open_data(feeds, model)
    made = quant.quantize(model, quant.calibrate(model, data), quant.preset("everything"))
    made.verify()
    assert InferenceSession(made.to_bytes()).run(data.probe)["y"].shape == (1, 1, 8, 8)


def test_what_chooses_among_data_ends_the_way_back():
    proto = net(
        "m = MatMul (x, w) k = ArgMax <axis = 1, keepdims = 0> (m) y = Gather (table, k)",
        "float[N, 8] x",
        "float[N, 4] y",
        table=normal(8, 4),
    )
    assert deciding(quant.load(proto.SerializeToString())) == {}


def test_the_reason_names_the_reader():
    proto = net(HALVED + READERS["Slice"], "float[N, T, 8] x", "float[N, H, 8] y")
    model = quant.load(proto.SerializeToString())
    (reader,) = (n.name for n in model.nodes if n.op_type == "Slice" and n.outputs == ("y",))
    assert set(deciding(model).values()) == {f"it computes a size or index for Slice {reader}"}


def test_a_threshold_on_data_leaves_the_network_in_integers():
    proto = net(
        "m = MatMul (x, w) s = ReduceMax <axes = [1], keepdims = 0> (m) g = Greater (s, half) "
        "y = Compress <axis = 0> (m, g)",
        "float[N, 8] x",
        "float[M, 8] y",
    )
    assert deciding(quant.load(proto.SerializeToString())) == {}


def test_what_decides_a_branch_stays_float_back_to_the_network():
    body = "m = MatMul (x, w) s = ReduceMax <keepdims = 0> (m) t = Mul (s, half) " + (
        "g = Greater (t, point) y = If (g) <then_branch = a () => (float[N, 8] u) "
        "{ u = Relu (m) }, else_branch = b () => (float[N, 8] v) { v = Neg (m) }>"
    )
    model = quant.load(net(body, "float[N, 8] x", "float[N, 8] y").SerializeToString())
    assert {n.op_type for n in model.nodes if n.name in deciding(model)} == {"Mul"}
