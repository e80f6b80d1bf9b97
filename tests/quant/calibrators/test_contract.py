"""What every calibrator promises, whatever it does."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant.calibrators import REGISTRY, ThresholdSearchCalibrator, calibrator_from_json
from quant.io.codec import to_json
from quant.numerics import fake_quantize, params_from_range
from quant.types import QType, QuantSpec
from tests.hypothesis_profile import examples
from tests.quant.awkward_data import AWKWARD, DEGENERATE
from tests.quant.statistics.statistics_of import statistics_of

NAMES = sorted(REGISTRY)
CASES = AWKWARD | DEGENERATE
SPECS = {
    "int8 symmetric": QuantSpec(QType.INT8, symmetric=True),
    "uint8": QuantSpec(QType.UINT8, symmetric=False),
    "uint8 symmetric": QuantSpec(QType.UINT8, symmetric=True),
    "int4": QuantSpec(QType.INT4, symmetric=False),
    "int16": QuantSpec(QType.INT16, symmetric=False),
}


@functools.cache
def stats_of(case):
    return statistics_of(CASES[case])


def assert_sane(rmin, rmax, stats, spec):
    assert rmin <= 0 <= rmax
    assert min(stats.min, 0) <= rmin
    assert rmax <= max(stats.max, 0)
    assert rmin < rmax or stats.abs_max == 0
    params_from_range(rmin, rmax, spec)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_range_holds_zero_and_stays_within_the_observed(name, case, spec):
    stats = stats_of(case)
    assert_sane(*REGISTRY[name]().range(stats, spec), stats, spec)


@pytest.mark.parametrize("name", NAMES)
@given(
    x=hnp.arrays(
        np.float32,
        st.integers(1, 30),
        elements=st.floats(-(2.0**100), 2.0**100, width=32) | st.just(0.0),
    ),
    spec=st.sampled_from(list(SPECS.values())),
)
@examples(12)
def test_range_is_sane_for_arbitrary_data(name, x, spec):
    stats = statistics_of(x)
    found = REGISTRY[name]().range(stats, spec)
    assert_sane(*found, stats, spec)
    assert REGISTRY[name]().range(statistics_of(x), spec) == found


@pytest.mark.parametrize("spec", [SPECS["int8 symmetric"], SPECS["uint8"]], ids=str)
@pytest.mark.parametrize("case", ["normal", "gelu", "after relu", "one outlier", "offset"])
@pytest.mark.parametrize("name", NAMES)
def test_range_scales_exactly_with_a_power_of_two(name, case, spec):
    calibrator = REGISTRY[name]()
    rmin, rmax = calibrator.range(stats_of(case), spec)
    scaled = calibrator.range(statistics_of(AWKWARD[case] * np.float32(2.0**-9)), spec)
    assert scaled == pytest.approx((rmin * 2.0**-9, rmax * 2.0**-9), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_error_is_the_same_share_of_the_signal_at_any_scale(name):
    spec = SPECS["uint8"]
    calibrator = REGISTRY[name]()

    def noise(x):
        params = params_from_range(*calibrator.range(statistics_of(x), spec), spec)
        return np.square(x - fake_quantize(x, params)).sum() / np.square(x).sum()

    x = np.random.default_rng(3).standard_normal(400_000).astype(np.float32)
    assert noise(x * np.float32(0.37)) == pytest.approx(noise(x), rel=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_json_round_trip_gives_the_same_calibrator(name):
    calibrator = REGISTRY[name]()
    assert calibrator_from_json(to_json(calibrator)) == calibrator
    assert calibrator_from_json({"name": name}) == calibrator


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name):
    cls = REGISTRY[name]
    assert cls.name == name
    assert cls.label
    assert cls.summary.endswith(".")


@pytest.mark.parametrize("case", AWKWARD)
@pytest.mark.parametrize(
    "name", [n for n in NAMES if issubclass(REGISTRY[n], ThresholdSearchCalibrator)]
)
def test_curves_ascend_and_end_at_the_largest_magnitude(name, case):
    stats = stats_of(case)
    curve = REGISTRY[name]().curve(stats, SPECS["int8 symmetric"])
    assert curve.name == name
    assert curve.thresholds.shape == curve.cost.shape
    assert (np.diff(curve.thresholds) >= 0).all()
    assert curve.thresholds[-1] == stats.abs_max
    assert (curve.cost >= 0).all()
    assert np.isfinite(curve.cost[-1])
    assert curve.best in curve.thresholds


@pytest.mark.parametrize("spec", [SPECS["int8 symmetric"], SPECS["uint8"]], ids=str)
@pytest.mark.parametrize(
    "case",
    ["offset", "negative offset", "constant", "negative constant", "one value", "two values"],
)
@pytest.mark.parametrize("name", NAMES)
def test_data_away_from_zero_is_not_clipped_away(name, case, spec):
    x = AWKWARD[case]
    params = params_from_range(*REGISTRY[name]().range(stats_of(case), spec), spec)
    noise = np.square(x - fake_quantize(x, params), dtype=np.float64).sum()
    assert noise <= 1e-3 * np.square(x, dtype=np.float64).sum()


@pytest.mark.parametrize("name", ["kl", "symmetric_kl", "js", "mse"])
def test_a_spike_of_zeros_does_not_make_a_divergence_clip_more(name):
    spec = SPECS["int8 symmetric"]
    plain = REGISTRY[name]().range(stats_of("normal"), spec)
    assert REGISTRY[name]().range(stats_of("zero spike"), spec) == pytest.approx(plain)
