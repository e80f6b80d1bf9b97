"""Sparse initializers keep their meaning, or are refused in a sentence."""

import numpy as np
import pytest
from onnx import TensorProto, helper

import quant
from quant.errors import ModelError
from quant.runtime.session import InferenceSession

PLACES = np.array([3, 9, 17, 30, 44, 60])


def sparse_model(indices, dims=(8, 8)):
    values = helper.make_tensor("w", TensorProto.FLOAT, [6], np.arange(1, 7, dtype=np.float32))
    where = helper.make_tensor("w_at", TensorProto.INT64, indices.shape, indices.ravel())
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8])],
        sparse_initializer=[helper.make_sparse_tensor(values, where, dims)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


@pytest.mark.parametrize("indices", [PLACES, np.stack(np.unravel_index(PLACES, (8, 8)), axis=1)])
def test_a_sparse_weight_is_written_out_and_quantized(indices):
    dense = np.zeros((8, 8), np.float32)
    dense.flat[PLACES] = np.arange(1, 7)
    model = quant.load(sparse_model(indices))
    x = np.random.default_rng(0).standard_normal((8, 8)).astype(np.float32)
    found = InferenceSession(model.to_bytes()).run({"x": x})["y"]
    np.testing.assert_allclose(found, x @ dense, rtol=1e-5, atol=1e-6)
    data = quant.open_data({"x": x}, model)
    made = quant.quantize(model, quant.calibrate(model, data), quant.preset("recommended"))
    made.verify()
    assert len(made.constants) == 1


def test_places_outside_and_shapes_beyond_memory_are_refused():
    with pytest.raises(ModelError):
        quant.load(sparse_model(PLACES + 60))
    with pytest.raises(ModelError):
        quant.load(sparse_model(PLACES, (1 << 30, 1 << 30)))
