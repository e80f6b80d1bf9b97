"""Gates of squeeze-and-excite are found by what they are, and stay in float where that pays."""

import numpy as np
import pytest

import quant
from quant.planning.gates import gates
from tests.nets import network, weight

WEIGHTS = {
    "w": weight(8, 3, 3, 3),
    "a": weight(4, 8, 1, 1),
    "b": weight(8, 4, 1, 1),
    "g": weight(8, 4),
    "h": weight(4, 8),
    "v": weight(8, 8, 3, 3),
    "three": np.float32(3),
    "zero": np.float32(0),
    "six": np.float32(6),
    "flat": np.array([0, 8], np.int64),
    "square": np.array([0, 8, 1, 1], np.int64),
}
SQUEEZED = "c = Conv (x, w) p = GlobalAveragePool (c) d = Conv (p, a) r = Relu (d) e = Conv (r, b)"


def loaded(body, outputs="float[N, 8, P, Q] y"):
    words = body.replace(",", " ").replace(")", " ").replace("(", " ").split()
    used = {name: array for name, array in WEIGHTS.items() if name in words}
    return quant.load(network(f"(float[N, 3, H, W] x) => ({outputs}) {{ {body} }}", **used))


def found(model):
    """The weights of the gates' nodes."""
    of = {node.name: node.weight.name for node in model.nodes if node.weight is not None}
    return {of[name] for name in gates(model)}


@pytest.mark.parametrize(
    ("body", "weights"),
    [
        (f"{SQUEEZED} s = Sigmoid (e) m = Mul (c, s) y = Conv (m, v)", {"a", "b"}),
        (f"{SQUEEZED} s = HardSigmoid (e) m = Mul (s, c) y = Conv (m, v)", {"a", "b"}),
        (
            f"""{SQUEEZED} t = Add (e, three) k = Clip (t, zero, six) s = Div (k, six)
            m = Mul (c, s) y = Conv (m, v)""",
            {"a", "b"},
        ),
        (
            """c = Conv (x, w) p = ReduceMean <axes = [2, 3], keepdims = 0> (c)
            d = MatMul (p, g) r = Relu (d) e = Gemm (r, h) s = Sigmoid (e)
            q = Reshape (s, square) m = Mul (c, q) y = Conv (m, v)""",
            {"g", "h"},
        ),
        (  # a swish of pooled values multiplies no channels of a map
            "c = Conv (x, w) p = GlobalAveragePool (c) d = Conv (p, a) s = Tanh (d) y = Mul (d, s)",
            set(),
        ),
        ("c = Conv (x, w) s = Sigmoid (c) m = Mul (c, s) y = Conv (m, v)", set()),
        (  # a gate of a map, not of pooled values
            "c = Conv (x, w) d = Conv (c, a) e = Conv (d, b) s = Sigmoid (e) y = Mul (c, s)",
            set(),
        ),
        (f"{SQUEEZED} y = Mul (e, three)", set()),
    ],
)  # fmt: skip
def test_a_gate_lies_between_a_pool_and_a_product_with_a_map(body, weights):
    assert found(loaded(body)) == weights


def test_gates_stay_in_float_where_integers_must_pay_and_say_why():
    model = loaded(f"{SQUEEZED} s = Sigmoid (e) m = Mul (c, s) y = Conv (m, v)")
    x = np.random.default_rng(0).standard_normal((8, 3, 20, 20)).astype(np.float32)
    calibration = quant.calibrate(model, quant.open_data({"x": x}, model))
    plans = {
        name: quant.quantize(model, calibration, quant.preset(name)).plan
        for name in ("recommended", "everything")
    }
    for name in gates(model):
        assert plans["everything"].nodes[name].quantized
        assert "gate of pooled values" in plans["recommended"].nodes[name].why
    inside = {node.name for node in model.nodes if node.weight is not None} - gates(model)
    assert all(plans["recommended"].nodes[name].quantized for name in inside)
