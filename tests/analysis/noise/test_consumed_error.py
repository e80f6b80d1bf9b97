import numpy as np
import pytest

from analysis.noise.consumed_error import consumed_error
from quant.error_model.consumers import transfer_functions
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.error_model.local_error import local_error
from quant.numerics import fake_quantize, params_from_range
from quant.types import QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

UINT8 = QuantSpec(QType.UINT8, symmetric=False)


@pytest.mark.parametrize("op_type", ["Sigmoid", "Tanh", "HardSwish", "Gelu", "Relu"])
@pytest.mark.parametrize("share", [1.0, 0.6, 0.2])
def test_an_error_is_that_of_what_the_reader_makes_of_the_values(op_type, share):
    x = AWKWARD["normal"] * 3
    stats, context = statistics_of(x), TensorContext((op_type,))
    params = params_from_range(share * stats.low, share * stats.high, UINT8)
    (transfer,) = transfer_functions((op_type,), stats.mean_sample_max)
    wanted = transfer(x.astype(np.float64))
    error = np.square(transfer(fake_quantize(x, params).astype(np.float64)) - wanted)
    low, high = params.representable
    outside = (x < low * (1 + 1e-6)) | (x > high * (1 + 1e-6))
    found = consumed_error(stats, context, params)
    # Kept is the ratio to the signal, but for a reader that passes on what it does not cut.
    kept = 1.0 if op_type == "Relu" else found.signal_power / np.square(wanted).mean()
    total = error.mean() * kept
    assert found.mse == pytest.approx(total, rel=0.05)
    clipping = error[outside].sum() / x.size * kept
    assert found.clipping_mse == pytest.approx(clipping, rel=0.05, abs=0.01 * total)


def test_where_every_error_counts_in_full_it_is_the_local_one():
    stats = statistics_of(AWKWARD["gelu"])
    params = params_from_range(0.5 * stats.low, 0.5 * stats.high, UINT8)
    for context in (NO_CONTEXT, TensorContext(("Conv", "Sigmoid"))):
        assert consumed_error(stats, context, params) == local_error(stats, params)


def test_two_values_have_exactly_the_error_of_those():
    stats = statistics_of([-10001.0] * 3 + [0.0] * 5)
    params = params_from_range(-10001.0, 0.0, UINT8)
    error = float(fake_quantize(np.float32([-10001.0]), params)[0]) + 10001.0
    found = consumed_error(stats, TensorContext(("Softmax",)), params)
    assert found.mse == pytest.approx(error**2 * 3 / 8, rel=1e-9)
