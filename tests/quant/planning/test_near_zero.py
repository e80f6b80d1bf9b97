"""Logarithms, roots, reciprocals and divisions: finite under every preset, right by default."""

import numpy as np
import pytest

import quant
from quant.recipe.presets import preset_names
from quant.runtime.session import InferenceSession
from tests.quant.opening.test_ordinary_models import net, sqnr

CONSTANTS = {
    "eps": np.float32(1e-6),
    "big": np.float32(1e6),
    "small": np.float32(0.01),
    "half": np.float32(-0.5),
    "one": np.float32(1),
    "last": np.int64([-1]),
}
STEPS = {
    "Log of a Clip": "p = Mul (a, a) c = Clip (p, eps, big) f = Log (c)",
    "Log of a sum": "p = Relu (a) c = Add (p, eps) f = Log (c)",
    "Log of a Max": "p = Relu (a) c = Max (p, eps) f = Log (c)",
    "Log of a Softmax": "p = Softmax <axis = -1> (a) f = Log (p)",
    "Reciprocal": "p = Abs (a) c = Add (p, small) f = Reciprocal (c)",
    "Sqrt below": "p = Mul (a, a) s = ReduceMean <axes = [-1]> (p) c = Add (s, eps) "
    "r = Sqrt (c) f = Div (a, r)",
    "ReduceL2 below": "s = ReduceL2 <axes = [-1]> (a) c = Max (s, eps) f = Div (a, c)",
    "Pow": "p = Mul (a, a) s = ReduceSum <keepdims = 1> (p, last) c = Add (s, eps) "
    "r = Pow (c, half) f = Mul (a, r)",
    "Softplus below": "p = Softplus (a) c = Add (p, one) f = Div (a, c)",
    "Exp below": "e = Exp (a) s = ReduceSum <keepdims = 1> (e, last) f = Div (e, s)",
}


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("shape", [(16,), (6, 16), (2, 3, 16)])
@pytest.mark.parametrize("steps", STEPS)
def test_what_is_delicate_near_zero_stays_finite(steps, shape, preset):
    rng = np.random.default_rng(3)
    graph = f"a = MatMul (x, w) {STEPS[steps]} y = MatMul (f, v)"
    used = {n: c for n, c in CONSTANTS.items() if f"{n})" in graph or f"{n}," in graph}
    sizes = ", ".join(map(str, ("N", *shape)))
    proto = net(
        f"net (float[{sizes}] x) => (float[{sizes}] y) {{ {graph} }}",
        w=rng.standard_normal((16, 16)).astype(np.float32) / 4,
        v=rng.standard_normal((16, 16)).astype(np.float32) / 4, **used,
    )  # fmt: skip
    x = rng.standard_normal((24, *shape)).astype(np.float32)
    x[3] = 0
    model = quant.load(proto.SerializeToString())
    data = quant.open_data({"x": x}, model)
    made = quant.quantize(model, quant.calibrate(model, data), quant.preset(preset))
    made.verify()
    expected = InferenceSession(proto.SerializeToString()).run({"x": x})["y"]
    assert np.isfinite(expected).all()
    assert np.isfinite(InferenceSession(made.to_bytes()).run({"x": x})["y"]).all()
    if preset == "recommended":
        assert sqnr(made, data)["y"] > 25
