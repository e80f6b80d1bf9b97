"""Channels that a Conv divides and weights multiply again, against arithmetic by hand."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

import analysis
import quant
from analysis.errors.local import local_errors
from quant.ablation import activations_only
from quant.numerics import dequantize_linear, fake_quantize
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.runtime.optimized import optimized
from quant.runtime.session import InferenceSession
from quant.types import QType
from tests.models import unrounded
from tests.nets import network, weight

LOUD = np.array([8, 1, 0.3, 0.7, 1, 3], np.float32)
SETTINGS = Settings(placement="everything")
KEPT = replace(SETTINGS, drop_activation="never")
PLAIN = Recipe(defaults=SETTINGS)
EQUALIZED = Recipe(defaults=SETTINGS, repairs=("equalize",))
INPUTS = "(float[N, 8, H, W] x) => (float[N, M, P, Q] y)"
DEPTHWISE = "y = Conv <group = 6> (r, d, e)"
DENSE = "y = Conv (r, v, e)"
CONV = "c = Conv (x, w, b) r = Relu (c)"
CONSTANTS = {
    "w": weight(6, 8, 3, 3) * LOUD[:, None, None, None],
    "b": LOUD * -1.5,
    "d": weight(6, 1, 3, 3, seed=6),
    "v": weight(6, 6, 1, 1, seed=7),
    "e": weight(6, seed=8),
    "lo": np.float32(0),
    "hi": np.float32(6),
}


def case(body, *, recipe=EQUALIZED, size=40, **changes):
    """An int8 model of data with values enough, and the data."""
    given = {**CONSTANTS, **changes}
    words = set(body.replace("(", " ").replace(")", " ").replace(",", " ").split())
    used = {name: given[name] for name in given if name in words}
    model = quant.load(network(f"{INPUTS} {{ {body} }}", **used))
    x = np.random.default_rng(2).standard_normal((4, 8, size, size)).astype(np.float32)
    data = quant.open_data({"x": x}, model)
    return quant.quantize(model, quant.calibrate(model, data), recipe), data


def run(content, data, *names):
    """What a model gives for four samples, without a fusion."""
    made = onnx.load_model_from_string(content)
    known = {value.name for value in made.graph.output}
    made.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    session = InferenceSession(made.SerializeToString(), level="disabled")
    return session.run(next(data.batches(4)).feeds)


def convolved(quantized, data):
    """The first Conv of rounded inputs and weights in float64."""
    items = {item.index: item for item in quantized.draft.constants if "w" in item.name}
    bias = next(i for i in quantized.draft.constants if i.name == "b")
    x = fake_quantize(next(data.batches(4)).feeds["x"], quantized.params["x"]).astype(np.float64)
    taps = dequantize_linear(items[1].codes, items[1].params).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    real = np.einsum("nchwij,ocij->nohw", windows, taps)
    return real + dequantize_linear(bias.codes, bias.params).reshape(-1, 1, 1)


@pytest.mark.parametrize("reader", [DEPTHWISE, DENSE])
@pytest.mark.parametrize("per_channel", [True, False])
def test_the_float_model_computes_the_same_with_the_factors(reader, per_channel):
    recipe = replace(EQUALIZED, defaults=replace(KEPT, per_channel=per_channel))
    whole, data = case(f"{CONV} {reader}", recipe=recipe)
    floats = whole.with_recipe(activations_only(recipe))
    assert "r" in floats.draft.factors
    wanted = run(whole.float_model.to_bytes(), data)["y"]
    np.testing.assert_allclose(run(unrounded(floats.to_bytes()), data)["y"], wanted, atol=1e-4)
    np.testing.assert_array_equal(floats.draft.factors["r"].values, whole.draft.factors["r"].values)


def test_the_weights_of_a_depthwise_reader_are_rounded_as_without():
    recipes = (replace(PLAIN, defaults=KEPT), replace(EQUALIZED, defaults=KEPT))
    (plain, data), (made, _) = (case(f"{CONV} {DEPTHWISE}", recipe=recipe) for recipe in recipes)
    assert made.draft.factors["r"].values.min() < 0.2
    found = [run(unrounded(quantized.to_bytes()), data)["y"] for quantized in (plain, made)]
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)  # steps of biases differ
    stored = [
        {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
        for model in (onnx.load_model_from_string(q.to_bytes()) for q in (plain, made))
    ]
    for name in ("w_quantized", "d_quantized"):
        np.testing.assert_array_equal(stored[1][name], stored[0][name])


@pytest.mark.parametrize("beside", ["", "s = Sigmoid (r) z = Conv (s, v)"])
def test_the_tensor_is_rounded_channel_by_channel(beside):
    body = f"{CONV} {beside} {DEPTHWISE}"
    if beside:
        body = body.replace("y =", "k =") + " y = Concat <axis = 1> (k, k)"
        body = body.replace("Concat <axis = 1> (k, k)", "Mul (k, k)")
    quantized, data = case(body)
    params = quantized.channel_params("r")
    expected = fake_quantize(np.maximum(convolved(quantized, data), 0), params)
    found = run(quantized.tapped_bytes(), data, quantized.tensor_map["r"])["r"]
    steps = np.abs(found - expected) / params.scale.reshape(-1, 1, 1)
    assert (steps > 1e-3).mean() < 1e-3  # what lies in the middle of two codes may take the other
    assert params.scale.max() > 3 * params.scale.min()


def test_quiet_channels_are_told_apart_again():
    recipes = (PLAIN, EQUALIZED)
    (plain, data), (made, _) = (case(f"{CONV} {DEPTHWISE}", recipe=recipe) for recipe in recipes)
    wanted = run(plain.float_model.to_bytes(), data, "r")["r"].astype(np.float64)
    errors = [
        ((run(q.tapped_bytes(), data, "r")["r"] - wanted) ** 2).mean(axis=(0, 2, 3))
        for q in (plain, made)
    ]
    quiet = made.draft.factors["r"].values < 0.4
    assert quiet.sum() >= 3
    assert errors[1][quiet].sum() < errors[0][quiet].sum() / 2


def test_one_scale_for_a_weight_serves_its_quiet_channels_again():
    one = replace(SETTINGS, per_channel=False)
    made = [
        case(f"{CONV} {DENSE}", recipe=replace(recipe, defaults=one))
        for recipe in (PLAIN, EQUALIZED)
    ]
    errors = [analysis.compare(q.float_model, q, data).outputs["y"].sqnr_db for q, data in made]
    assert errors[1] > errors[0] + 1


def test_all_still_runs_on_integers_and_every_level_agrees():
    quantized, _ = case(f"{CONV} {DEPTHWISE}")
    kernels = [node.op_type for node in optimized(quantized.to_bytes()).graph.node]
    assert kernels.count("QLinearConv") == 2
    assert not {"Conv", "Mul"} & set(kernels)
    quantized.verify()


def test_a_float_reader_gets_real_units():
    quantized, data = case(
        f"{CONV} k = Conv <group = 6, pads = [1, 1, 1, 1]> (r, d) s = Sigmoid (r) y = Mul (k, s)",
        recipe=EQUALIZED.with_rule(Rule("op_type", "Sigmoid", {"skip": True})),
    )
    kernels = [node.op_type for node in optimized(quantized.to_bytes()).graph.node]
    assert kernels.count("QLinearConv") == 2
    assert "r" in quantized.draft.factors
    wanted = run(quantized.float_model.to_bytes(), data)["y"]
    found = run(quantized.to_bytes(), data)["y"]
    assert np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()


@pytest.mark.parametrize("drop", ["lossless", "never", "always"])
def test_what_a_clip_holds_back_stays_back(drop):
    recipe = replace(EQUALIZED, defaults=replace(SETTINGS, drop_activation=drop))
    quantized, data = case(f"c = Conv (x, w, b) r = Clip (c, lo, hi) {DEPTHWISE}", recipe=recipe)
    assert "r" in quantized.draft.factors
    wanted = run(quantized.float_model.to_bytes(), data, "r")["r"]
    found = run(quantized.tapped_bytes(), data, "r")["r"]
    assert found.max() <= 6 + quantized.params["r"].scale
    scale = quantized.channel_params("r").scale.reshape(-1, 1, 1)
    assert np.percentile(np.abs(found - wanted) / scale, 99) < 2


def test_the_local_and_the_cumulative_error_are_those_of_the_tensor_in_real_units():
    quantized, data = case(f"{CONV} {DEPTHWISE}")
    wanted = run(quantized.float_model.to_bytes(), data, "r")["r"].astype(np.float64)
    rounded = fake_quantize(
        np.maximum(convolved(quantized, data), 0), quantized.channel_params("r")
    )
    found = analysis.compare(quantized.float_model, quantized, data).tensors["r"].sqnr_db
    db = 10 * np.log10((wanted**2).sum() / ((rounded - wanted) ** 2).sum())
    assert found == pytest.approx(db, abs=0.05)
    assert local_errors(quantized, data)["r"].sqnr_db == pytest.approx(db, abs=0.05)


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (f"{CONV} k = Conv <group = 6, pads = [1, 1, 1, 1]> (r, d) y = Add (k, r)", {}),
        (f"{CONV} y = MaxPool <kernel_shape = [2, 2]> (r)", {}),
        (f"{CONV} {DEPTHWISE}", {"activation_type": QType.UINT16}),
        (f"{CONV} {DEPTHWISE}", {"quantize_bias": False}),
        (f"{CONV} m = MaxPool <kernel_shape = [2, 2]> (r) y = Conv <group = 6> (m, d)", {}),
    ],
)
def test_where_a_reader_or_the_recipe_wants_one_scale_it_stays(body, changes):
    recipe = replace(EQUALIZED, defaults=replace(SETTINGS, **changes))
    quantized, _ = case(body, recipe=recipe)
    assert not quantized.draft.factors
    assert quantized.to_bytes() == quantized.with_recipe(replace(recipe, repairs=())).to_bytes()


def test_few_values_and_even_channels_are_no_reason():
    few, _ = case(f"{CONV} {DEPTHWISE}", size=9)
    even, _ = case(f"{CONV} {DEPTHWISE}", w=weight(6, 8, 3, 3), b=np.ones(6, np.float32))
    assert not few.draft.factors
    assert not even.draft.factors or even.draft.factors["r"].values.min() > 0.5


def test_no_channel_goes_beyond_a_fixed_range():
    quantized, _ = case(f"{CONV} {DEPTHWISE}")
    fixed = quantized.recipe.with_rule(Rule("tensor", "r", {"range": [0.0, 60.0]}))
    factors = quantized.with_recipe(fixed).draft.factors["r"].values
    assert factors.max() <= 1
    assert factors.min() < 0.1


def test_bias_correction_takes_back_what_the_scaled_weights_leave():
    names = ("equalize", "bias_correction")
    made = [
        case(f"{CONV} {DENSE}", recipe=replace(EQUALIZED, defaults=KEPT, repairs=names[:count]))
        for count in (1, 2)
    ]
    means = []
    for quantized, data in made:
        assert "r" in quantized.draft.factors
        exact = run(quantized.float_model.to_bytes(), data)["y"]
        means.append(
            np.abs((run(unrounded(quantized.to_bytes()), data)["y"] - exact).mean((0, 2, 3)))
        )
    assert means[1].max() < means[0].max() / 2
