"""Weights rounded with regard to one another, against brute force and against plain rounding."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import quant
from quant.numerics import dequantize_linear
from quant.recipe.recipe import Recipe
from quant.recipe.settings import Settings
from quant.repairs.gptq import compensated, layer_error
from quant.repairs.input_products import POSITIONS, input_products, inputs_of
from quant.runtime.session import InferenceSession
from tests.nets import network, weight

PLAIN = Recipe(defaults=Settings(placement="everything"))
ROUNDED = replace(PLAIN, repairs=("gptq",))
ENDS = (-127, 127)


def mixed(count, channels, size, seed=0):
    """Images whose channels and neighbours go together, as those of real data do."""
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((channels, channels)) * 0.5 + 1
    x = np.einsum("oc,nchw->nohw", mix, rng.standard_normal((count, channels, size, size)))
    return (x + np.roll(x, 1, 3) + np.roll(x, 1, 2)).astype(np.float32)


CONVS = {
    "plain": ("c = Conv (x, w, b)", (5, 6, 3, 3)),
    "strided": ("c = Conv <strides = [2, 1], pads = [1, 0, 2, 1]> (x, w, b)", (5, 6, 3, 2)),
    "dilated": ("c = Conv <dilations = [2, 3], pads = [2, 3, 2, 3]> (x, w, b)", (5, 6, 3, 3)),
    "groups": ("c = Conv <group = 2, pads = [1, 1, 1, 1]> (x, w, b)", (4, 3, 3, 3)),
    "depthwise": ("c = Conv <group = 6, pads = [1, 1, 1, 1]> (x, w, b)", (6, 1, 3, 3)),
    "same": ('c = Conv <auto_pad = "SAME_LOWER", strides = [2, 2]> (x, w, b)', (5, 6, 3, 3)),
}


def conv(name, recipe=ROUNDED, samples=6):
    text, shape = CONVS[name]
    body = f"(float[N, 6, H, W] x) => (float[N, M, P, Q] y) {{ {text} y = Relu (c) }}"
    model = quant.load(network(body, w=weight(*shape), b=weight(shape[0])))
    data = quant.open_data({"x": mixed(samples, 6, 9)}, model)
    return quant.quantize(model, quant.calibrate(model, data), recipe), data


def weight_item(quantized):
    return next(item for item in quantized.draft.constants if item.name == "w")


@pytest.mark.parametrize("name", CONVS)
def test_inputs_times_weights_are_what_the_node_computes(name):
    quantized, data = conv(name)
    node = next(item.node for item in quantized.plan.nodes.values() if item.node.op_type == "Conv")
    x = next(data.batches(2)).feeds["x"]
    rows = inputs_of(quantized.float_model, node, x)
    w = quantized.float_model.constant("w")
    b = quantized.float_model.constant("b")
    groups = rows.shape[1]
    found = np.einsum("pgk,gok->pgo", rows, w.reshape(groups, -1, rows.shape[2]))
    found = np.maximum(found.reshape(len(rows), -1) + b, 0)
    session = InferenceSession(quantized.float_model.to_bytes())
    wanted = np.moveaxis(session.run({"x": x})["y"], 1, -1).reshape(-1, w.shape[0])
    assert len(rows) == min(len(wanted), POSITIONS)
    np.testing.assert_allclose(found, wanted[: len(rows)], atol=1e-4)


@pytest.mark.parametrize("name", CONVS)
def test_every_layer_loses_less_than_by_plain_rounding(name):
    rounded, data = conv(name)
    plain = rounded.with_recipe(PLAIN)
    w = rounded.float_model.constant("w").astype(np.float64)
    b = rounded.float_model.constant("b")
    errors = []
    for quantized in (plain, rounded):
        item = weight_item(quantized)
        difference = (dequantize_linear(item.codes, item.params) - w).astype(np.float32)
        body = f"(float[N, 6, H, W] x) => (float[N, M, P, Q] c) {{ {CONVS[name][0]} }}"
        session = InferenceSession(network(body, w=difference, b=np.zeros_like(b)))
        made = session.run({"x": next(data.batches(6)).feeds["x"]})["c"]
        errors.append(float((made.astype(np.float64) ** 2).sum()))
    assert errors[1] < (0.95 if name == "depthwise" else 0.8) * errors[0]
    steps = np.abs(weight_item(rounded).codes.astype(int) - weight_item(plain).codes.astype(int))
    assert steps.max() >= 1
    assert weight_item(rounded).params is weight_item(plain).params or np.array_equal(
        weight_item(rounded).params.scale, weight_item(plain).params.scale
    )


def test_two_weights_are_rounded_as_brute_force_does():
    rng = np.random.default_rng(1)
    found = best = nearest = 0.0
    for _ in range(200):
        rows = rng.uniform(-3, 3, (1, 1, 3))
        mix = rng.standard_normal((3, 3)) + 1.5
        products = (mix @ mix.T)[None]
        codes = compensated(rows, np.ones((1, 1, 1)), products, 1e-6, ENDS)
        near = [[np.floor(v) + step for step in (-1, 0, 1, 2)] for v in rows[0, 0]]
        choices = itertools.product(*near)
        best += min(layer_error(rows - np.array(c)[None, None], products) for c in choices)
        found += layer_error(rows - codes, products)
        nearest += layer_error(rows - np.rint(rows), products)
    assert best <= found < nearest / 2
    assert found < 4 * best


def test_inputs_that_do_not_go_together_are_rounded_to_the_nearest():
    rows = np.random.default_rng(2).uniform(-100, 100, (3, 4, 150))
    products = np.stack([np.diag(np.linspace(1, 2, 150))] * 3)
    np.testing.assert_array_equal(
        compensated(rows, np.ones(1), products, 0.01, ENDS), np.rint(rows)
    )


def test_it_counts_the_moves_behind_a_block_of_columns():
    rng = np.random.default_rng(3)
    rows, mix = rng.uniform(-3, 3, (2, 5, 150)), rng.standard_normal((2, 150, 40))
    products = mix @ mix.transpose(0, 2, 1)
    codes = compensated(rows, np.ones(1), products, 0.01, ENDS)
    plain = layer_error(rows - np.rint(rows), products)
    assert layer_error(rows - codes, products) < plain / 5


def test_codes_stay_within_their_type():
    rows = np.full((1, 2, 4), 9.0)
    products = np.ones((1, 4, 4)) + np.eye(4) * 0.01
    codes = compensated(rows, np.ones(1), products, 0.01, (-7, 7))
    assert np.abs(codes).max() <= 7


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ("y = MatMul (x, w)", (16, 5)),
        ("y = Gemm (x, w)", (16, 5)),
        ("y = Gemm <transB = 1> (x, w)", (5, 16)),
    ],
)
@pytest.mark.parametrize("per_channel", [True, False])
def test_products_of_matrices_too(body, shape, per_channel):
    text = f"(float[N, 16] x) => (float[N, 5] y) {{ {body} }}"
    model = quant.load(network(text, w=weight(*shape)))
    rng = np.random.default_rng(4)
    x = (rng.standard_normal((8 * 30, 4)) @ rng.standard_normal((4, 16))).astype(np.float32)
    group = network(text.replace("N, 16", "30, 16").replace("N, 5", "30, 5"), w=weight(*shape))
    model = quant.load(group)
    data = quant.open_data({"x": x}, model)
    calibration = quant.calibrate(model, data)
    recipe = replace(ROUNDED, defaults=replace(PLAIN.defaults, per_channel=per_channel))
    errors = []
    for found in (replace(recipe, repairs=()), recipe):
        item = weight_item(quant.quantize(model, calibration, found))
        error = dequantize_linear(item.codes, item.params) - model.constant("w")
        made = x @ (error.T if "transB" in body else error)
        errors.append(float((made**2).sum()))
    assert errors[1] < errors[0] / 4


def test_the_products_are_those_of_the_examples():
    quantized, _ = conv("plain")
    node = next(item.node for item in quantized.plan.nodes.values() if item.node.op_type == "Conv")
    found = input_products(quantized.float_model, quantized.calibration, [node])[node.name]
    examples = [example.feeds["x"] for example in quantized.calibration.examples]
    held = max(1, round(len(examples) / 4))
    for products, feeds in ((found.fitting, examples[:-held]), (found.judging, examples[-held:])):
        rows = np.concatenate([inputs_of(quantized.float_model, node, x)[:, 0] for x in feeds])
        wanted = rows.T.astype(np.float64) @ rows / len(rows)
        np.testing.assert_allclose(products[0], wanted, rtol=1e-4, atol=1e-4)


def test_one_sample_is_too_few_and_that_is_said():
    quantized, _ = conv("plain", samples=1)
    assert any("gptq: fewer than 2 samples" in note for note in quantized.notes)
    assert np.array_equal(
        weight_item(quantized).codes, weight_item(quantized.with_recipe(PLAIN)).codes
    )


def test_the_same_inputs_give_the_same_bytes():
    first, _ = conv("groups")
    second, _ = conv("groups")
    assert first.to_bytes() == second.to_bytes()


def test_bias_correction_goes_behind_it():
    both, data = conv("plain", recipe=replace(PLAIN, repairs=("gptq", "bias_correction")))
    assert np.array_equal(weight_item(both).codes, weight_item(both.with_recipe(ROUNDED)).codes)
    both.verify()
    assert len(data) == 6
