import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.calibrators.percentile import Percentile
from quant.types import QType, QuantSpec
from tests.hypothesis_profile import examples
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

SYMMETRIC = QuantSpec(QType.INT8, symmetric=True)
ASYMMETRIC = QuantSpec(QType.UINT8, symmetric=False)


@pytest.mark.parametrize("case", ["normal", "after relu", "gelu", "offset", "negative"])
@pytest.mark.parametrize("p", [90.0, 99.0, 99.99])
def test_range_keeps_that_share_of_the_values(case, p):
    x = AWKWARD[case].astype(np.float64)
    lost = (1 - p / 100) * x.size
    low, high = Percentile(p).range(statistics_of(x), SYMMETRIC)
    assert np.count_nonzero(np.abs(x) > max(-low, high)) == pytest.approx(lost, abs=4, rel=0.02)
    low, high = Percentile(p).range(statistics_of(x), ASYMMETRIC)
    outside = np.count_nonzero((x < low) | (x > high))
    assert outside == pytest.approx(lost, abs=12, rel=0.02)  # Gelu piles up at its minimum


def test_one_sided_data_gives_up_its_share_at_the_one_end():
    x = AWKWARD["after relu"]
    _, high = Percentile(99.0).range(statistics_of(x), ASYMMETRIC)
    assert np.count_nonzero(x > high) / x.size == pytest.approx(0.01, abs=5e-4)


@pytest.mark.parametrize("case", ["negative", "negative offset"])
def test_data_below_zero_gives_up_its_share_at_the_lower_end(case):
    x = AWKWARD[case]
    low, high = Percentile(99.0).range(statistics_of(x), ASYMMETRIC)
    assert high == 0
    assert np.count_nonzero(x < low) / x.size == pytest.approx(0.01, abs=5e-4)


def test_data_on_both_sides_gives_up_half_its_share_at_each_end():
    x = AWKWARD["gelu"]
    low, high = Percentile(98.0).range(statistics_of(x), ASYMMETRIC)
    assert np.count_nonzero(x < low) / x.size == pytest.approx(0.01, abs=2e-3)
    assert np.count_nonzero(x > high) / x.size == pytest.approx(0.01, abs=5e-4)


@pytest.mark.parametrize("case", AWKWARD)
@pytest.mark.parametrize("spec", [SYMMETRIC, ASYMMETRIC], ids=str)
def test_all_values_is_the_observed_range(case, spec):
    stats = statistics_of(AWKWARD[case])
    low, high = Percentile(100.0).range(stats, spec)
    assert (low, high) == (stats.low, stats.high)


@given(st.floats(50, 100), st.floats(50, 100), st.sampled_from(["normal", "gelu", "one outlier"]))
@examples(40)
def test_range_grows_with_the_percentile(a, b, case):
    stats = statistics_of(AWKWARD[case])
    for spec in (SYMMETRIC, ASYMMETRIC):
        small = Percentile(min(a, b)).range(stats, spec)
        large = Percentile(max(a, b)).range(stats, spec)
        assert large[0] <= small[0]
        assert small[1] <= large[1]


def test_one_outlier_is_left_out():
    low, high = Percentile(99.9).range(statistics_of(AWKWARD["one outlier"]), ASYMMETRIC)
    assert -6 < low < -2
    assert 2 < high < 6
