"""Loud channels read in parts: the arithmetic by hand, the graph in ONNX Runtime."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

import quant
from analysis.errors.local import local_errors
from quant.numerics import dequantize_linear, fake_quantize
from quant.params.split import Split, split_codes, weight_axis
from quant.recipe.recipe import Recipe
from quant.recipe.settings import Settings
from quant.runtime.optimized import optimized
from quant.runtime.session import LEVELS, InferenceSession
from quant.types import PerTensor, QType, QuantParams, QuantSpec
from tests.nets import network, weight

PLAIN = Recipe(defaults=Settings(placement="integer_kernels"))
PARTED = replace(PLAIN, repairs=("split_outliers",))
RNG = np.random.default_rng(12)
K = 64
LOUD = {5: 30.0, 17: 11.0}


def rows(*shape):
    """Data of which two channels of the last axis are loud."""
    x = RNG.standard_normal((*shape, K)).astype(np.float32)
    for channel, factor in LOUD.items():
        x[..., channel] *= factor
    return x


def images():
    return np.ascontiguousarray(np.moveaxis(rows(4, 9, 9), -1, 1))


def case(body, x, *, recipe=PARTED, **constants):
    rank = x.ndim
    free = ", ".join("NPQ"[: rank - 1]) if rank < 4 else "N"
    kind = f"float[{free}, {K}]" if rank < 4 else f"float[N, {K}, H, W]"
    made = "t = Sigmoid (x) u = Mul (x, t)"
    text = f"({kind} x) => (float[{', '.join('ABCD'[:rank])}] y) {{ {made} {body} }}"
    model = quant.load(network(text, **constants))
    data = quant.open_data({"x": x}, model)
    return quant.quantize(model, quant.calibrate(model, data), recipe), data


def tensor(quantized_or_model, feeds, name):
    content = onnx.load_model_from_string(quantized_or_model.to_bytes())
    content.graph.output.append(onnx.ValueInfoProto(name=name))
    return InferenceSession(content.SerializeToString(), level="disabled").run(feeds)[name]


def parted(u, split):
    """Every part of ``u`` as it is quantized, channels last."""
    parts = u.astype(np.float64)[..., split.channels] * split.factor + split.offset
    return fake_quantize(parts.astype(np.float32), split.params).astype(np.float64)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_the_sum_of_the_parts_is_rounded_as_finely_as_one(count):
    params = QuantParams(
        np.float32(0.25), np.int32(100), QuantSpec(QType.UINT8, False, PerTensor())
    )
    params = QuantParams(np.asarray(0.25, np.float32), np.asarray(100, np.int32), params.spec)
    split = Split("x", 1, np.array([count, 1]), params)
    x = np.linspace(-24, 30, 4001)[:, None] * np.array([[count, 1.0]]) * 0.99
    sums = np.zeros_like(x)
    for part, channel in enumerate(split.channels):
        sums[:, channel] += parted(x, split)[:, part]
    assert np.abs(sums - x).max() <= 0.125 * (1 + 1e-4)


def test_the_integers_of_the_parts_add_up_to_the_weight_in_finer_steps():
    w = weight(6, 5)
    model = quant.load(network("(float[N, 6] x) => (float[N, 5] y) { y = MatMul (x, w) }", w=w))
    data = quant.open_data({"x": RNG.standard_normal((8, 6)).astype(np.float32)}, model)
    item = quant.quantize(model, quant.calibrate(model, data), PLAIN).constants[0]
    parts = np.array([1, 4, 1, 1, 9, 1])
    split = Split(
        "x",
        1,
        parts,
        QuantParams(
            np.float32(1).reshape(()), np.int32(0).reshape(()), QuantSpec(QType.INT8, True)
        ),
    )
    codes = split_codes(item, w, 0, split).astype(np.int64)
    assert codes.shape == (6 + 3 + 8, 5)
    for channel, count in enumerate(parts):
        total = sum(codes[part] for part in range(len(codes)) if split.channels[part] == channel)
        exact = count * w[channel].astype(np.float64) / item.params.scale
        assert np.abs(total - exact).max() <= 0.5 + 1e-4
        own = [codes[part] for part in range(len(codes)) if split.channels[part] == channel]
        assert np.ptp(own, axis=0).max() <= 1


READERS = {
    "two MatMuls": ("a = MatMul (u, w) b = MatMul (u, v) y = Add (a, b)", rows(4, 20)),
    "Gemm": ("y = Gemm <transB = 1> (u, g, c)", rows(40)),
    "Conv": ("y = Conv <pads = [1, 1, 1, 1]> (u, f, c)", images()),
    "a float reader": (
        "a = MatMul (u, w) d = MatMul (u, s) e = Add (d, u) y = Concat <axis = -1> (a, e)",
        rows(4, 20),
    ),
}
CONSTANTS = {
    "w": weight(K, 24),
    "v": weight(K, 24, seed=2),
    "g": weight(24, K),
    "f": weight(24, K, 3, 3),
    "s": weight(K, K),
    "c": 3 * weight(24),
}


def used(body):
    words = body.replace(",", " ").replace(")", " ").replace("(", " ").split()
    return {name: array for name, array in CONSTANTS.items() if name in words}


@pytest.mark.parametrize("reader", READERS)
def test_the_rest_of_the_channels_gets_the_codes(reader):
    body, x = READERS[reader]
    plain, data = case(body, x, recipe=PLAIN, **used(body))
    made = plain.with_recipe(PARTED)
    split = made.draft.splits["u"]
    assert set(np.flatnonzero(split.parts > 1)) <= set(LOUD)
    assert split.parts[5] > split.parts[17]
    feeds = next(data.batches(4)).feeds
    wanted = tensor(plain.float_model, feeds, "y").astype(np.float64)
    errors = [np.square(tensor(q, feeds, "y") - wanted).sum() for q in (plain, made)]
    assert errors[1] < errors[0] / 4
    made.verify()


def test_the_graph_computes_the_sum_over_the_parts():
    body, x = "y = MatMul (u, w)", rows(4, 20)
    quantized, data = case(body, x, **used(body))
    split, item = quantized.draft.splits["u"], quantized.constants[0]
    feeds = next(data.batches(4)).feeds
    u = tensor(quantized.float_model, feeds, "u")
    codes = split_codes(item, CONSTANTS["w"], 0, split)
    expected = parted(u, split) @ dequantize_linear(codes, item.params).astype(np.float64)
    found = tensor(quantized, feeds, "y")
    assert np.abs(found - expected).max() <= 1e-3 * np.abs(expected).max()
    kernels = {node.op_type for node in optimized(quantized.to_bytes()).graph.node}
    assert "MatMulIntegerToFloat" in kernels
    assert "MatMul" not in kernels
    for level in LEVELS:
        run = InferenceSession(quantized.to_bytes(), level=level).run(feeds)["y"]
        assert np.abs(run - found).max() <= 0.02 * np.abs(found).max()


def test_float_readers_keep_the_tensor_as_it_is():
    body, x = READERS["a float reader"]
    quantized, data = case(body, x, **used(body))
    feeds = next(data.batches(4)).feeds
    np.testing.assert_array_equal(
        tensor(quantized, feeds, "u"), tensor(quantized.float_model, feeds, "u")
    )
    assert quantized.tensor_map["u"] == "u"


@pytest.mark.parametrize("reader", ["Gemm", "Conv"])
def test_the_bias_is_that_of_the_model_in_other_steps(reader):
    body, x = READERS[reader]
    quantized, _ = case(body, x, **used(body))
    bias = next(c for c in quantized.constants if c.name == "c")
    step = quantized.draft.splits["u"].params.scale * quantized.constants[0].params.scale
    np.testing.assert_allclose(bias.params.scale, step, rtol=1e-5)
    real = dequantize_linear(bias.codes, bias.params)
    assert np.abs(real - CONSTANTS["c"]).max() <= 20 * step.max()


@pytest.mark.parametrize(
    "body",
    [
        "y = Conv <group = 64> (u, d)",
        "z = Conv (x, p) y = Conv (z, f)",
        "y = MatMul (u, w) k = Conv (u, f)",
    ],
)
def test_a_tensor_that_cannot_be_split_for_all_its_readers_stays(body):
    constants = {**CONSTANTS, "d": weight(K, 1, 3, 3), "p": weight(K, K, 1, 1)}
    words = body.replace(",", " ").replace(")", " ").replace("(", " ").split()
    chosen = {name: array for name, array in constants.items() if name in words}
    if "w" in chosen:
        chosen["w"] = weight(9, 24)
    quantized, _ = case(body, images(), **chosen)
    assert "u" not in quantized.draft.splits
    assert "z" not in quantized.draft.splits


def test_channels_that_are_alike_are_not_split():
    x = RNG.standard_normal((4, 20, K)).astype(np.float32)
    quantized, _ = case("y = MatMul (u, w)", x, w=CONSTANTS["w"])
    assert not quantized.draft.splits


def test_bias_correction_takes_back_what_the_parts_leave():
    body, x = "y = MatMul (u, w)", rows(16, 40) + 4
    plain, _ = case(body, x, **used(body))
    corrected = plain.with_recipe(replace(PARTED, repairs=("split_outliers", "bias_correction")))
    item = corrected.draft.constants[0]
    node = corrected.plan.nodes[item.node].node
    seen = corrected.draft.seen_weight(node, item)
    assert weight_axis(plain.float_model, node) == 0
    mean = plain.calibration.channel_sums["u"].mean()
    (shift,) = corrected.draft.shifts
    np.testing.assert_allclose(shift.values, mean @ (CONSTANTS["w"] - seen), rtol=1e-3, atol=1e-5)
    loud = [channel for channel in LOUD if corrected.draft.splits["u"].parts[channel] > 1]
    nearest = dequantize_linear(item.codes, item.params)
    errors = [np.abs(CONSTANTS["w"] - w)[loud].max() for w in (nearest, seen)]
    assert errors[1] < errors[0] / 1.9


def test_units_are_still_measured_alone():
    body = "a = MatMul (u, w) r = Relu (a) y = MatMul (r, m)"
    quantized, data = case(body, rows(4, 20), w=CONSTANTS["w"], m=weight(24, 8))
    found = local_errors(quantized, data)
    assert "u" not in found
    assert found["r"].sqnr_db > 20


def test_a_conv_of_parts_may_give_channels_their_own_scales():
    """Both repairs meet in one weight: the parts are made before its scales are folded."""
    loud = np.geomspace(1, 12, 24, dtype=np.float32).reshape(-1, 1, 1, 1)
    body = "c = Conv (u, f, c1) g = HardSigmoid (c) y = Mul (c, g)"
    x = np.ascontiguousarray(np.moveaxis(rows(4, 30, 30), -1, 1))
    both = replace(PLAIN, repairs=("channel_scales", "split_outliers"))
    made, data = case(body, x, recipe=both, f=CONSTANTS["f"] * loud, c1=CONSTANTS["c"])
    assert made.draft.channels.keys() == {"c"}
    assert made.draft.splits.keys() == {"u"}
    feeds = next(data.batches(4)).feeds
    wanted = tensor(made.float_model, feeds, "c").astype(np.float64)
    error = np.square(tensor(made, feeds, "c") - wanted).mean(axis=(0, 2, 3))
    assert (error < np.square(wanted).mean(axis=(0, 2, 3)) / 100).all()
