"""Multiply-adds against loops over what a node does, and kernels against what can be quantized."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import quant
from analysis.runtime.multiply_adds import as_run, multiply_adds
from quant.opening.loading import load

RNG = np.random.default_rng(0)


def net(folder, op_type, x, w, y_rank, **attributes):
    node = helper.make_node(op_type, ["x", "w"], ["y"], name="node", **attributes)
    graph = helper.make_graph(
        [node],
        "net",
        [helper.make_tensor_value_info("x", 1, x)],
        [helper.make_tensor_value_info("y", 1, [None] * y_rank)],
        [numpy_helper.from_array(RNG.normal(size=w).astype(np.float32), "w")],
    )
    path = folder / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return load(path)


def taps_of_a_conv(size, kernel, channels, out, group):
    """Every product of a valid convolution, counted one by one."""
    count = 0
    for _ in range(out):
        for _ in range((size - kernel + 1) ** 2):
            count += kernel * kernel * channels // group
    return count


@pytest.mark.parametrize("group", [1, 2, 4])
def test_products_of_a_conv_are_counted(tmp_path, group):
    model = net(tmp_path, "Conv", [1, 4, 7, 7], [8, 4 // group, 3, 3], 4, group=group)
    counts = multiply_adds(model, {"x": np.ones((1, 4, 7, 7), np.float32)})
    assert counts.of_node == {"node": taps_of_a_conv(7, 3, 4, 8, group)}


def test_each_input_of_a_transposed_conv_meets_its_whole_kernel(tmp_path):
    model = net(tmp_path, "ConvTranspose", [1, 3, 5, 5], [3, 2, 2, 2], 4, strides=[2, 2])
    counts = multiply_adds(model, {"x": np.ones((1, 3, 5, 5), np.float32)})
    assert counts.of_node == {"node": 5 * 5 * 3 * 2 * 2 * 2}


@pytest.mark.parametrize(
    ("op_type", "turned"), [("MatMul", False), ("Gemm", False), ("Gemm", True)]
)
def test_products_of_matrices_are_counted(tmp_path, op_type, turned):
    shape = [6, 4] if turned else [4, 6]
    attributes = {"transA": 1} if turned else {}
    model = net(tmp_path, op_type, shape, [6, 5], 2, **attributes)
    counts = multiply_adds(model, {"x": np.ones(shape, np.float32)})
    assert counts.total == 4 * 6 * 5


def quantized(model, x):
    data = quant.open_data({"x": x})
    return quant.quantize(model, quant.calibrate(model, data), quant.preset("everything"))


def test_a_quantized_conv_runs_on_integers_and_a_skipped_one_does_not(tmp_path):
    model = net(tmp_path, "Conv", [None, 4, 7, 7], [8, 4, 3, 3], 4)
    x = RNG.normal(size=(3, 4, 7, 7)).astype(np.float32)
    made = quantized(model, x)
    counts = multiply_adds(model, {"x": x[:1]})
    assert as_run(made).integer_multiply_adds == counts.total
    assert counts.nominal(made.plan) == 1.0
    assert as_run(made).crossings == 2
    rule = quant.Rule("node", "node", {"skip": True})
    skipped = made.with_recipe(made.recipe.with_rule(rule))
    assert as_run(skipped).integer_multiply_adds == 0
    assert counts.nominal(skipped.plan) == 0.0


def test_16_bit_data_is_no_8_bit_share(tmp_path):
    model = net(tmp_path, "Conv", [None, 4, 7, 7], [8, 4, 3, 3], 4)
    x = RNG.normal(size=(3, 4, 7, 7)).astype(np.float32)
    made = quantized(model, x)
    rule = quant.Rule("tensor", "x", {"activation_type": quant.QType.UINT16})
    wide = made.with_recipe(made.recipe.with_rule(rule))
    assert multiply_adds(model, {"x": x[:1]}).nominal(wide.plan) == 0.0
