"""What came of a recipe: both sides measured alike, each number as measured by itself."""

import math
from dataclasses import replace

import numpy as np
import pytest

import quant
from analysis.errors.cumulative import compare
from analysis.metrics import METRICS
from analysis.report import report_html
from analysis.report.before_after import since_section
from analysis.report.documents import before_json
from analysis.study.analysis import analysis_of, stages_of
from analysis.study.before_after import BeforeAfter, before_after
from analysis.study.stages import CALIBRATING
from analysis.study.study import CalibrationData, Study
from quant.recipe.difference import difference
from tests import nets
from tests.analysis.report.test_report import Elements

ERRORS = ("cumulative", "local")
BEFORE, AFTER = quant.preset("everything"), quant.preset("recommended")


@pytest.fixture(scope="module")
def study():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(12), "labels": np.arange(12) % 4}, model)
    study = Study(
        model=model,
        statistics=CalibrationData(data),
        evaluation=data,
        recipe=AFTER,
        metric=METRICS["top1"],
    )
    study.run([CALIBRATING])
    study.run(stages_of(ERRORS))
    return study


@pytest.fixture(scope="module")
def since(study):
    return before_after(study, BEFORE, analysis_of(study, ERRORS))


def test_both_sides_are_what_a_comparison_of_each_measures(study, since):
    for recipe, side in ((BEFORE, since.before), (AFTER, since.after)):
        quantized = quant.quantize(study.model, study.calibration, recipe)
        alone = compare(study.model, quantized, study.evaluation)
        for name, error in alone.tensors.items():
            assert side.comparison.tensors[name].sqnr_db == pytest.approx(error.sqnr_db, abs=1e-6)
    assert since.gain.before_db == pytest.approx(since.before.ablation.all.sqnr_db, abs=1e-4)
    assert since.gain.after_db == pytest.approx(since.after.ablation.all.sqnr_db, abs=1e-4)
    assert since.gain.low_db <= since.gain.gain_db <= since.gain.high_db


def test_tensors_that_gain_most_come_first(since):
    gains = [item.gain_db for item in since.tensors]
    assert gains == sorted(gains, reverse=True)
    assert {item.tensor for item in since.tensors} == set(since.before.comparison.tensors) & set(
        since.after.comparison.tensors
    )


def test_what_is_gone_was_found_before_and_is_not_now(since):
    about = [(found.kind, found.node, found.tensor) for found in since.gone]
    now = {(found.kind, found.node, found.tensor) for found in since.after.findings}
    assert not now & set(about)
    assert set(about) | now >= {(f.kind, f.node, f.tensor) for f in since.before.findings}


def test_the_report_says_what_changed_what_it_gave_and_why(study, since):
    page = report_html(since.after, since)
    texts = " ".join(Elements(page).texts)
    assert "From recipe “everything” to “recommended”" in texts
    assert since.in_words in texts
    for change in difference(BEFORE, AFTER):
        assert change in texts
    for finding in since.gone:
        assert finding.title in texts
    assert "Before and after" not in report_html(since.after)
    assert before_json(since)["changes"] == list(difference(BEFORE, AFTER))


def test_the_same_recipe_twice_gains_nothing_and_says_so(study):
    same = before_after(study, AFTER, analysis_of(study, ERRORS))
    assert (same.changes, same.gone) == ((), ())
    assert same.gain.gain_db == 0
    assert "no gain that can be told" in same.in_words
    assert "Both recipes ask for the same." in report_html(same.after, same)


def test_a_tensor_without_an_error_hides_none_that_has_one(since):
    name, *_ = (item.tensor for item in since.tensors)
    comparison = since.after.comparison
    equal = replace(comparison.tensors[name], sqnr_db=math.inf)
    after = replace(
        since.after, comparison=replace(comparison, tensors={**comparison.tensors, name: equal})
    )
    found = BeforeAfter(since.before, after, since.gain)
    assert found.tensors[0].gain_db == math.inf
    shown = [row[0].words for row in since_section(found).tensors.rows]
    assert name not in shown
    before = [row[0].words for row in since_section(since).tensors.rows]
    assert shown == [other for other in before if other != name]
