import numpy as np
import pytest

from quant.statistics.cumulative import (
    CumulativeCounts,
    binned,
    magnitudes,
    magnitudes_below,
    values_below,
)
from quant.statistics.histogram import BINS_PER_SIDE
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of


@pytest.fixture
def fine():
    x = np.random.default_rng(0).normal(size=10_000)
    counts, edges = np.histogram(x, bins=np.linspace(-8, 8, 4097))
    return CumulativeCounts.of(edges, counts), counts


def test_rebinning_on_coarser_edges_is_exact(fine):
    cumulative, counts = fine
    coarse = cumulative.rebinned(np.linspace(-8, 8, 513))
    np.testing.assert_allclose(coarse, counts.reshape(512, 8).sum(axis=1))


def test_rebinning_splits_a_bin_in_proportion():
    cumulative = CumulativeCounts.of(np.array([0.0, 1.0, 2.0]), np.array([8.0, 4.0]))
    np.testing.assert_allclose(cumulative.rebinned([0.5, 1.0, 1.5]), [4, 2])
    np.testing.assert_allclose(cumulative.rebinned([-1.0, 0.0, 1.0, 2.0, 3.0]), [0, 8, 4, 0])


def test_a_sum_holds_the_values_of_both():
    one = CumulativeCounts.of(np.array([0.0, 1.0, 2.0]), np.array([8.0, 4.0]))
    other = CumulativeCounts.of(np.array([0.0, 3.0]), np.array([6.0]))
    both = one + other
    assert both.total == 18
    assert both.edges.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(both.rebinned([0, 1, 2, 3]), [10, 6, 2])


@pytest.mark.parametrize("beyond", [0, 1, 7, 100, 5000])
def test_so_many_values_exceed_the_place_that_they_are_said_to_exceed(beyond):
    x = np.abs(np.random.default_rng(1).normal(size=20_000)).astype(np.float32)
    _, positive = magnitudes(statistics_of(x))
    place = positive.exceeded_by(beyond)
    assert np.count_nonzero(x > place) == pytest.approx(beyond, abs=6)


def test_more_values_than_there_are_exceed_zero_and_none_the_greatest():
    _, positive = magnitudes(statistics_of([0.5, 2.0, 3.0]))
    assert positive.exceeded_by(0) == 3
    assert positive.exceeded_by(3) == positive.exceeded_by(10) == 0


@pytest.mark.parametrize("case", AWKWARD)
def test_magnitudes_reach_from_zero_to_the_farthest_value_and_lose_none(case):
    x = AWKWARD[case]
    stats = statistics_of(x)
    for side, values in zip(magnitudes(stats), (-x[x < 0], x[x > 0]), strict=True):
        assert side.total == values.size
        assert side.edges[0] == 0
        assert side.edges[-1] == (values.max() if values.size else 0)
        assert side.at(side.edges[-1]) == values.size


@pytest.mark.parametrize("largest", [6.0, 7.0, 100.0, 0.3, 1.0])
def test_a_spike_at_the_largest_value_stays_in_the_last_bin(largest):
    stats = statistics_of([largest] * 30, [-0.1 * largest, 0.0])
    below, above = magnitudes(stats)
    edges = np.linspace(0, stats.abs_max, 2049)
    assert above.rebinned(edges)[-1] == pytest.approx(30)
    assert below.rebinned(edges).sum() == pytest.approx(1)


def test_bins_that_hold_nothing_at_either_end_are_left_out():
    counts = np.zeros(BINS_PER_SIDE, np.int64)
    counts[[3, 5]] = 4, 2
    cumulative = binned(counts, 1.0, 3.5, 5.25)
    assert cumulative.edges.tolist() == [0, 3.5, 4, 5, 5.25]
    assert cumulative.below.tolist() == [0, 0, 4, 4, 6]


@pytest.mark.parametrize("case", ["normal", "after relu", "gelu", "offset", "negative offset"])
def test_values_below_a_place_are_off_by_less_than_a_bin(case):
    x = AWKWARD[case]
    stats = statistics_of(x)
    places = np.linspace(-1.1, 1.1, 258) * stats.abs_max
    expected = (x[:, None] < places).sum(axis=0)
    assert np.abs(values_below(stats, places) - expected).max() <= 0.002 * x.size
    expected = (np.abs(x)[:, None] < places).sum(axis=0)
    assert np.abs(magnitudes_below(stats, places) - expected).max() <= 0.002 * x.size


def test_zeros_lie_below_what_is_above_zero_only():
    stats = statistics_of([0.0, 0.0, -1.0, 1.0])
    assert values_below(stats, [-2.0, -0.5, 0.0, 1e-9, 2.0]).tolist() == pytest.approx(
        [0, 1, 1, 3, 4], abs=1e-3
    )
    assert magnitudes_below(stats, [0.0, 1e-9, 2.0]).tolist() == pytest.approx([0, 2, 4], abs=1e-3)
