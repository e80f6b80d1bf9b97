"""The same choices from the statistics that a calibration keeps."""

from dataclasses import replace

import numpy as np
import pytest

from quant.tool_rules import TOOL_RULES, RuleFails
from quant.tool_rules.streamed.grids import least_magnitude, magnitude_counts, signed_counts
from quant.tool_rules.streamed.sample_losses import counted_losses
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of
from tests.quant.tool_rules.streamed import BY_CHANCE, table


@pytest.fixture(scope="module")
def rows():
    return table()


def test_half_of_the_choices_are_met_to_a_percent_and_none_costs_two(rows):
    assert len(rows) == 10 * len(TOOL_RULES)
    assert np.median([row.difference for row in rows]) < 0.01
    assert max(r.cost for r in rows if r.cost is not None and r.choice not in BY_CHANCE) < 0.02


def test_a_rule_without_an_objective_is_met_to_a_percent(rows):
    assert max(row.difference for row in rows if row.cost is None) < 0.01


def test_where_chance_decides_the_range_is_still_one_of_the_tools_candidates(rows):
    assert max(row.difference for row in rows if row.choice in BY_CHANCE) < 0.35


def test_a_last_sample_without_values_is_no_choice():
    stats = replace(statistics_of(AWKWARD["normal"]), last=None)
    with pytest.raises(RuleFails, match="last sample holds no value"):
        TOOL_RULES["paddle.ptf"].streamed(stats)


def test_losses_from_counts_are_those_of_the_values():
    x = AWKWARD["gelu"]
    counts = statistics_of(x).quietest
    scales = np.asarray([0.3, 0.7, 1.0]) * counts.abs_max / 127
    for least in (0, -128):
        expected = [np.square(x - np.clip(np.rint(x / s), least, 127) * s).mean() for s in scales]
        assert counted_losses(counts, scales, least).mse == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("case", AWKWARD)
def test_counts_on_another_grid_lose_no_value(case):
    x = AWKWARD[case]
    stats = statistics_of(x)
    limit = stats.abs_max
    signed = signed_counts(stats, np.linspace(-limit, limit, 2049))
    magnitudes = magnitude_counts(stats, np.linspace(least_magnitude(stats), limit, 2049))
    for counts in (signed, magnitudes):
        assert counts.sum() == x.size
        assert counts.min() >= 0


@pytest.mark.parametrize("case", ["normal", "after relu", "gelu", "offset", "negative offset"])
def test_running_totals_on_another_grid_are_off_by_less_than_a_streamed_bin(case):
    x = AWKWARD[case]
    stats = statistics_of(x)
    edges = np.linspace(-stats.abs_max, stats.abs_max, 257)
    expected = np.cumsum(np.histogram(x, edges)[0])
    off = np.abs(np.cumsum(signed_counts(stats, edges)) - expected)
    assert off.max() <= 0.002 * x.size
    edges = np.linspace(least_magnitude(stats), stats.abs_max, 257)
    expected = np.cumsum(np.histogram(np.abs(x), edges)[0])
    assert np.abs(np.cumsum(magnitude_counts(stats, edges)) - expected).max() <= 0.002 * x.size


def test_an_exact_zero_is_counted_where_a_bin_starts_at_it():
    stats = statistics_of([0.0, 0.0, -1.0, 1.0])
    assert signed_counts(stats, [-1.0, -0.5, 0.0, 0.5, 1.0]).tolist() == [1, 0, 2, 1]
    stats = statistics_of([0.0, -1.0])
    assert signed_counts(stats, [-1.0, -0.5, 0.0]).tolist() == [1, 1]
