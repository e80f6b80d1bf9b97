"""The verdict "lossless to drop", against every code and every range."""

import math

import numpy as np
import pytest

from quant.numerics import fake_quantize, quantize_linear
from quant.params.clamps import clamps_the_same, drop_loss_db
from quant.types import PerTensor, QType, QuantParams, QuantSpec
from tests.quant.statistics.statistics_of import statistics_of


def codes_change(lo: float, hi: float, params: QuantParams) -> bool:
    """Quantize every real number that could tell a difference, with and without the clamp.

    Codes change only at multiples of half a step, so reals a quarter of a step apart, far past
    both ends and the bounds themselves, meet every case.
    """
    step = np.float32(params.scale)
    reach = 2 * params.spec.qtype.levels
    reals = np.arange(-4 * reach, 4 * reach + 1).astype(np.float32) * (step / np.float32(4))
    bounds = [b for b in (lo, hi) if math.isfinite(b)]
    near = [np.nextafter(np.float32(b), np.float32(s)) for b in bounds for s in (-9e9, 9e9)]
    reals = np.concatenate([reals, np.float32(bounds), np.float32(near), np.float32([-1e9, 1e9])])
    clamped = np.clip(reals, np.float32(lo), np.float32(hi))
    return not np.array_equal(quantize_linear(reals, params), quantize_linear(clamped, params))


def params_of(qtype: QType, zero_point: int, scale: float) -> QuantParams:
    spec = QuantSpec(qtype, symmetric=False, granularity=PerTensor())
    return QuantParams(np.asarray(scale, np.float32), np.asarray(zero_point, np.int32), spec)


@pytest.mark.parametrize("qtype", [QType.INT8, QType.UINT8])
@pytest.mark.parametrize("scale", [0.0235294122, 0.1, 1.0, 3e-5])
def test_relu_is_lossless_to_drop_exactly_where_no_code_changes(qtype, scale):
    lossless = 0
    for zero_point in range(qtype.qmin, qtype.qmax + 1):
        params = params_of(qtype, zero_point, scale)
        verdict = clamps_the_same(0.0, math.inf, params)
        assert verdict == (not codes_change(0.0, math.inf, params))
        lossless += verdict
    assert lossless == 1


@pytest.mark.parametrize("qtype", [QType.INT8, QType.UINT8])
@pytest.mark.parametrize("bounds", [(0.0, 6.0), (-1.0, 1.0), (-3.0, 0.5), (-math.inf, 2.0)])
def test_clip_is_lossless_to_drop_exactly_where_no_code_changes(qtype, bounds):
    seen = set()
    for zero_point in range(qtype.qmin, qtype.qmax + 1):
        for scale in (6 / 255, 1 / 127, 1.99 / 255, 0.9 * 6 / 255, 1.004 * 6 / 255, 0.01, 0.2):
            params = params_of(qtype, zero_point, scale)
            verdict = clamps_the_same(*bounds, params)
            assert verdict == (not codes_change(*bounds, params)), (zero_point, scale)
            seen.add(verdict)
    assert seen == {True, False}


def test_a_bound_on_a_tie_follows_the_rounding_of_quantize_linear():
    # 6 / scale = 254.5 rounds to even, 254: the code 255 stays out of Clip's reach.
    params = params_of(QType.UINT8, 0, 6 / 254.5)
    assert clamps_the_same(0.0, 6.0, params) == (not codes_change(0.0, 6.0, params))


def test_the_cost_of_a_lossy_drop_is_that_of_the_real_values():
    rng = np.random.default_rng(5)
    before = rng.standard_normal(200_000).astype(np.float32)
    params = params_of(QType.INT8, 0, 4 / 127)
    reference = np.maximum(before, 0)

    def noise(x):
        return float(np.mean((fake_quantize(x, params) - reference).astype(np.float64) ** 2))

    expected = 10 * math.log10(noise(before) / noise(reference))
    found = drop_loss_db(0.0, math.inf, statistics_of(before), params)
    assert found == pytest.approx(expected, abs=0.2)


def test_a_lossless_drop_costs_nothing():
    before = np.random.default_rng(5).standard_normal(10_000).astype(np.float32)
    params = params_of(QType.UINT8, 0, 4 / 255)
    assert drop_loss_db(0.0, math.inf, statistics_of(before), params) == 0
