import numpy as np

from quant.calibrators.minmax import MinMax
from quant.calibrators.outlier_removal import OutlierRemoval
from quant.types import QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of, with_quantiles

SPEC = QuantSpec(QType.UINT8, symmetric=False)


def test_range_is_the_mean_of_the_samples_quantiles():
    samples = [np.linspace(-1, 2, 20_001), np.linspace(-3, 4, 20_001)]
    low, high = OutlierRemoval().range(statistics_of(*samples), SPEC)
    assert abs(low + 2) < 2e-3
    assert abs(high - 3) < 2e-3


def test_range_is_cut_to_the_observed_and_holds_zero():
    stats = statistics_of(AWKWARD["offset"])
    assert OutlierRemoval().range(stats, SPEC)[0] == 0
    wide = with_quantiles(stats, -9.0, 99.0)
    assert OutlierRemoval().range(wide, SPEC) == (0.0, stats.max)


def test_minmax_is_the_observed_range():
    assert MinMax().range(statistics_of([-1.0, 3.0]), SPEC) == (-1.0, 3.0)
    assert MinMax().range(statistics_of([2.0, 3.0]), SPEC) == (0.0, 3.0)
