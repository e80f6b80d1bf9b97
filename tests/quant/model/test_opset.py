"""Models of old opsets compute after loading what ONNX Runtime computes from the file."""

import numpy as np
import onnx
import pytest

from quant.errors import ModelError
from quant.model.opset import raise_opset
from quant.model.serialize import to_bytes, to_graph
from quant.opening.loading import load
from quant.runtime.session import InferenceSession
from tests.models import from_text

SHAPES = {2: "A, B", 3: "A, B, C", 4: "A, B, C, D"}
SIZES = {2: (3, 10), 3: (3, 4, 10), 4: (2, 3, 8, 10)}


def model_of(body, opset, rank, **arrays):
    ir_version = 3 + (opset >= 9) + (opset >= 10) + (opset >= 11) + (opset >= 12)
    shape = SHAPES[rank]
    return from_text(
        f'<ir_version: {max(ir_version, 4)}, opset_import: ["" : {opset}]>'
        f"net (float[{shape}] x) => (float y) {{ {body} }}",
        **arrays,
    )


def feeds_of(rank):
    rng = np.random.default_rng(rank)
    return {"x": rng.standard_normal(SIZES[rank]).astype(np.float32)}


def assert_loading_changes_nothing(proto, feeds):
    del proto.graph.output[0].type.tensor_type.shape.dim[:]
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    content = proto.SerializeToString()
    expected = InferenceSession(content, level="disabled").run(feeds)
    found = InferenceSession(load(content).to_bytes(), level="disabled").run(feeds)
    raised = to_graph(onnx.load_from_string(content))
    raise_opset(raised, 21, "net")
    latest = InferenceSession(to_bytes(raised), level="disabled").run(feeds)
    for name, value in expected.items():
        assert found[name].shape == latest[name].shape == value.shape
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(latest[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("opset", [7, 9, 11, 12])
@pytest.mark.parametrize(("rank", "axis"), [(2, 1), (2, 0), (3, 1), (3, 2), (4, 1), (4, 2), (4, 3)])
def test_what_runs_over_the_rest_of_the_axes_still_does(op, opset, rank, axis):
    proto = model_of(f"s = {op} <axis = {axis}> (x) y = Add (s, x)", opset, rank)
    assert_loading_changes_nothing(proto, feeds_of(rank))


def test_the_axis_left_out_is_the_second():
    assert_loading_changes_nothing(model_of("s = Softmax (x) y = Add (s, x)", 11, 4), feeds_of(4))


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("factors", [(2, 2), (1.5, 2.5), (3, 1), (0.5, 0.5), (0.4, 0.7)])
def test_resize_before_opset_11_counts_from_the_corner(mode, factors):
    scales = np.float32([1, 1, *factors])
    proto = model_of(f'r = Resize <mode = "{mode}"> (x, scales) y = Relu (r)', 10, 4, scales=scales)
    assert_loading_changes_nothing(proto, feeds_of(4))


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("factors", [(2.0, 2.0), (1.5, 2.5), (3.0, 1.0)])
@pytest.mark.parametrize("opset", [7, 9])
def test_upsample_becomes_a_resize_from_the_corner(mode, factors, opset):
    scales = [1.0, 1.0, *factors]
    body = f'r = Upsample <mode = "{mode}", scales = {scales}> (x) y = Relu (r)'
    arrays = {}
    if opset == 9:
        body = f'r = Upsample <mode = "{mode}"> (x, scales) y = Relu (r)'
        arrays = {"scales": np.float32(scales)}
    assert_loading_changes_nothing(model_of(body, opset, 4, **arrays), feeds_of(4))


def test_resize_that_grows_and_shrinks_to_the_nearest_is_refused_by_name():
    scales = np.float32([1, 1, 2, 0.5])
    proto = model_of('r = Resize <mode = "nearest"> (x, scales) y = Relu (r)', 10, 4, scales=scales)
    with pytest.raises(ModelError, match=r"Resize .* grows along one axis and shrinks"):
        load(proto.SerializeToString())


@pytest.mark.parametrize(
    ("opset", "rank", "body"),
    [
        (7, 4, "c = Clip <min = -0.5, max = 0.25> (x) y = Mul (c, x)"),
        (10, 4, "c = Clip <max = 0.25> (x) y = Mul (c, x)"),
        (7, 4, 'p = Pad <pads = [0,0,1,2,0,0,2,1], value = 1.5> (x) y = Relu (p)'),
        (10, 4, 'p = Pad <mode = "reflect", pads = [0,0,1,2,0,0,2,1]> (x) y = Relu (p)'),
        (7, 4, "s = Slice <starts = [1, -6], ends = [3, -1], axes = [1, 3]> (x) y = Relu (s)"),
        (9, 3, "s = Slice <starts = [0, 1], ends = [2, 9]> (x) y = Relu (s)"),
        (11, 3, "u = Unsqueeze <axes = [0, 4]> (x) s = Squeeze <axes = [0]> (u) y = Relu (s)"),
        (7, 3, "r = ReduceSum <axes = [1], keepdims = 0> (x) y = Relu (r)"),
        (12, 3, "r = ReduceMean <axes = [1, 2]> (x) y = Add (r, x)"),
        (12, 3, "r = ReduceMax <axes = [-1]> (x) y = Add (r, x)"),
        (12, 3, "r = ReduceL2 <axes = [2]> (x) y = Div (x, r)"),
        (12, 4, "a, b = Split <axis = 2, split = [3, 5]> (x) y = Relu (b)"),
        (12, 4, "a, b = Split <axis = 3> (x) c = Relu (a) y = Add (c, b)"),
        (7, 4, "d = Dropout <ratio = 0.7> (x) y = Relu (d)"),
        (10, 4, "d = Dropout <ratio = 0.7> (x) y = Relu (d)"),
        (9, 3, "v, i = TopK <k = 4, axis = 2> (x) y = Relu (v)"),
        (8, 4, "n = BatchNormalization <epsilon = 0.01> (x, s, b, m, v) y = Add (n, x)"),
        (7, 4, "n = BatchNormalization (x, s, b, m, v) y = Relu (n)"),
    ],
)  # fmt: skip
def test_attributes_that_became_inputs_say_the_same(opset, rank, body):
    rng = np.random.default_rng(0)
    arrays = {}
    if "BatchNormalization" in body:
        arrays = {name: rng.random(3).astype(np.float32) + 0.5 for name in "sbmv"}
    assert_loading_changes_nothing(model_of(body, opset, rank, **arrays), feeds_of(rank))


def test_nodes_in_a_branch_are_raised_too():
    proto = model_of(
        """m = ReduceMean <keepdims = 0> (x)
        p = Greater (m, zero)
        q = If (p) <
            then_branch = t () => (float[A, B, C, D] a) { a = Softmax <axis = 1> (x) },
            else_branch = e () => (float[A, B, C, D] b) { b = Clip <min = -0.5> (x) }
        >
        y = Relu (q)""",
        10,
        4,
        zero=np.float32(0),
    )
    for sign in (1, -1):
        feeds = {"x": np.abs(feeds_of(4)["x"]) * np.float32(sign)}
        assert_loading_changes_nothing(onnx.ModelProto.FromString(proto.SerializeToString()), feeds)


@pytest.mark.parametrize("shape", [[0, 3, -1], [2, 3, 80]])
def test_a_reshape_stays_one_that_its_opset_knows(shape):
    proto = model_of("f = Relu (x) y = Reshape (f, to)", 13, 4, to=np.array(shape))
    loaded = load(proto.SerializeToString())
    made = onnx.load_from_string(loaded.to_bytes())
    assert made.opset_import[0].version == 13
    onnx.checker.check_model(made)
