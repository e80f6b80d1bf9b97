from dataclasses import replace

import numpy as np
import pytest

from analysis.ranges.candidates import (
    OURS,
    candidates_from_stats,
    median_db,
    range_disagreement_db,
    rated_db,
)
from quant.calibrators import calibrator_named, own_calibrators
from quant.calibrators.search.divergence import Candidates
from quant.error_model.consumers import OUTPUT, transfer_functions
from quant.error_model.context import TensorContext
from quant.error_model.local_error import local_error
from quant.numerics import fake_quantize, params_from_range
from quant.tool_rules import TOOL_RULES, TOOLS
from quant.types import QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

SPEC = QuantSpec(QType.INT8, symmetric=False)


def test_every_calibrator_and_every_rule_has_one_row_ours_first():
    rows = candidates_from_stats(statistics_of(AWKWARD["gelu"]), SPEC)
    assert [row.name for row in rows if row.tool == OURS] == list(own_calibrators())
    assert sorted(row.name for row in rows if row.tool != OURS) == sorted(TOOL_RULES)
    assert list(dict.fromkeys(row.tool for row in rows)) == [OURS, *TOOLS.values()]


@pytest.mark.parametrize("case", AWKWARD)
def test_a_row_says_what_its_calibrator_does(case):
    stats = statistics_of(AWKWARD[case])
    candidates = Candidates(stats, SPEC)
    for row in candidates_from_stats(stats, SPEC):
        ends = calibrator_named(row.name).range(stats, SPEC)
        if row.why:
            assert row.rmin is row.rmax is row.local is row.kl is row.js is None
            assert ends == (stats.low, stats.high)
            continue
        assert (row.rmin, row.rmax) == ends
        assert row.local == local_error(stats, params_from_range(*ends, SPEC))
        at = int(np.argmin(np.abs(candidates.thresholds - max(-row.rmin, row.rmax))))
        for found, curve in ((row.kl, candidates.kl), (row.js, candidates.js)):
            expected = curve[at] if np.isfinite(curve[at]) else None
            assert found == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("consumers", [(), ("Conv",), ("Add", "MatMul"), (OUTPUT,)], ids=str)
def test_where_consumers_pass_everything_on_the_weighted_sqnr_is_the_local_one(consumers):
    stats, context = statistics_of(AWKWARD["gelu"]), TensorContext(consumers)
    for row in candidates_from_stats(stats, SPEC, context):
        assert row.weighted_sqnr_db == row.rated_db == (row.local.sqnr_db if row.local else None)


@pytest.mark.parametrize("consumers", [("Sigmoid",), ("Relu",), ("Mul", "Sigmoid"), ("Gelu",)])
def test_the_weighted_sqnr_is_that_of_what_the_consumers_compute(consumers):
    x = 3 * AWKWARD["normal"]
    stats, context = statistics_of(x), TensorContext(consumers)
    real = x.astype(np.float64)
    found = transfer_functions(consumers, float(x.max()))
    squares = sum(float(np.square(f(real)).sum()) for f in found)
    for row in candidates_from_stats(stats, SPEC, context):
        if row.rmin is None or row.rmax is None:
            continue
        test = fake_quantize(x, params_from_range(row.rmin, row.rmax, SPEC)).astype(np.float64)
        errors = sum(float(np.square(f(real) - f(test)).sum()) for f in found)
        assert row.weighted_sqnr_db == pytest.approx(10 * np.log10(squares / errors), abs=0.3)


def test_best_is_near_the_top_by_weighted_sqnr_even_where_its_local_error_is_large():
    x = np.append(AWKWARD["normal"], np.full(500, -60.0, np.float32))
    stats, context = statistics_of(x), TensorContext(("Sigmoid",))
    rows = {row.name: row for row in candidates_from_stats(stats, SPEC, context) if row.local}
    seen = {name: row.weighted_sqnr_db for name, row in rows.items()}
    ours = [seen[name] for name in own_calibrators()]
    assert seen["best"] == max(ours)
    assert rows["best"].local.sqnr_db < max(row.local.sqnr_db for row in rows.values()) - 10


def test_no_weighted_sqnr_where_the_mask_leaves_no_bins_or_the_consumers_give_zeros():
    masked = np.append(AWKWARD["normal"], np.full(500, -1e9, np.float32))
    for x, consumer in ((masked, "Softmax"), (AWKWARD["all zero"], "Tanh")):
        stats, context = statistics_of(x), TensorContext((consumer,))
        for row in candidates_from_stats(stats, SPEC, context):
            if row.local and consumer == "Softmax":
                assert row.weighted_sqnr_db is None
                assert row.rated_db == row.local.sqnr_db
            else:
                assert row.weighted_sqnr_db is None or not np.isfinite(row.weighted_sqnr_db)


def test_a_range_that_no_rule_chose_is_rated_like_the_rows():
    stats, context = statistics_of(AWKWARD["gelu"]), TensorContext(("Tanh",))
    for row in candidates_from_stats(stats, SPEC, context):
        if row.rmin is not None and row.rmax is not None:
            params = params_from_range(row.rmin, row.rmax, SPEC)
            assert rated_db(stats, params, context) == pytest.approx(row.rated_db)


def test_disagreement_is_the_best_predicted_error_less_the_median():
    rows = candidates_from_stats(statistics_of(AWKWARD["gelu"]), SPEC)
    found = [row.rated_db for row in rows if row.rated_db is not None]
    assert range_disagreement_db(rows) == pytest.approx(max(found) - np.median(found))
    assert median_db(rows) == pytest.approx(np.median(found))
    assert range_disagreement_db(rows[:1]) == 0
    assert range_disagreement_db(()) == 0
    assert range_disagreement_db([replace(row, local=None) for row in rows]) == 0
    assert (
        range_disagreement_db(candidates_from_stats(statistics_of(AWKWARD["all zero"]), SPEC)) == 0
    )


def test_one_rule_that_clips_nearly_everything_does_not_make_a_disagreement():
    row = candidates_from_stats(statistics_of(AWKWARD["normal"]), SPEC)[0]
    rows = [replace(row, weighted_sqnr_db=db) for db in (40.0, 39.5, 39.0, -20.0, np.inf)]
    assert range_disagreement_db(rows) == pytest.approx(0.5)
