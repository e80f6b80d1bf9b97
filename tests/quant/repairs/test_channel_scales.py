"""A scale for each channel of what only float operators read, against arithmetic by hand."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

import quant
from analysis.errors.local import local_errors
from analysis.errors.out_of_range import out_of_range
from quant.numerics import dequantize_linear, fake_quantize
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.runtime.optimized import optimized
from quant.runtime.session import LEVELS, InferenceSession
from quant.types import QType
from tests.nets import network, weight

LOUD = np.array([40, 1, 0.3, 0.1, 1, 3], np.float32)
SETTINGS = Settings(placement="integer_kernels")
PLAIN = Recipe(defaults=SETTINGS)
SCALED = Recipe(defaults=SETTINGS, repairs=("channel_scales",))
INPUTS = "(float[N, 8, H, W] x) => (float[N, 6, P, Q] y)"
SWISH = "g = HardSigmoid (c) y = Mul (c, g)"


def case(body, size=40, *, recipe=SCALED, **constants):
    """An int8 model of data with values enough, and the data."""
    model = quant.load(network(f"{INPUTS} {{ {body} }}", **constants))
    x = np.random.default_rng(2).standard_normal((4, 8, size, size)).astype(np.float32)
    data = quant.open_data({"x": x}, model)
    return quant.quantize(model, quant.calibrate(model, data), recipe), data


def conv(seed=5):
    return {"w": weight(6, 8, 3, 3, seed=seed) * LOUD[:, None, None, None], "b": LOUD * 0.7}


def outputs(quantized, data, name="y", level="basic"):
    content = onnx.load_model_from_string(quantized.to_bytes())
    if name not in {value.name for value in content.graph.output}:
        content.graph.output.append(onnx.ValueInfoProto(name=name))
    session = InferenceSession(content.SerializeToString(), level=level)
    return session.run(next(data.batches(4)).feeds)[name]


def by_hand(quantized, data):
    """The Conv of rounded inputs and weights in float64, rounded channel by channel."""
    item = next(c for c in quantized.draft.constants if c.index == 1)
    bias = next((c for c in quantized.draft.constants if c.index == 2), None)
    x = fake_quantize(next(data.batches(4)).feeds["x"], quantized.params["x"]).astype(np.float64)
    taps = dequantize_linear(item.codes, item.params).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    real = np.einsum("nchwij,ocij->nohw", windows, taps)
    if bias is not None:
        real += dequantize_linear(bias.codes, bias.params).reshape(-1, 1, 1)
    return real


@pytest.mark.parametrize("bias", [", b", ""])
def test_the_tensor_is_rounded_channel_by_channel(bias):
    quantized, data = case(f"c = Conv (x, w{bias}) {SWISH}", **conv())
    params = quantized.draft.channels["c"]
    real = by_hand(quantized, data)
    expected, found = fake_quantize(real, params), outputs(quantized, data, "c")
    steps = np.abs(found - expected) / params.scale.reshape(-1, 1, 1)
    assert steps.max() <= 1 + 1e-3  # what lies in the middle of two codes may take the other
    assert (steps > 1e-3).mean() < 1e-3
    assert len(set(params.zero_point.tolist())) > 1


def test_each_channel_has_what_was_seen_of_it_and_no_more_than_the_tensor():
    quantized, _ = case(f"c = Conv (x, w, b) {SWISH}", **conv())
    stats = quantized.calibration.tensors["c"]
    params, whole = quantized.draft.channels["c"], quantized.params["c"]
    low, high = params.representable
    least, most = (float(end) for end in whole.representable)
    assert (low <= np.maximum(np.minimum(stats.channel_min, 0), least) + params.scale).all()
    assert (high >= np.minimum(np.maximum(stats.channel_max, 0), most) - params.scale).all()
    assert ((low >= least - params.scale) & (high <= most + params.scale)).all()
    assert params.scale.min() >= 0.99 * float(whole.scale) / 16


def test_quiet_channels_are_told_apart_again():
    (plain, data), (scaled, _) = (
        case(f"c = Conv (x, w, b) {SWISH}", recipe=recipe, **conv()) for recipe in (PLAIN, SCALED)
    )
    wanted = InferenceSession(plain.float_model.to_bytes(), level="disabled")
    wanted = wanted.run(next(data.batches(4)).feeds)["y"].astype(np.float64)
    errors = [((outputs(q, data) - wanted) ** 2).mean(axis=(0, 2, 3)) for q in (plain, scaled)]
    assert (errors[1][1:4] < errors[0][1:4] / 10).all()
    assert errors[1].sum() <= errors[0].sum()


def test_the_conv_still_runs_on_integers_and_every_level_agrees():
    quantized, data = case(f"c = Conv (x, w, b) {SWISH}", **conv())
    kernels = [node.op_type for node in optimized(quantized.to_bytes()).graph.node]
    assert "QLinearConv" in kernels
    assert "Conv" not in kernels
    quantized.verify()
    found = [outputs(quantized, data, level=level) for level in LEVELS]
    for other in found[1:]:
        # A float32 sum may end on the other side of the middle of two codes, seldom.
        assert (np.abs(other - found[0]) > 1e-4).mean() < 1e-3


def test_a_relu_keeps_zero_on_the_lowest_code_of_every_channel():
    quantized, data = case("c = Conv (x, w, b) r = Relu (c) y = Sigmoid (r)", **conv())
    params = quantized.draft.channels["r"]
    assert (params.zero_point == 0).all()
    expected = fake_quantize(np.maximum(by_hand(quantized, data), 0), params)
    steps = np.abs(outputs(quantized, data, "r") - expected) / params.scale.reshape(-1, 1, 1)
    assert (steps > 1e-3).mean() < 1e-3


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        ("c = Conv (x, w, b) y = Conv (c, v)", {}),
        ("c = Conv (x, w, b) s = Sigmoid (c) d = Conv (c, v) y = Mul (s, d)", {}),
        (f"c = Conv (x, w, b) {SWISH}", {"per_channel": False}),
        (f"c = Conv (x, w, b) {SWISH}", {"activation_type": QType.UINT16}),
        (f"c = Conv (x, w, b) {SWISH}", {"quantize_bias": False}),
        (f"c = ConvTranspose (x, t) {SWISH}", {"placement": "everything"}),
    ],
)  # fmt: skip
def test_where_a_kernel_wants_one_scale_or_the_recipe_has_other_types_it_stays(body, changes):
    constants = {**conv(), "v": weight(6, 6, 1, 1), "t": weight(8, 6, 3, 3)}
    used = {name: array for name, array in constants.items() if f"{name}" in body.split("(", 1)[1]}
    recipe = replace(SCALED, defaults=replace(SETTINGS, **changes))
    quantized, _ = case(body, recipe=recipe, **used)
    plain = quantized.with_recipe(replace(recipe, repairs=()))
    assert not quantized.draft.channels
    assert quantized.to_bytes() == plain.to_bytes()


def test_few_values_are_no_reason():
    quantized, _ = case(f"c = Conv (x, w, b) {SWISH}", size=12, **conv())
    assert not quantized.draft.channels


def test_even_channels_are_no_reason():
    quantized, _ = case(f"c = Conv (x, w, b) {SWISH}", w=weight(6, 8, 3, 3), b=weight(6))
    assert not quantized.draft.channels


def test_no_channel_goes_beyond_a_fixed_range():
    quantized, _ = case(f"c = Conv (x, w, b) {SWISH}", **conv())
    fixed = quantized.recipe.with_rule(Rule("tensor", "c", {"range": [-9.0, 9.0]}))
    params = quantized.with_recipe(fixed).draft.channels["c"]
    low, high = params.representable
    assert low.min() == pytest.approx(-9, abs=0.1)
    assert high.max() == pytest.approx(9, abs=0.1)
    assert params.scale.min() < params.scale.max() / 4


def test_bias_correction_goes_with_it_in_either_order():
    made = [
        case(f"c = Conv (x, w, b) {SWISH}", recipe=replace(SCALED, repairs=names), **conv())[0]
        for names in (("channel_scales", "bias_correction"), ("bias_correction", "channel_scales"))
    ]
    assert made[0].to_bytes() == made[1].to_bytes()
    assert made[0].draft.channels


def test_the_local_error_is_that_of_the_channels():
    quantized, data = case(f"c = Conv (x, w, b) {SWISH}", **conv())
    found = local_errors(quantized, data)["c"]
    feeds = next(data.batches(4)).feeds
    model = onnx.load_model_from_string(quantized.float_model.to_bytes())
    model.graph.output.append(onnx.ValueInfoProto(name="c"))
    wanted = InferenceSession(model.SerializeToString(), level="disabled").run(feeds)["c"]
    error = fake_quantize(by_hand(quantized, data), quantized.draft.channels["c"]) - wanted
    db = 10 * np.log10(
        (wanted.astype(np.float64) ** 2).sum() / (error.astype(np.float64) ** 2).sum()
    )
    assert found.sqnr_db == pytest.approx(db, abs=0.05)


def test_what_lies_outside_is_counted_channel_by_channel():
    quantized, data = case(f"c = Conv (x, w, b) {SWISH}", **conv())
    loud = {"x": next(data.batches(4)).feeds["x"] * 3}
    found = out_of_range(quantized, quant.open_data(loud, quantized.float_model))["c"]
    model = onnx.load_model_from_string(quantized.float_model.to_bytes())
    model.graph.output.append(onnx.ValueInfoProto(name="c"))
    values = InferenceSession(model.SerializeToString(), level="disabled").run(loud)["c"]
    low, high = (end.reshape(-1, 1, 1) for end in quantized.draft.channels["c"].representable)
    outside = (values < low - 1e-5) | (values > high + 1e-5)
    np.testing.assert_allclose(found.shares, outside.reshape(4, -1).mean(axis=1), atol=1e-4)
    assert found.shares.max() > 0.01
