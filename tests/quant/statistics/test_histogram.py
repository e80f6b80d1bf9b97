import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant.errors import DataError
from quant.statistics.histogram import BINS_PER_SIDE, Histogram, HistogramBuilder
from quant.statistics.observe import MIN_EXPONENT
from tests.hypothesis_profile import examples

FINITE = hnp.arrays(
    np.float32,
    st.integers(1, 60),
    elements=st.one_of(
        st.floats(width=32, allow_nan=False, allow_infinity=False),
        st.floats(-8, 8, width=32),
        st.sampled_from([0.0, -0.0, 1.0, -1.0, 4.0, -4.0, 2.0**-130, -(2.0**-149), 3.0e38]),
    ),
)
AWKWARD = {
    "zeros": [0.0, 0.0, -0.0],
    "constant": [3.5] * 4,
    "negative constant": [-2.0] * 4,
    "tiny": [1e-40, -1e-42, 0.0],
    "huge": [3.4e38, -3.4e38, 1.0],
    "lopsided": [1e30, -1e-30, -5e-31, 0.0],
    "lopsided other way": [-1e30, 1e-30, 5e-31, 0.0],
    "vanishing below a huge value": [1e38, -1e38, -1e-40, -1e-45, 1e-45],
    "bin edges": [k / 1024 for k in range(-8192, 8192, 7)],
}


def of(*batches):
    builder = HistogramBuilder()
    for batch in batches:
        builder.add(np.asarray(batch, np.float32))
    return builder.build()


def same(a: Histogram, b: Histogram):
    return (
        (a.negative == b.negative).all()
        and (a.positive == b.positive).all()
        and (a.negative_exponent, a.positive_exponent, a.zeros)
        == (b.negative_exponent, b.positive_exponent, b.zeros)
    )


def assert_equals_numpy(x):
    x = np.asarray(x, np.float32)
    h = of(x)
    expected, _ = np.histogram(x.astype(np.float64), h.edges())
    np.testing.assert_array_equal(h.counts(), expected)
    assert h.count == x.size
    assert h.zeros == np.count_nonzero(x == 0)


@given(FINITE)
@examples(150)
def test_counts_equal_numpy_on_the_same_edges(x):
    assert_equals_numpy(x)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_values_equal_numpy(name):
    assert_equals_numpy(AWKWARD[name])


@pytest.mark.parametrize("spread", [1e-3, 1.0, 900.0, 1e6])
def test_many_values_over_several_chunks_equal_numpy(spread):
    rng = np.random.default_rng(1)
    assert_equals_numpy(rng.standard_normal((3, 41, 700)) * spread)
    assert_equals_numpy(np.maximum(rng.standard_normal(70_000) * spread, -0.01 * spread))


@given(FINITE, st.data())
@examples(100)
def test_batching_and_order_do_not_matter(x, data):
    whole = of(x)
    cuts = sorted(data.draw(st.lists(st.integers(0, x.size), max_size=5)))
    parts = np.split(x, cuts)
    assert same(of(*parts), whole)
    assert same(of(*parts[::-1]), whole)


@given(FINITE, FINITE)
@examples(100)
def test_merged_is_the_histogram_of_both(a, b):
    both = of(a, b)
    assert same(of(a).merged(of(b)), both)
    assert same(of(b).merged(of(a)), both)


@given(FINITE)
@examples(100)
def test_rectified_is_the_histogram_after_relu(x):
    assert same(of(x).rectified(), of(np.maximum(x, 0)))


@given(st.lists(FINITE, max_size=4))
@examples(50)
def test_more_values_than_a_table_holds_are_counted_all_the_same(batches):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("quant.statistics.histogram._MOST", 40)
        found = of(*batches)
    assert same(found, of(*batches))


@pytest.mark.parametrize(("largest", "exponent"), [(1.0, 1), (0.75, 0), (4.0, 3), (1e-45, -114)])
def test_exponent_is_the_least_power_of_two_above_the_largest(largest, exponent):
    h = of([largest, -largest])
    assert (h.negative_exponent, h.positive_exponent) == (exponent, exponent)
    assert exponent >= MIN_EXPONENT


def test_each_side_has_a_grid_of_its_own_and_an_empty_side_takes_the_other():
    h = of([100.0, -0.25])
    assert (h.negative_exponent, h.positive_exponent) == (-1, 7)
    assert of([5.0]).negative_exponent == 3
    assert of([-5.0, 0.0]).positive_exponent == 3
    assert of([0.0]).positive_exponent == 0


def test_every_layout_and_type_of_array_is_counted():
    x = np.arange(-12, 12, dtype=np.float32).reshape(4, 6)
    expected = of(x)
    assert same(of(x.T), expected)
    assert same(of(x[:, ::2], x[:, 1::2]), expected)
    assert same(of(x.astype(np.float64)), expected)
    assert same(of(x, np.empty((0, 3), np.float32)), expected)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(bad):
    with pytest.raises(DataError, match="finite"):
        of([1.0, bad])


def test_mean_and_std_come_within_a_bin_of_the_data():
    x = np.random.default_rng(2).normal(3, 2, 20_000).astype(np.float32)
    h = of(x)
    assert h.mean() == pytest.approx(x.mean(), abs=h.positive_width)
    assert h.std() == pytest.approx(x.std(), rel=1e-4)
    assert h.power() == pytest.approx(np.square(x, dtype=np.float64).mean(), rel=1e-3)
    assert HistogramBuilder().build().mean() == HistogramBuilder().build().std() == 0


def test_zeros_weigh_nothing_in_the_moments():
    assert of([0.0] * 10).std() == 0
    assert of([0.0] * 10).power() == 0


def test_sides_of_a_wrong_shape_or_too_many_zeros_are_refused():
    side = np.zeros(BINS_PER_SIDE, np.int64)
    with pytest.raises(ValueError, match="shape"):
        Histogram(side[1:], side, 0, 0, 0)
    with pytest.raises(ValueError, match="zeros"):
        Histogram(side, side, 0, 0, 1)
