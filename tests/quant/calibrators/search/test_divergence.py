import math

import numpy as np
import pytest

from quant.calibrators import REGISTRY
from quant.calibrators.search.divergence import BINS, Candidates, Windows, levels
from quant.statistics.cumulative import magnitudes
from quant.types import QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

INT8 = QuantSpec(QType.INT8, symmetric=True)
UINT8 = QuantSpec(QType.UINT8, symmetric=False)


def plain_divergences(bins, kept, level_count):
    """KL(P||Q), KL(Q||P) and Jensen-Shannon of one candidate, straight from their definitions."""
    p = bins[:kept].copy()
    p[-1] += bins[kept:].sum()
    q = np.zeros(kept)
    filled = np.flatnonzero(bins[:kept] > 0)
    level = filled * level_count // kept
    q[filled] = (np.bincount(level, bins[filled]) / np.maximum(np.bincount(level), 1))[level]
    if bins[:kept].sum() < bins[kept:].sum():
        return math.inf, math.inf, math.inf
    p, q = p / p.sum(), q / q.sum()
    return relative_entropy(p, q), relative_entropy(q, p), js(p, q)


def relative_entropy(a, b):
    if (b[a > 0] == 0).any():
        return math.inf
    return float((a[a > 0] * np.log(a[a > 0] / b[a > 0])).sum())


def js(p, q):
    middle = (p + q) / 2
    return (relative_entropy(p, middle) + relative_entropy(q, middle)) / 2


@pytest.mark.parametrize(
    ("case", "spec", "stride"),
    [
        ("normal", INT8, 1),
        ("after relu", UINT8, 5),
        ("one outlier", INT8, 7),
        ("zero spike", UINT8, 11),
        ("a few values", QuantSpec(QType.INT4, symmetric=True), 13),
        ("two values", INT8, 17),
        ("offset", UINT8, 17),
        ("constant", INT8, 31),
        ("subnormal", UINT8, 101),
    ],
)
def test_every_candidate_equals_a_plain_loop(case, spec, stride):
    stats = statistics_of(AWKWARD[case])
    candidates = Candidates(stats, spec)
    edges = np.linspace(0, stats.abs_max, BINS + 1)
    bins = np.add(*(side.rebinned(edges) for side in magnitudes(stats)))
    at = np.arange(candidates.kept.size - 1, -1, -stride)[::-1]
    plain = np.asarray(
        [plain_divergences(bins, int(candidates.kept[k]), candidates.levels) for k in at]
    )
    np.testing.assert_allclose(candidates.js[at], plain[:, 2], rtol=1e-5, atol=2e-7)
    np.testing.assert_allclose(candidates.kl[at], plain[:, 0], rtol=1e-9, atol=1e-12)
    both = plain[:, 0] + plain[:, 1]
    np.testing.assert_allclose(candidates.symmetric_kl[at], both, rtol=1e-9, atol=1e-12)
    alone = Candidates(stats, spec)
    np.testing.assert_array_equal(alone.kl, candidates.kl)
    if stride == 1:
        width = stats.abs_max / BINS
        for name, cost in (("kl", plain[:, 0]), ("symmetric_kl", both), ("js", plain[:, 2])):
            expected = (candidates.kept[at[np.argmin(cost)]] + 0.5) * width
            _, rmax = REGISTRY[name]().range(stats, spec)
            assert rmax == pytest.approx(min(expected, stats.max), abs=width)


def test_js_is_bounded_by_log_two():
    for values in AWKWARD.values():
        cost = Candidates(statistics_of(values), INT8).js
        assert cost[np.isfinite(cost)].max() <= math.log(2) + 1e-6


def test_last_bin_empty_with_values_beyond_has_infinite_kl():
    x = np.append(np.linspace(-1, 1, 5000), 100.0)
    candidates = Candidates(statistics_of(x), INT8)
    assert np.isinf(candidates.kl[:-1]).all()
    assert np.isfinite(candidates.kl[-1])
    assert np.isfinite(candidates.js).all()


@pytest.mark.parametrize(
    ("qtype", "symmetric", "values", "expected"),
    [
        (QType.INT8, True, [-1.0, 1.0], 128),
        (QType.INT8, True, [0.0, 1.0], 128),
        (QType.INT8, False, [0.0, 1.0], 256),
        (QType.INT8, False, [-1.0, 0.0], 256),
        (QType.INT8, False, [-1.0, 1.0], 128),
        (QType.UINT8, True, [0.5, 1.0], 256),
        (QType.UINT8, True, [-1.0, 0.0], 128),
        (QType.INT4, True, [-1.0, 1.0], 8),
        (QType.UINT16, False, [0.0, 1.0], 65536),
    ],
)
def test_one_sided_data_uses_every_level_its_type_can_give(qtype, symmetric, values, expected):
    assert levels(statistics_of(values), QuantSpec(qtype, symmetric)) == expected


def test_sixteen_bits_have_one_candidate_the_observed_range():
    stats = statistics_of(AWKWARD["normal"])
    candidates = Candidates(stats, QuantSpec(QType.INT16, symmetric=True))
    assert candidates.thresholds.tolist() == [stats.abs_max]
    assert candidates.kl[0] == pytest.approx(0, abs=1e-12)


def test_no_bin_beyond_the_end_of_the_shorter_side_holds_its_values():
    rng = np.random.default_rng(8)
    x = np.append(rng.uniform(0, 3.0003, 60_000), [3.0003] * 900).astype(np.float32)
    stats = statistics_of(np.append(x, np.float32([-7.9999, -8.0])))
    bins = Candidates(stats, INT8)._bins
    beyond = int(np.ceil(float(x.max()) / stats.abs_max * BINS))
    assert not bins[beyond : BINS - 1].any()
    assert bins[beyond - 1] >= 900


def test_the_threshold_is_that_of_the_values_themselves_counted_exactly():
    rng = np.random.default_rng(9)
    x = np.append(rng.normal(0, 0.2, 200_000), [-1.613, 1.4916]).astype(np.float32)
    candidates = Candidates(statistics_of(x), INT8)
    edges = np.linspace(0, float(np.abs(x).max()), BINS + 1)
    exact, _ = np.histogram(np.abs(x[x != 0]).astype(np.float64), edges)
    windows = np.stack((np.zeros_like(candidates.kept), candidates.kept), axis=1)
    cost = Windows(exact.astype(np.float64), candidates.levels).divergences(windows)[0]
    assert cost[candidates.kl.argmin()] <= cost.min() * 1.05
