"""Channels divided behind float operators, against arithmetic by hand."""

from dataclasses import replace

import numpy as np
import pytest

import quant
from quant.ablation import activations_only, weights_only
from quant.numerics import dequantize_linear, fake_quantize
from quant.params.equalized import seen_through, weight_factors
from quant.recipe.recipe import Recipe
from quant.recipe.settings import Settings
from quant.runtime.optimized import optimized
from tests.models import unrounded
from tests.nets import network, weight
from tests.quant.repairs.test_equalize import run

SETTINGS = Settings(placement="integer_kernels")
SMOOTHED = Recipe(defaults=SETTINGS, repairs=("smooth",))
LOUD = np.geomspace(0.1, 8, 16).astype(np.float32)


def case(body, w, *, recipe=SMOOTHED, shape="N, 64, 16", count=40):
    """An int8 model whose float result ``u`` has loud channels, and its data."""
    cubes = "s = Mul (x, x) t = Mul (s, x) u = Mul (t, g)"
    text = f"(float[{shape}] x) => (float[{shape[:-2]}12] y) {{ {cubes} {body} }}"
    model = quant.load(network(text, g=LOUD, w=w))
    sizes = [64, 16] if "64" in shape else [16]
    x = np.random.default_rng(3).standard_normal((count, *sizes)).astype(np.float32) * 2
    data = quant.open_data({"x": x}, model)
    return quant.quantize(model, quant.calibrate(model, data), recipe), data


def matmul(**changes):
    return case("y = MatMul (u, w)", weight(16, 12), **changes)


def test_the_float_model_computes_the_same_with_the_factors():
    quantized, data = matmul()
    floats = quantized.with_recipe(activations_only(quantized.recipe))
    assert floats.draft.factors["u"].values.min() < 0.3
    wanted = run(quantized.float_model.to_bytes(), data)["y"]
    np.testing.assert_allclose(run(unrounded(floats.to_bytes()), data)["y"], wanted, atol=1e-4)


def test_the_integers_are_those_of_the_divided_tensor():
    quantized, data = matmul()
    factors = quantized.draft.factors["u"].values.astype(np.float64)
    u = run(quantized.float_model.to_bytes(), data, "u")["u"].astype(np.float64)
    rounded = fake_quantize((u / factors).astype(np.float32), quantized.params["u"])
    item = next(i for i in quantized.draft.constants if i.name == "w")
    w = quantized.float_model.constant("w")
    by = weight_factors(
        quantized.float_model, quantized.plan, quantized.constants, quantized.draft.factors
    )
    seen = seen_through(item, w, by[item.node]).astype(np.float64) * factors[:, None]
    np.testing.assert_allclose(
        run(quantized.to_bytes(), data)["y"], rounded.astype(np.float64) @ seen, rtol=0, atol=1e-3
    )
    # No weight is further from what it stands for than half a step of its column.
    step = np.abs(w * factors[:, None]).max(axis=0) / 127
    assert (np.abs(seen - w * factors[:, None]) <= step / 2 + 1e-6).all()


def test_quiet_channels_are_told_apart_again():
    quantized, data = matmul()
    plain = quantized.with_recipe(replace(quantized.recipe, repairs=()))
    u = run(plain.float_model.to_bytes(), data, "u")["u"].astype(np.float64)
    errors = [
        ((run(q.tapped_bytes(), data, q.tensor_map["u"])[q.tensor_map["u"]] - u) ** 2).mean((0, 1))
        for q in (plain, quantized)
    ]
    assert errors[1][:6].sum() < errors[0][:6].sum() / 3


def test_the_product_still_runs_on_integers():
    quantized, _ = matmul()
    kernels = {node.op_type for node in optimized(quantized.to_bytes()).graph.node}
    assert "MatMul" not in kernels
    quantized.verify()


def test_a_gemm_takes_the_factors_in_along_its_axis():
    quantized, data = case("y = Gemm <transB = 1> (u, w)", weight(12, 16), shape="N, 16", count=900)
    assert "u" in quantized.draft.factors
    wanted = run(quantized.float_model.to_bytes(), data)["y"]
    found = run(quantized.to_bytes(), data)["y"]
    assert np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()


@pytest.mark.parametrize("count", [4])
def test_few_values_are_no_reason(count):
    quantized, _ = matmul(count=count)
    assert not quantized.draft.factors


def test_weights_are_rounded_as_the_recipe_stores_them():
    quantized, _ = matmul()
    item = next(i for i in quantized.draft.constants if i.name == "w")
    node = quantized.plan.nodes[item.node].node
    seen = quantized.draft.seen_weight(node, item)
    plain = dequantize_linear(item.codes, item.params)
    w = quantized.float_model.constant("w")
    assert np.abs(seen - plain).max() > 0
    assert np.abs(seen - w).max() < 0.1


@pytest.mark.parametrize("part", [None, weights_only, activations_only])
def test_an_input_of_the_model_is_divided_too(part):
    model = quant.load(network("(float[N, 16] x) => (float[N, 12] y) { y = MatMul (x, w) }",
                               w=weight(16, 12)))  # fmt: skip
    x = np.random.default_rng(3).standard_normal((900, 16)).astype(np.float32)
    data = quant.open_data({"x": x**3 * LOUD}, model)
    calibration = quant.calibrate(model, data)
    recipe = part(SMOOTHED) if part else SMOOTHED
    quantized = quant.quantize(model, calibration, recipe)
    assert quantized.draft.factors["x"].values.min() < 0.3
    wanted, found = (run(q.to_bytes(), data)["y"] for q in (model, quantized))
    assert np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()
