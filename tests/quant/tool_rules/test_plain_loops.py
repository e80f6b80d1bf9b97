"""Rules of which nothing is recorded, and those scored by running totals, against plain loops."""

import math

import numpy as np
import pytest

from quant.tool_rules.aimet import costs, density
from quant.tool_rules.mindspore import BINS, LEVELS, kl_curve
from quant.tool_rules.ppq_histogram import mse_candidates
from quant.tool_rules.tensorrt import START, entropy_curve, histogram, mse_curve
from tests.quant.tool_rules.data.distributions import batches


def counts_of(name, bins=BINS):
    return np.histogram(np.abs(np.concatenate(batches(name))), bins)[0]


def mindspore_divergence(counts, kept):
    filled = counts + 1e-7
    width = kept / LEVELS
    q = np.zeros(kept)
    for level in range(LEVELS):
        start, end = level * width, (level + 1) * width
        overlap = {
            k: min(end, k + 1) - max(start, k)
            for k in range(math.floor(start), min(math.ceil(end), kept))
        }
        mass = sum(part * filled[k] for k, part in overlap.items())
        for k, part in overlap.items():
            q[k] += part * mass / sum(overlap.values())
    p = filled[:kept].copy()
    p[-1] += filled[kept:].sum()
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())


@pytest.mark.parametrize("name", ["gelu", "one_outlier", "offset"])
def test_fractional_levels_give_what_a_loop_over_them_gives(name):
    counts = counts_of(name)
    curve = kl_curve(counts)
    for kept in (128, 129, 200, 255, 256, 1000, 1793, 2047):
        expected = mindspore_divergence(counts, kept)
        assert curve[kept - LEVELS] == pytest.approx(expected, rel=1e-6)


def modelopt_divergence(counts, kept):
    bins = counts.astype(float)
    bins[0] = bins[1]
    level = np.arange(kept) * LEVELS // kept
    q = np.zeros(kept)
    for k in range(LEVELS):
        inside = (level == k) & (bins[:kept] > 0)
        q[inside] = bins[:kept][inside].mean() if inside.any() else 0
    p = bins[:kept].copy()
    p[-1] += bins[kept:].sum()
    if not q.any():
        return math.nan
    if p[-1] and not q[-1]:
        return math.inf
    p, q = p[p > 0] / p.sum(), q[p > 0] / q.sum()
    return float((p * np.log(p / q)).sum())


@pytest.mark.parametrize("name", ["gelu", "one_outlier", "offset"])
def test_running_totals_give_the_divergence_of_a_loop(name):
    counts = counts_of(name)
    curve = entropy_curve(counts)
    for kept in (128, 129, 300, 1000, 1793, 2048):
        expected = modelopt_divergence(counts, kept)
        found = curve[kept - START]
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


def test_running_totals_give_the_squared_error_of_a_loop():
    grid = histogram(batches("laplace"))
    amax, cost = mse_curve(grid)
    centres = (grid.edges[1:] + grid.edges[:-1])[: grid.counts.size].astype(float) / 2
    for row in (0, 77, 900, amax.size - 1):
        scale = float(amax[row]) / 127
        back = np.minimum(np.rint(centres / scale), 127) * scale
        assert cost[row] == pytest.approx(((back - centres) ** 2 * grid.counts).mean(), rel=1e-4)


def ppq_error(counts, start, step, end):
    total = 0.0
    for k, n in enumerate(counts.tolist()):
        if k < start:
            error = start - k - 0.5
        elif k > end:
            error = k - end + 0.5
        else:
            left = (k - start) % step
            right = step - left - 1
            error = left + 0.25 if left == right else min(left, right) + 0.5
        total += n * error * error
    return total / counts.sum()


@pytest.mark.parametrize("name", ["gelu", "uniform"])
def test_steps_from_every_start_give_the_error_of_a_loop(name):
    counts = np.histogram(np.concatenate(batches(name)), 2048)[0]
    found = mse_candidates(counts, 40)
    for row in range(0, found.cost.size, 23):
        start, end = int(found.start[row]), int(found.end[row])
        expected = ppq_error(counts, start, (end - start) // 256, end)
        assert found.cost[row] == pytest.approx(expected, rel=1e-9)


def aimet_cost(found, scale, offset):
    start, width = float(found.left[0]), float(found.left[1] - found.left[0])
    low, high = scale * offset, scale * (255 + offset)
    first, last = (min(max(math.floor((x - start) / width), 0), 511) for x in (low, high))

    def middle(k):
        return start + (k + 0.5) * width

    total = 0.0
    for k, share in enumerate(found.shares.tolist()):
        if k < first:
            total += 3 * share * (middle(k) - middle(first)) ** 2
        elif k >= last:
            total += 3 * share * (middle(k) - middle(last)) ** 2
        else:
            back = scale * (math.floor(middle(k) / scale - offset + 0.5) + offset)
            total += share * (middle(k) - back) ** 2
    return total


def test_rounding_and_weighted_clipping_give_the_cost_of_a_loop():
    found = density(batches("gelu"))
    assert found is not None
    candidates = [(np.float32(0.031), -6), (np.float32(0.012), -120), (np.float32(0.05), -128)]
    expected = [aimet_cost(found, float(scale), offset) for scale, offset in candidates]
    assert costs(found, candidates) == pytest.approx(expected, rel=1e-3)
