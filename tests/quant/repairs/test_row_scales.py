"""Tables of embeddings in integers: the rows that are picked, by hand."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

import quant
from quant.ablation import activations_only, weights_only
from quant.numerics import dequantize_linear, params_from_range, quantize_linear
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.runtime.session import LEVELS, InferenceSession
from quant.types import PerChannel, QType, QuantSpec
from tests.nets import network, weight

RECIPE = Recipe(defaults=Settings(placement="integer_kernels"), repairs=("row_scales",))
ROWS, WIDTH = 600, 64
RNG = np.random.default_rng(4)
TABLE = (RNG.standard_normal((ROWS, WIDTH)) * np.geomspace(0.01, 100, ROWS).reshape(-1, 1)).astype(
    np.float32
)
TABLE[3] = 0
INDICES = RNG.integers(-ROWS, ROWS, (8, 5))
INDICES[0, :2] = (3, -ROWS)


def case(body="y = Gather (t, i)", *, recipe=RECIPE, outputs="float[N, S, D] y", **constants):
    constants = {"t": TABLE, **constants}
    model = quant.load(network(f"(int64[N, S] i) => ({outputs}) {{ {body} }}", **constants))
    data = quant.open_data({"i": INDICES}, model)
    return quant.quantize(model, quant.calibrate(model, data), recipe)


def run(quantized, level="disabled"):
    return InferenceSession(quantized.to_bytes(), level=level).run({"i": INDICES})


def by_hand(table=TABLE):
    spec = QuantSpec(QType.INT8, symmetric=True, granularity=PerChannel(0), narrow_range=True)
    params = params_from_range(table.min(axis=1), table.max(axis=1), spec)
    return dequantize_linear(quantize_linear(table, params), params)


def test_each_row_is_rounded_by_its_own_width():
    quantized = case()
    for level in LEVELS:
        np.testing.assert_array_equal(run(quantized, level)["y"], by_hand()[INDICES])
    error = np.abs(run(quantized)["y"] - TABLE[INDICES])
    assert (error <= np.abs(TABLE[INDICES]).max(axis=-1, keepdims=True) / 253).all()
    quantized.verify()


def test_the_file_takes_a_quarter():
    quantized = case()
    assert len(quantized.to_bytes()) < 0.3 * len(quantized.float_model.to_bytes())


def test_two_readers_share_one_table():
    body = "a = Gather (t, i) j = Div (i, two) b = Gather <axis = 0> (t, j) y = Add (a, b)"
    quantized = case(body, two=np.int64(2))
    assert len(quantized.draft.tables) == 2
    halves = np.trunc(INDICES / 2).astype(int)
    np.testing.assert_array_equal(run(quantized)["y"], sum(by_hand()[i] for i in (INDICES, halves)))
    graph = onnx.load_model_from_string(quantized.to_bytes()).graph
    assert sum(list(item.dims) == [ROWS, WIDTH] for item in graph.initializer) == 1


@pytest.mark.parametrize(
    ("body", "outputs", "constants"),
    [
        (
            "e = Gather (t, i) h = MatMul (e, w) y = MatMul (h, t)",
            "float[N, S, D] y",
            {"w": weight(WIDTH, ROWS)},
        ),
        (
            "k = Mod (i, width) g = Gather <axis = 1> (t, k) y = Sigmoid (g)",
            "float[D, N, S] y",
            {"width": np.int64(WIDTH)},
        ),
        ("y = Gather (small, i)", "float[N, S, D] y", {"small": weight(ROWS, 8)}),
        ("y = Gather (deep, i)", "float[N, S, D, E] y", {"deep": weight(ROWS, 8, 8)}),
    ],
)  # fmt: skip
def test_what_is_more_or_less_than_a_table_of_rows_stays(body, outputs, constants):
    used = {"t": TABLE} if "(t" in body else {}
    text = f"(int64[N, S] i) => ({outputs}) {{ z = Identity (i) {body} }}"
    model = quant.load(network(text, **used, **constants))
    calibration = quant.calibrate(model, quant.open_data({"i": INDICES}, model))
    assert not quant.quantize(model, calibration, RECIPE).draft.tables


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE.with_rule(Rule("op_type", "Gather", {"skip": True})),
        RECIPE.with_rule(Rule("op_type", "Gather", {"quantize_weight": False})),
        replace(RECIPE, defaults=Settings(placement="everything")),
        replace(RECIPE, defaults=replace(RECIPE.defaults, weight_type=QType.INT16)),
        activations_only(RECIPE),
    ],
)
def test_the_recipe_decides(recipe):
    assert not case(recipe=recipe).draft.tables


def test_it_counts_among_the_weights():
    made = case(recipe=weights_only(RECIPE))
    np.testing.assert_array_equal(run(made)["y"], by_hand()[INDICES])
