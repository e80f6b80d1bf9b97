import numpy as np
import pytest

from analysis.ranges.cost_curves import ORDER, divergence_curves
from quant.calibrators import REGISTRY
from quant.types import QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

SPEC = QuantSpec(QType.UINT8, symmetric=False)


@pytest.mark.parametrize("case", ["normal", "after relu", "all zero", "constant", "one outlier"])
def test_curves_are_those_of_the_calibrators_in_a_fixed_order(case):
    stats = statistics_of(AWKWARD[case])
    curves = divergence_curves(stats, SPEC)
    assert tuple(curve.name for curve in curves) == ORDER
    for curve in curves:
        alone = REGISTRY[curve.name]().curve(stats, SPEC)
        np.testing.assert_array_equal(curve.thresholds, alone.thresholds)
        np.testing.assert_array_equal(curve.cost, alone.cost)


def test_curves_are_deterministic():
    stats = statistics_of(AWKWARD["gelu"])
    for a, b in zip(divergence_curves(stats, SPEC), divergence_curves(stats, SPEC), strict=True):
        np.testing.assert_array_equal(a.cost, b.cost)
