"""The same choices from the statistics that a calibration keeps."""

import numpy as np
import pytest

from quant.tools import CHOICES
from quant.tools.grids import least_magnitude, magnitude_counts, signed_counts
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics_of import statistics_of
from tests.quant.tools.streamed import table


@pytest.fixture(scope="module")
def rows():
    return table()


def test_half_of_the_choices_are_met_to_a_percent_and_none_costs_two(rows):
    assert len(rows) == 250
    assert np.median([row.difference for row in rows]) < 0.01
    assert max(row.cost for row in rows if row.cost is not None) < 0.02


def test_a_rule_without_an_objective_is_met_to_a_percent(rows):
    assert max(row.difference for row in rows if row.cost is None) < 0.01


def test_a_choice_that_the_statistics_do_not_allow_is_left_out_and_says_what_it_lacks(rows):
    left_out = {name for name, choice in CHOICES.items() if choice.missing}
    assert left_out == {"paddle.mse", "paddle.emd", "paddle.ptf"}
    assert not left_out & {row.choice for row in rows}
    stats = statistics_of(AWKWARD["normal"])
    for name in left_out:
        assert CHOICES[name].streamed(stats) is None
        assert CHOICES[name].missing.endswith(".")


def test_a_grid_that_follows_from_the_first_batch_needs_its_range():
    stats = statistics_of(AWKWARD["normal"])
    assert {name for name, choice in CHOICES.items() if choice.needs_first} == {
        "aimet.tf_enhanced",
        "aimet.tf_enhanced_symmetric",
        "modelopt.entropy_int8",
        "modelopt.mse_int8",
        "modelopt.percentile_99.99",
    }
    for choice in CHOICES.values():
        if choice.needs_first:
            assert choice.streamed(stats) is None
            assert choice.streamed(stats, (stats.min, stats.max)) is not None


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
