import math

import numpy as np
import pytest

from quant.error_model.local_error import local_error
from quant.numerics import fake_quantize, params_from_range
from quant.types import PerChannel, QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

SPECS = {
    "int8 symmetric": QuantSpec(QType.INT8, symmetric=True),
    "uint8": QuantSpec(QType.UINT8, symmetric=False),
    "int4": QuantSpec(QType.INT4, symmetric=False),
}
CASES = ["normal", "after relu", "relu6", "gelu", "negative", "one outlier", "zero spike", "offset"]


def measured(x, params):
    rmin, rmax = params.representable
    real = x.astype(np.float64)
    below, above = real < rmin * (1 + 1e-6), real > rmax * (1 + 1e-6)
    error = np.square(real - fake_quantize(x, params))
    outside = below | above
    return (
        below.mean(),
        above.mean(),
        error[outside].sum() / x.size,
        error[~outside].sum() / x.size,
        np.square(real).mean(),
    )


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("share", [1.0, 0.5, 0.05])
@pytest.mark.parametrize("case", [*CASES, "huge", "tiny"])
def test_prediction_agrees_with_fake_quantize(case, share, spec):
    x = AWKWARD[case]
    stats = statistics_of(x)
    params = params_from_range(share * stats.low, share * stats.high, spec)
    below, above, clipping, rounding, power = measured(x, params)
    found = local_error(stats, params)
    assert found.clip_rate_below == pytest.approx(below, abs=1e-3)
    assert found.clip_rate_above == pytest.approx(above, abs=1e-3)
    assert found.clip_rate == found.clip_rate_below + found.clip_rate_above
    mse = clipping + rounding
    assert found.clipping_mse == pytest.approx(clipping, rel=0.03, abs=0.01 * mse)
    assert found.rounding_mse == pytest.approx(rounding, rel=0.03, abs=0.01 * mse)
    assert found.signal_power == pytest.approx(power, rel=0.01)
    assert found.sqnr_db == pytest.approx(10 * math.log10(power / mse), abs=0.15)


@pytest.mark.parametrize("case", [n for n, x in AWKWARD.items() if x.min() >= 0 or x.max() <= 0])
def test_observed_range_of_one_sided_data_clips_nothing(case):
    stats = statistics_of(AWKWARD[case])
    for spec in SPECS.values():
        found = local_error(stats, params_from_range(stats.low, stats.high, spec))
        assert found.clip_rate == 0


def test_spike_at_the_end_of_the_range_is_not_clipped_and_beyond_it_is():
    x = AWKWARD["relu6"]
    stats = statistics_of(x)
    spec = SPECS["uint8"]
    assert local_error(stats, params_from_range(0, 6, spec)).clip_rate == 0
    spike = np.count_nonzero(x == 6) / x.size
    assert local_error(stats, params_from_range(0, 5.999, spec)).clip_rate >= spike * 0.99


def test_zeros_are_free_of_error():
    found = local_error(
        statistics_of(np.zeros(10)), params_from_range(-1, 2, SPECS["int8 symmetric"])
    )
    assert (found.mse, found.sqnr_db) == (0, math.inf)
    assert (found.clipping_share, found.rounding_share) == (0, 0)


def test_shares_add_up():
    stats = statistics_of(AWKWARD["normal"])
    found = local_error(stats, params_from_range(-2, 2, SPECS["uint8"]))
    assert found.clipping_share + found.rounding_share == pytest.approx(1)
    assert found.clipping_share > 0.9


def test_parameters_per_channel_are_refused():
    spec = QuantSpec(QType.INT8, symmetric=True, granularity=PerChannel(0))
    with pytest.raises(ValueError, match="per tensor"):
        local_error(statistics_of([1.0]), params_from_range([-1.0], [1.0], spec))
