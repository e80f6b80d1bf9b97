import numpy as np
import pytest

from quant.error_model.code_counts import code_counts
from quant.numerics import params_from_range, quantize_linear
from quant.types import QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

UINT8 = QuantSpec(QType.UINT8, symmetric=False)
INT4 = QuantSpec(QType.INT4, symmetric=True)


@pytest.mark.parametrize("spec", [UINT8, INT4], ids=str)
@pytest.mark.parametrize("case", ["normal", "after relu", "gelu", "relu6", "zero spike", "offset"])
def test_codes_are_counted_as_quantizing_the_values_gives_them(case, spec):
    x = AWKWARD[case]
    stats = statistics_of(x)
    params = params_from_range(0.7 * stats.low, 0.7 * stats.high, spec)
    codes = quantize_linear(x, params).astype(np.int64) - spec.qmin
    expected = np.bincount(codes, minlength=spec.qmax - spec.qmin + 1)
    found = code_counts(stats, params)
    assert found.sum() == pytest.approx(x.size)
    assert np.abs(np.cumsum(found) - np.cumsum(expected)).max() <= 0.003 * x.size


def test_only_values_between_the_ends_are_counted():
    stats = statistics_of([-2.0, -1.0, 0.0, 0.0, 1.0, 3.0])
    params = params_from_range(-2.0, 3.0, UINT8)
    zero = int(params.zero_point)
    assert code_counts(stats, params, high=0.0)[:zero].sum() == pytest.approx(2)
    assert code_counts(stats, params, high=0.0)[zero:].sum() == pytest.approx(0)
    assert code_counts(stats, params, low=0.0)[zero] == pytest.approx(2)
    assert code_counts(stats, params, low=0.0).sum() == pytest.approx(4)
