import numpy as np
import pytest

from quant.calibrators.base import within
from quant.calibrators.mse import Mse
from quant.numerics import fake_quantize, params_from_range
from quant.types import QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

SPECS = [
    QuantSpec(QType.INT8, symmetric=True),
    QuantSpec(QType.UINT8, symmetric=False),
    QuantSpec(QType.UINT8, symmetric=True),
    QuantSpec(QType.INT4, symmetric=False),
    QuantSpec(QType.INT16, symmetric=False),
]
CASES = ["normal", "after relu", "gelu", "one outlier", "offset", "zero spike", "negative"]


def measured(x, found, spec):
    real = x.astype(np.float64)
    return float(np.square(real - fake_quantize(x, params_from_range(*found, spec))).mean())


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_cost_is_the_error_that_fake_quantize_makes(case, spec):
    x = AWKWARD[case]
    stats = statistics_of(x)
    curve = Mse().curve(stats, spec)
    for k in (100, 700, 1500, 2047):
        expected = measured(x, within(stats, curve.thresholds[k]), spec)
        assert curve.cost[k] == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_no_threshold_of_a_plain_loop_is_better(case, spec):
    x = AWKWARD[case]
    stats = statistics_of(x)
    found = measured(x, Mse().range(stats, spec), spec)
    for share in np.linspace(1, 64, 64) / 64:
        least = measured(x, within(stats, share * stats.abs_max), spec)
        assert found <= least * 1.02


@pytest.mark.parametrize("case", ["normal", "gelu"])
def test_asymmetric_search_finds_what_a_loop_over_both_ends_finds(case):
    x = AWKWARD[case][:4000]
    stats = statistics_of(x)
    spec = QuantSpec(QType.INT4, symmetric=False)
    found = measured(x, Mse().range(stats, spec), spec)
    shares = np.linspace(0, 1, 33)
    least = min(
        measured(x, (stats.low * a, stats.high * b), spec) for a in shares for b in shares[1:]
    )
    assert found <= least * 1.01


def test_coarse_codes_are_worth_more_clipping():
    stats = statistics_of(AWKWARD["normal"])
    ends = [
        Mse().range(stats, QuantSpec(qtype, symmetric=True))[1]
        for qtype in (QType.INT4, QType.INT8, QType.INT16)
    ]
    assert ends == sorted(ends)
    assert ends[2] == pytest.approx(stats.abs_max, rel=1e-3)
