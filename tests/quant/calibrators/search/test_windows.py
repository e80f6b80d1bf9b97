import itertools
import math

import numpy as np
import pytest

from quant.calibrators import REGISTRY
from quant.calibrators.search.divergence import BINS, Windows
from quant.calibrators.search.windows import search, signed_histogram
from quant.types import QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.calibrators.search.test_divergence import js, relative_entropy
from tests.quant.statistics.statistics_of import statistics_of

UINT8 = QuantSpec(QType.UINT8, symmetric=False)
INT8_SYMMETRIC = QuantSpec(QType.INT8, symmetric=True)
INT4 = QuantSpec(QType.INT4, symmetric=False)
NAMES = ("kl", "symmetric_kl", "js")


def plain(bins, first, last, level_count):
    """All three divergences of one window, straight from their definitions."""
    kept = bins[first:last]
    tails = bins[:first].sum(), bins[last:].sum()
    if kept.sum() < sum(tails):
        return math.inf, math.inf, math.inf
    p = kept.copy()
    p[0] += tails[0]
    p[-1] += tails[1]
    q = np.zeros(kept.size)
    for level in range(level_count):
        inside = [k for k in range(kept.size) if k * level_count // kept.size == level]
        filled = [k for k in inside if kept[k] > 0]
        for k in filled:
            q[k] = kept[filled].sum() / len(filled)
    p, q = p / p.sum(), q / q.sum()
    return relative_entropy(p, q), relative_entropy(q, p), js(p, q)


def histogram(seed, bins):
    rng = np.random.default_rng(seed)
    return np.floor(200 * np.exp(-np.square((np.arange(bins) - bins / 3) / 9))) + rng.integers(
        0, 3, bins
    )


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("level_count", [4, 7, 16])
def test_every_window_equals_a_plain_loop(seed, level_count):
    bins = histogram(seed, 40).astype(np.float64)
    tried = [
        (first, last)
        for first, last in itertools.product(range(20), range(16, 41))
        if last - first >= level_count
    ]
    found = Windows(bins, level_count).divergences(np.asarray(tried))
    expected = np.asarray([plain(bins, *window, level_count) for window in tried]).T
    np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-5, atol=2e-7)


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.parametrize("row", [0, 1, 2])
def test_search_finds_what_a_loop_over_every_window_finds(seed, row):
    bins, zero, level_count = histogram(seed, 56).astype(np.float64), 24, 8
    windows = Windows(bins, level_count)
    found = search(lambda tried: windows.divergences(tried)[row], zero, 56, level_count)
    costs = {
        (first, last): plain(bins, first, last, level_count)[row]
        for first in range(zero + 1)
        for last in range(zero, 57)
        if last - first >= level_count
    }
    assert costs[found] == pytest.approx(min(costs.values()), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("case", ["normal", "gelu", "one outlier"])
def test_search_comes_close_to_a_finer_one_over_the_whole_grid(case):
    bins, zero, _ = signed_histogram(statistics_of(AWKWARD[case]))
    windows = Windows(bins, 256)
    found = search(lambda tried: windows.divergences(tried, with_js=False)[0], zero, BINS, 256)
    ends = itertools.product(range(0, zero + 1, 16), range(zero, BINS + 1, 16))
    tried = np.asarray([(a, b) for a, b in ends if b - a >= 256])
    least = windows.divergences(tried, with_js=False)[0].min()
    cost = windows.divergences(np.asarray([found]), with_js=False)[0, 0]
    assert cost <= least * 1.02


@pytest.mark.parametrize("case", ["normal", "gelu", "one outlier", "lopsided", "zero spike"])
def test_signed_bins_hold_every_value_but_the_zeros(case):
    x = AWKWARD[case]
    bins, zero, width = signed_histogram(statistics_of(x))
    assert bins.size == BINS
    assert bins.sum() == pytest.approx(np.count_nonzero(x))
    assert bins[:zero].sum() == pytest.approx(np.count_nonzero(x < 0))
    assert zero * width >= -x.min()
    assert (BINS - zero) * width >= x.max()


@pytest.mark.parametrize("name", NAMES)
def test_a_long_tail_is_clipped_at_its_own_end_only(name):
    rng = np.random.default_rng(5)
    x = np.append(rng.uniform(-1, 0, 50_000), rng.exponential(1, 50_000)).astype(np.float32)
    low, high = REGISTRY[name]().range(statistics_of(x), INT4)
    assert high < 0.8 * x.max()
    assert low == pytest.approx(-1, abs=0.1)
    mirrored = REGISTRY[name]().range(statistics_of(-x), INT4)
    assert mirrored == pytest.approx((-high, -low), abs=0.1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spec", [UINT8, INT8_SYMMETRIC], ids=str)
def test_fewer_values_than_bins_keep_the_observed_range(name, spec):
    x = np.append(AWKWARD["normal"][: BINS - 1], np.zeros(10_000, np.float32))
    stats = statistics_of(x)
    assert REGISTRY[name]().range(stats, spec) == (stats.low, stats.high)
