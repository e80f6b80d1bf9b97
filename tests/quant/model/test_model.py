"""What a prepared model says of itself, and that preparing it changes no output."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from quant.model.op_roles import Kind
from quant.opening.loading import load
from tests.models import batch_norm, conv_relu, from_text, images, model_of


def run(content: bytes, feeds):
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def assert_same_outputs(original: onnx.ModelProto, feeds) -> None:
    prepared = load(original.SerializeToString())
    for a, b in zip(
        run(original.SerializeToString(), feeds), run(prepared.to_bytes(), feeds), strict=True
    ):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


def conv_bn_relu(opset=17, ir_version=8):
    rng = np.random.default_rng(0)
    weight = numpy_helper.from_array(rng.standard_normal((4, 3, 3, 3)).astype(np.float32), "w")
    bn, values = batch_norm("bn", 4, "c", "n")
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"], name="conv"),
        bn,
        helper.make_node("Relu", ["n"], ["out"], name="relu"),
    ]
    return model_of(
        nodes, {"image": ["b", 3, 8, 8]}, {"out": ["b", 4, 6, 6]}, [weight, *values],
        opset=opset, ir_version=ir_version,
    )  # fmt: skip


def test_batch_norm_folds_into_conv_and_names_stay():
    model = load(conv_bn_relu().SerializeToString())
    assert [(n.name, n.op_type) for n in model.nodes] == [("conv", "Conv"), ("relu", "Relu")]
    assert model.renamed == {"bn": "conv"}
    assert "1 BatchNormalization" in model.notes[0]
    assert_same_outputs(conv_bn_relu(), images())


@pytest.mark.parametrize("opset", [7, 9, 11, 12])
def test_old_opsets_are_converted_up_and_said_so(opset):
    original = conv_bn_relu(opset, ir_version=3 if opset < 9 else 6)
    if opset < 9:
        for tensor in original.graph.initializer:
            original.graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    model = load(original.SerializeToString())
    assert f"converted from opset {opset} to 13" in " ".join(model.notes)
    assert [info.name for info in model.inputs] == ["image"]
    assert_same_outputs(original, images())


def test_weights_as_constant_nodes_and_identity_chains_are_ordinary():
    original = conv_relu()
    weight = original.graph.initializer[0]
    original.graph.initializer.remove(weight)
    constant = helper.make_node("Constant", [], ["w1_constant"], value=weight)
    chain = [
        helper.make_node("Identity", ["w1_constant"], ["w1_a"]),
        helper.make_node("Identity", ["w1_a"], ["w1"]),
    ]
    rest = list(original.graph.node)
    del original.graph.node[:]
    original.graph.node.extend([constant, *chain, *rest])
    model = load(original.SerializeToString())
    assert [n.op_type for n in model.nodes] == ["Conv", "Relu", "Conv"]
    assert model.nodes[0].weight is not None
    assert_same_outputs(original, images())


def test_empty_and_repeated_node_names_become_unique():
    original = conv_relu()
    original.graph.node[0].name = "same"
    original.graph.node[1].name = ""
    original.graph.node[2].name = "same"
    names = [n.name for n in load(original.SerializeToString()).nodes]
    assert names == ["same", "Relu_0", "same_1"]


def test_custom_domains_stay_float_with_a_reason():
    original = conv_relu()
    original.graph.node[1].domain = "com.example"
    original.graph.node[1].op_type = "Swishish"
    original.opset_import.append(helper.make_opsetid("com.example", 1))
    node = load(original.SerializeToString()).nodes[1]
    assert node.kind is Kind.FLOAT
    assert "com.example.Swishish" in node.reason


def test_integer_subgraphs_stay_as_they_are():
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[batch, 4] x) => (float[batch, 4] y) {
        shape = Shape (x)
        flat = Reshape (x, minus)
        back = Reshape (flat, shape)
        y = Relu (back)
    }
    """
    model = load(from_text(text, minus=np.array([-1], np.int64)).SerializeToString())
    kinds = {n.op_type: n.kind for n in model.nodes}
    assert kinds["Shape"] is Kind.FLOAT
    assert "shape" not in model.calibration_targets


def test_calibration_covers_both_sides_of_each_activation():
    model = load(conv_relu().SerializeToString())
    assert model.calibration_targets == ("image", "c", "r", "out")
    assert model.relu_of == {"r": "c"}


@pytest.mark.parametrize(
    ("op", "weight_shape", "attributes", "axis"),
    [
        ("Gemm", (8, 5), {}, 1),
        ("Gemm", (5, 8), {"transB": 1}, 0),
        ("MatMul", (8, 5), {}, 1),
    ],
)
def test_the_channel_axis_of_a_weight_is_that_of_the_output(op, weight_shape, attributes, axis):
    weight = numpy_helper.from_array(np.ones(weight_shape, np.float32), "w")
    node = helper.make_node(op, ["x", "w"], ["y"], **attributes)
    model = load(model_of([node], {"x": [2, 8]}, {"y": [2, 5]}, [weight]).SerializeToString())
    weight = model.nodes[0].weight
    assert weight is not None
    assert weight.channel_axis == axis


def test_matmul_of_two_activations_has_no_weight():
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    model = load(model_of([node], {"a": [2, 3], "b": [3, 2]}, {"y": [2, 2]}).SerializeToString())
    assert model.nodes[0].weight is None
    assert model.nodes[0].data == (0, 1)


def test_a_tensor_read_by_a_subgraph_counts_as_read():
    then = helper.make_graph(
        [helper.make_node("Neg", ["c"], ["t"])],
        "then",
        [],
        [helper.make_tensor_value_info("t", TensorProto.FLOAT, [4])],
    )
    other = helper.make_graph(
        [helper.make_node("Abs", ["c"], ["e"])],
        "else",
        [],
        [helper.make_tensor_value_info("e", TensorProto.FLOAT, [4])],
    )
    nodes = [
        helper.make_node("Add", ["x", "x"], ["c"], name="add"),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("If", ["flag"], ["y"], name="if", then_branch=then, else_branch=other),
    ]
    original = model_of(nodes, {"x": [4]}, {"r": [4], "y": [4]})
    original.graph.input.append(helper.make_tensor_value_info("flag", TensorProto.BOOL, []))
    model = load(original.SerializeToString())
    assert sorted(model.consumers["c"]) == ["", "", "relu"]


def test_a_node_that_becomes_another_keeps_its_name():
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[batch, 3, 2, 2] x) => (float[batch, 12] y) {
        [start] a = Relu (x)
        [flat] b = Flatten (a)
        [end] y = Sigmoid (b)
    }
    """
    assert [n.name for n in load(from_text(text).SerializeToString()).nodes] == [
        "start",
        "flat",
        "end",
    ]
