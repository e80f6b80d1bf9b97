from dataclasses import replace

import numpy as np
import pytest

from analysis.choices import OURS, choice_rows, disagreement_db
from analysis.clipping import local_error
from quant.calibrators import calibrator_named, own_calibrators
from quant.divergence import Candidates
from quant.numerics import params_from_range
from quant.tools import CHOICES, TOOLS
from quant.types import QType, QuantSpec
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics_of import statistics_of

SPEC = QuantSpec(QType.INT8, symmetric=False)


def test_every_calibrator_and_every_rule_has_one_row_ours_first():
    rows = choice_rows(statistics_of(AWKWARD["gelu"]), SPEC)
    assert [row.name for row in rows if row.tool == OURS] == list(own_calibrators())
    assert sorted(row.name for row in rows if row.tool != OURS) == sorted(CHOICES)
    assert list(dict.fromkeys(row.tool for row in rows)) == [OURS, *TOOLS.values()]


@pytest.mark.parametrize("case", AWKWARD)
def test_a_row_says_what_its_calibrator_does(case):
    stats = statistics_of(AWKWARD[case])
    candidates = Candidates(stats, SPEC)
    for row in choice_rows(stats, SPEC):
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


def test_disagreement_is_the_spread_of_the_predicted_errors():
    rows = choice_rows(statistics_of(AWKWARD["gelu"]), SPEC)
    found = [row.local.sqnr_db for row in rows if row.local]
    assert disagreement_db(rows) == pytest.approx(max(found) - min(found))
    assert disagreement_db(rows[:1]) == 0
    assert disagreement_db(()) == 0
    assert disagreement_db([replace(row, local=None) for row in rows]) == 0
    assert disagreement_db(choice_rows(statistics_of(AWKWARD["all zero"]), SPEC)) == 0
