import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import quant
from quant.error_model.consumers import OUTPUT, consumer_types, identity, transfer_functions


def model():
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Reshape", ["a", "shape"], ["b"]),
        helper.make_node("Transpose", ["b"], ["c"], perm=[1, 0]),
        helper.make_node("Softmax", ["c"], ["d"]),
        helper.make_node("Sigmoid", ["b"], ["e"]),
        helper.make_node("Mul", ["a", "a"], ["f"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["a", "b"]) for n in ("d", "e", "f")],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 3])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(proto)
    return quant.load(proto.SerializeToString())


def test_operators_that_only_move_values_are_looked_through():
    found = consumer_types(model())
    assert found["x"] == ("Relu",)
    assert found["a"] == ("Mul", "Sigmoid", "Softmax")
    assert found["c"] == ("Softmax",)
    assert found["f"] == (OUTPUT,)


@pytest.mark.parametrize(
    ("op_type", "definition"),
    [
        ("Relu", lambda x: np.maximum(x, 0)),
        ("Sigmoid", lambda x: 1 / (1 + np.exp(-x))),
        ("Tanh", np.tanh),
        ("HardSwish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
        ("Conv", lambda x: x),
    ],
)
def test_response_is_what_the_operator_computes(op_type, definition):
    x = np.linspace(-9, 9, 181)
    (transfer,) = transfer_functions((op_type,), 0.0)
    np.testing.assert_allclose(transfer(x), definition(x), atol=1e-12)


def test_softmax_loses_what_a_float32_sum_cannot_hold_beside_the_largest():
    (transfer,) = transfer_functions(("Softmax",), 5.0)
    x = np.array([-1e4, -20.0, -11.0, 3.0, 6.0])
    found = transfer(x)
    assert found[0] == found[1]
    assert np.float32(1) + np.exp(np.float32(found[0] - 5)) == 1
    np.testing.assert_array_equal(found[2:], x[2:])


def test_equal_responses_count_once_and_nobody_sees_every_error():
    assert (
        transfer_functions((), 0.0)
        == transfer_functions(("Add", "Conv", OUTPUT), 0.0)
        == (identity,)
    )
    assert len(transfer_functions(("Add", "Relu", "Sigmoid"), 0.0)) == 3
