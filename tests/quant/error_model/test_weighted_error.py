import numpy as np
import pytest

from quant.error_model.consumers import transfer_functions
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.error_model.weighted_error import WeightedError
from quant.numerics import fake_quantize, params_from_range
from quant.types import QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

UINT8 = QuantSpec(QType.UINT8, symmetric=False)
SPECS = [UINT8, QuantSpec(QType.INT8, symmetric=True), QuantSpec(QType.INT16, symmetric=False)]


def squared_error(x, found, spec, consumer_ops):
    """The squared error behind the consumers, of the values themselves."""
    real = x.astype(np.float64)
    test = fake_quantize(x, params_from_range(*found, spec)).astype(np.float64)
    largest = float(x.max())
    return sum(
        np.square(f(real) - f(test)).sum() for f in transfer_functions(consumer_ops, largest)
    )


@pytest.mark.parametrize("share", [1.0, 0.7, 0.3])
@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize(
    "consumer_ops",
    [(), ("Relu",), ("Sigmoid",), ("Mul", "Sigmoid"), ("Gelu",), ("Softmax",)],
    ids=str,
)
def test_error_is_that_of_what_the_consumers_compute(consumer_ops, spec, share):
    x = 2 * AWKWARD["normal"]
    stats = statistics_of(x)
    found = share * stats.low, share * stats.high
    params = params_from_range(*found, spec)
    expected = squared_error(x, found, spec, consumer_ops)
    assert WeightedError(stats, TensorContext(consumer_ops)).of_params(params) == pytest.approx(
        expected, rel=0.05
    )


def test_clipping_where_a_reader_is_flat_costs_little():
    x = np.append(AWKWARD["normal"], np.full(500, -60.0, np.float32))
    stats = statistics_of(x)
    narrow = params_from_range(-8.0, 8.0, UINT8)
    whole = params_from_range(stats.low, stats.high, UINT8)
    plain, sigmoid = (WeightedError(stats, TensorContext(ops)) for ops in ((), ("Sigmoid",)))
    assert plain.of_params(narrow) > 100 * plain.of_params(whole)
    assert sigmoid.of_params(narrow) < sigmoid.of_params(whole) / 10


def test_where_no_reader_notices_anything_every_error_counts():
    stats = statistics_of(AWKWARD["negative"])
    params = params_from_range(stats.low, 0.0, UINT8)
    assert (
        WeightedError(stats, TensorContext(("Relu",))).of_params(params)
        == WeightedError(stats, NO_CONTEXT).of_params(params)
        > 0
    )


def test_all_scales_and_steps_at_once_give_what_each_alone_gives():
    stats = statistics_of(3 * AWKWARD["gelu"])
    error = WeightedError(stats, TensorContext(("Tanh",)))
    scale = np.array([0.01, 0.05])
    below = np.array([[0, 3, 40], [1, 2, 255]])
    found = error.of_all(scale, below, 255)
    for row in range(2):
        alone = error.of(np.repeat(scale[row], 3), below[row], 255)
        np.testing.assert_allclose(found[row], alone, rtol=1e-9)
