import numpy as np
import pytest

from quant.calibrators import REGISTRY, calibrator_named
from quant.calibrators.best import Best
from quant.calibrators.mse import Mse
from quant.error_model.context import TensorContext
from quant.numerics import fake_quantize, params_from_range
from quant.types import QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

SPECS = [
    QuantSpec(QType.INT8, symmetric=True),
    QuantSpec(QType.UINT8, symmetric=False),
    QuantSpec(QType.INT4, symmetric=False),
]
RIVALS = [name for name in REGISTRY if name not in {"best", "tool"}]


def measured(x, found, spec):
    real = x.astype(np.float64)
    return float(np.square(real - fake_quantize(x, params_from_range(*found, spec))).mean())


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("case", ["normal", "after relu", "gelu", "one outlier", "offset"])
def test_no_calibrator_of_ours_has_less_error(case, spec):
    x = AWKWARD[case]
    stats = statistics_of(x)
    found = measured(x, Best().range(stats, spec), spec)
    for name in RIVALS:
        assert found <= 1.02 * measured(x, calibrator_named(name).range(stats, spec), spec)


@pytest.mark.parametrize("calibrator", [Best(), Mse(importance_weighted=True)], ids=str)
@pytest.mark.parametrize("mask", [-1e4, -1e9, float(np.finfo(np.float32).min)], ids=str)
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_an_attention_mask_before_softmax_does_not_take_the_codes_of_the_scores(
    calibrator, mask, spec
):
    rng = np.random.default_rng(3)
    scores = rng.normal(0, 2, (8, 4000)).astype(np.float32)
    masked = np.where(rng.random(scores.shape) < 0.4, np.float32(mask), scores)
    stats = statistics_of(*masked)
    low, high = calibrator.range(stats, spec, TensorContext(("Softmax",)))
    assert -30 < low < -2
    assert high > 0.5 * scores.max()
    assert Mse().range(stats, spec)[0] < -1e3
