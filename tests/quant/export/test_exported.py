"""Models on which ONNX Runtime's own static quantization breaks, or leaves things behind."""

import contextlib
import io

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_static

import quant
from quant.types import QType
from tests.models import batch_norm, conv_relu, from_text, images, model_of

PER_CHANNEL = quant.Recipe("test", quant.Settings(activation_type=QType.INT8, per_channel=True))


class Reader:
    """Feeds samples one by one to ONNX Runtime's calibration."""

    def __init__(self, feeds):
        count = len(next(iter(feeds.values())))
        self._samples = iter([{k: v[i : i + 1] for k, v in feeds.items()} for i in range(count)])

    def get_next(self):
        return next(self._samples, None)


def quantized_by_peer(folder, proto, feeds, **options) -> onnx.ModelProto:
    onnx.save(proto, folder / "float.onnx")
    with contextlib.redirect_stdout(io.StringIO()):
        quantize_static(folder / "float.onnx", folder / "peer.onnx", Reader(feeds), **options)
    return onnx.load(folder / "peer.onnx")


def saved(folder, proto, feeds, recipe=PER_CHANNEL):
    """Quantize with us and save; returns what was made and the file as it is on disk.

    Saving itself runs onnx.checker and every optimization level of ONNX Runtime.
    """
    model = quant.load(proto.SerializeToString())
    made = quant.quantize(model, quant.calibrate(model, quant.open_data(feeds)), recipe)
    report = made.save(folder / "int8.onnx")
    return made, onnx.load(report.path)


def outputs(proto, feeds):
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def sqnr_db(reference, test) -> float:
    return float(10 * np.log10((reference**2).sum() / ((reference - test) ** 2).sum()))


def assert_close_to_float(original, int8, feeds, at_least_db=25.0):
    for reference, test in zip(outputs(original, feeds), outputs(int8, feeds), strict=True):
        assert sqnr_db(reference, test) > at_least_db


def operators(proto) -> set[str]:
    return {node.op_type for node in proto.graph.node}


def test_below_opset_13_per_channel_weights_load(tmp_path):
    original = conv_relu(opset=12)
    theirs = quantized_by_peer(tmp_path, original, images(), per_channel=True)
    with pytest.raises(Exception, match="Unrecognized attribute: axis"):
        outputs(theirs, images())
    made, int8 = saved(tmp_path, original, images())
    assert int8.opset_import[0].version == 13
    assert "converted from opset 12 to 13" in " ".join(made.float_model.notes)
    assert_close_to_float(original, int8, images())


def test_repeated_node_names_give_a_model_that_loads(tmp_path):
    repeated = conv_relu()
    for node in repeated.graph.node:
        node.name = "same"
    with pytest.raises(Exception, match="two nodes with same node name"):
        quantized_by_peer(tmp_path, repeated, images())
    _, int8 = saved(tmp_path, repeated, images())
    names = [node.name for node in int8.graph.node]
    assert len(set(names)) == len(names)
    assert_close_to_float(conv_relu(), int8, images())


@pytest.mark.parametrize("op_type", ["Gemm", "ConvTranspose"])
def test_a_bias_beyond_int32_does_not_wrap_around(tmp_path, op_type):
    """One channel with tiny weights and a large bias, on nodes other than Conv too."""
    rng = np.random.default_rng(5)
    bias = np.array([3.0, -0.25, 0.5, -3.0], np.float32)
    if op_type == "Gemm":
        weight = rng.standard_normal((6, 4)).astype(np.float32)
        weight[:, [0, 3]] *= 1e-9
        text = "net (float[b, 6] x) => (float[b, 4] y) { y = Gemm (x, w, bias) }"
        feeds = {"x": rng.standard_normal((32, 6)).astype(np.float32)}
    else:
        weight = rng.standard_normal((3, 4, 2, 2)).astype(np.float32)
        weight[:, [0, 3]] *= 1e-9
        text = (
            "net (float[b, 3, 5, 5] x) => (float[b, 4, 6, 6] y) { y = ConvTranspose (x, w, bias) }"
        )
        feeds = {"x": rng.standard_normal((8, 3, 5, 5)).astype(np.float32)}
    header = '<ir_version: 8, opset_import: ["" : 17]>'
    original = from_text(f"{header}\n{text}", w=weight, bias=bias)
    for per_channel in (True, False):
        settings = quant.Settings(activation_type=QType.INT8, per_channel=per_channel)
        _, int8 = saved(tmp_path, original, feeds, quant.Recipe("test", settings))
        assert_close_to_float(original, int8, feeds, at_least_db=30)


def old_style() -> onnx.ModelProto:
    """IR 3, opset 7: weights are inputs too; a Constant node and Identity nodes hold the rest."""
    rng = np.random.default_rng(1)
    weight = numpy_helper.from_array(rng.standard_normal((4, 3, 3, 3)).astype(np.float32) / 3, "w")
    last = numpy_helper.from_array(rng.standard_normal((4, 5)).astype(np.float32), "v0")
    norm, values = batch_norm("bn", 4, "c", "n")
    nodes = [
        helper.make_node("Constant", [], ["v0"], value=last),
        helper.make_node("Identity", ["v0"], ["v1"]),
        helper.make_node("Identity", ["v1"], ["v"]),
        helper.make_node("Conv", ["image", "w"], ["c"]),
        norm,
        helper.make_node("Identity", ["n"], ["same"]),
        helper.make_node("Relu", ["same"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("MatMul", ["f", "v"], ["out"]),
    ]
    proto = model_of(
        nodes, {"image": ["b", 3, 8, 8]}, {"out": ["b", 5]}, [weight, *values],
        opset=7, ir_version=3,
    )  # fmt: skip
    for tensor in proto.graph.initializer:
        proto.graph.input.append(
            helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
    return proto


def test_ir_3_with_weights_as_inputs_and_constant_nodes_quantizes_every_layer(tmp_path):
    original = old_style()
    made, int8 = saved(tmp_path, original, images())
    assert [value.name for value in int8.graph.input] == ["image"]
    assert not {"BatchNormalization", "Constant", "Identity"} & operators(int8)
    assert {constant.name for constant in made.constants} >= {"w", "v"}
    assert all(made.plan.nodes[n].quantized for n in made.plan.nodes)
    assert_close_to_float(original, int8, images())


def lstm_in_if() -> onnx.ModelProto:
    """MatMul and Relu, then one of two LSTMs, then MatMul."""
    rng = np.random.default_rng(0)

    def branch(name: str) -> onnx.GraphProto:
        nodes = [
            helper.make_node("Unsqueeze", ["h", "zero"], [f"in_{name}"]),
            helper.make_node("LSTM", [f"in_{name}", "W", "R"], ["", f"h_{name}"], hidden_size=4),
            helper.make_node("Squeeze", [f"h_{name}", "zero"], [f"out_{name}"]),
        ]
        found = helper.make_tensor_value_info(f"out_{name}", TensorProto.FLOAT, [None, 4])
        return helper.make_graph(nodes, name, [], [found])

    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["m"], name="first"),
        helper.make_node("Relu", ["m"], ["h"], name="relu"),
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "limit"], ["flag"]),
        helper.make_node(
            "If", ["flag"], ["r"], name="if", then_branch=branch("a"), else_branch=branch("b")
        ),
        helper.make_node("MatMul", ["r", "w2"], ["y"], name="last"),
    ]
    shapes = {"w1": (6, 8), "w2": (4, 5), "W": (1, 16, 8), "R": (1, 16, 4)}
    arrays = {n: rng.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
    arrays |= {"zero": np.array([0], np.int64), "limit": np.float32(0)}
    initializers = [numpy_helper.from_array(np.asarray(a), n) for n, a in arrays.items()]
    return model_of(nodes, {"x": ["b", 6]}, {"y": ["b", 5]}, initializers)


def test_around_an_lstm_inside_an_if_everything_is_quantized(tmp_path):
    original = lstm_in_if()
    feeds = {"x": np.random.default_rng(1).standard_normal((16, 6)).astype(np.float32)}
    made, int8 = saved(tmp_path, original, feeds)
    quantized = {name for name, item in made.plan.nodes.items() if item.quantized}
    assert quantized == {"first", "relu", "last"}
    assert "If" in made.plan.nodes["if"].why
    stored = {t.name: t.data_type for t in int8.graph.initializer}
    assert sum(kind == TensorProto.INT8 and "w" in name for name, kind in stored.items()) >= 2
    assert {"W", "R"} <= set(stored)
    sample = {"x": feeds["x"][:1]}
    assert_close_to_float(original, int8, sample, at_least_db=20)


def test_nothing_but_the_model_and_its_recipe_is_left_in_any_folder(tmp_path, monkeypatch):
    """Neither beside the float model, nor where it is written, nor where the process works."""
    folders = [tmp_path / name for name in ("in", "out", "here", "temporary")]
    for folder in folders:
        folder.mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    onnx.save(conv_relu(opset=11), tmp_path / "in" / "net.onnx")
    model = quant.load(tmp_path / "in" / "net.onnx")
    calibration = quant.calibrate(model, quant.open_data(images()))
    quant.quantize(model, calibration, PER_CHANNEL).save(tmp_path / "out" / "net.onnx")
    left = [sorted(p.name for p in folder.iterdir()) for folder in folders]
    assert left == [["net.onnx"], ["net.onnx", "net.recipe.json"], [], []]
