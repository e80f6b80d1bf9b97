"""The balanced calibrator: rare samples give way, and functions that are written out count."""

from dataclasses import replace

import numpy as np
import pytest

from quant.calibrators.balanced import Balanced
from quant.calibrators.mse import Mse
from quant.error_model.consumers import consumer_functions, consumer_types
from quant.error_model.context import NO_CONTEXT
from quant.opening.loading import load
from quant.types import QType, QuantSpec
from tests.nets import network, weight
from tests.quant.statistics.statistics_of import statistics_of

UINT8 = QuantSpec(QType.UINT8, symmetric=False)
INT8 = QuantSpec(QType.INT8, symmetric=True)
RNG = np.random.default_rng(11)


@pytest.mark.parametrize("spec", [UINT8, INT8], ids=str)
def test_where_nothing_is_wanted_it_is_the_range_of_least_squared_error(spec):
    stats = statistics_of(RNG.standard_normal(50_000).astype(np.float32))
    assert Balanced(wanted_db=0.0).range(stats, spec) == pytest.approx(
        Mse().range(stats, spec), rel=1e-6
    )


def test_one_sample_that_reaches_ten_times_as_far_does_not_stretch_the_range():
    x = RNG.standard_normal((20, 4096)).astype(np.float32)
    x[7, :40] *= 60
    stats = statistics_of(*x)
    low, high = Balanced(wanted_db=40.0).range(stats, UINT8)
    assert high <= stats.mean_sample_max < stats.high / 5
    assert low >= stats.mean_sample_min
    assert Balanced(wanted_db=0.0).range(stats, UINT8)[1] > 2 * high


def test_a_channel_that_is_large_in_every_sample_keeps_its_range():
    x = RNG.standard_normal((20, 4096)).astype(np.float32)
    x[:, :16] = 40
    stats = statistics_of(*x)
    assert Balanced(wanted_db=60.0).range(stats, UINT8)[1] == pytest.approx(40, rel=0.01)


SWISH = "s = Sigmoid (c) m = Mul (c, s)"
HARD_SWISH = {
    "by HardSigmoid": "s = HardSigmoid (c) m = Mul (s, c)",
    "by Clip": "a = Add (c, three) s = Clip (a, zero, six) p = Mul (c, s) m = Div (p, six)",
}


def functions_of(body: str):
    constants = {"zero": 0, "three": 3, "six": 6}
    text = f"""(float[1, 4, 5, 5] x) => (float[1, 4, 5, 5] y) {{
        c = Conv (x, w) {body} y = Conv (m, w)
    }}"""
    weights = {name: np.float32(value) for name, value in constants.items() if name in body}
    model = load(network(text, w=weight(4, 4, 1, 1), **weights))
    return consumer_functions(model)["c"], consumer_types(model)["c"]


def test_a_swish_written_out_is_one_function():
    assert functions_of(SWISH) == (("Swish",), ("Mul", "Sigmoid"))


@pytest.mark.parametrize("body", HARD_SWISH.values(), ids=HARD_SWISH)
def test_a_hard_swish_written_out_is_one_function(body):
    assert functions_of(body)[0] == ("HardSwish",)


def test_a_gate_of_something_else_or_with_another_reader_is_none():
    assert functions_of("d = Tanh (c) s = Sigmoid (d) m = Mul (c, s)")[0] == ("Mul", "Tanh")
    other = "s = Sigmoid (c) n = Mul (c, s) m = Add (n, s)"
    assert functions_of(other)[0] == ("Mul", "Sigmoid")


def test_what_a_swish_flattens_needs_no_codes():
    stats = statistics_of((RNG.standard_normal(50_000) * 8).astype(np.float32))
    known = replace(NO_CONTEXT, consumer_functions=("Swish",))
    assert Balanced().range(stats, UINT8)[0] < -20
    assert -12 < Balanced().range(stats, UINT8, known)[0] < -1


def test_a_sigmoid_alone_flattens_nothing():
    stats = statistics_of((RNG.standard_normal(50_000) * 8).astype(np.float32))
    known = replace(NO_CONTEXT, consumer_functions=("Sigmoid",))
    assert Balanced().range(stats, UINT8, known) == Balanced().range(stats, UINT8)
