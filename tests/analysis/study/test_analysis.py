from dataclasses import replace

import numpy as np
import pytest

import quant
from analysis.metrics import METRICS, MetricError
from analysis.report import report_html
from analysis.report.documents import layer_table, summary_json
from analysis.study.analysis import analyze
from analysis.sweep.unit_effects import benefit, sensitivity
from quant.ablation import units
from quant.errors import Cancelled
from tests import nets


@pytest.fixture(scope="module")
def case():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(10), "labels": np.arange(10) % 4}, model)
    calibration = quant.calibrate(model, data)
    return quant.quantize(model, calibration, quant.preset("everything")), calibration, data


@pytest.fixture(scope="module")
def analysis(case):
    return analyze(*case, metric=METRICS["top1"])


def test_sweeps_are_those_of_the_single_calls(case, analysis):
    assert analysis.sensitivity == sensitivity(*case, metric=METRICS["top1"])
    assert analysis.benefit == benefit(*case, metric=METRICS["top1"])
    assert set(analysis.benefit) == {unit.name for unit in units(case[0])}
    assert analysis.samples == 10


def test_a_flat_metric_is_said_to_be_and_units_are_ranked_by_what_leaving_them_float_gains(
    analysis,
):
    assert analysis.metric.is_flat
    assert not analysis.by_metric
    assert "cannot tell float and int8 apart" in analysis.ranking
    gains = [analysis.gain_db(unit) for unit in analysis.suspects]
    assert gains == sorted(gains, reverse=True)
    first = analysis.suspects[0]
    expected = analysis.benefit[first].sqnr_db - analysis.ablation.all.sqnr_db
    assert analysis.gain_db(first) == expected


@pytest.mark.parametrize("better", [True, False])
def test_a_metric_that_tells_units_apart_ranks_them(analysis, better):
    values = {"float_value": 0.8, "int8_value": 0.65, "low": 0.14, "high": 0.16}
    change = replace(analysis.metric, **values, higher_is_better=better)
    names = list(analysis.benefit)
    effects = {
        name: replace(effect, scores=replace(effect.scores, metric=float(number % 3)))
        for number, (name, effect) in enumerate(analysis.benefit.items())
    }
    told = replace(analysis, ablation=replace(analysis.ablation, metric=change), benefit=effects)
    assert told.by_metric
    assert told.ranking.startswith("Ranked by Top-1, then by output sqnr")
    values = [effects[name].scores.metric for name in told.suspects]
    assert values == sorted(values, reverse=better)
    only_sensitivity = replace(told, benefit=None, sensitivity=effects)
    values = [effects[name].scores.metric for name in only_sensitivity.suspects]
    assert values == sorted(values, reverse=not better)
    assert sorted(only_sensitivity.suspects) == sorted(names)


def test_a_loss_that_is_known_roughly_ranks_no_units(analysis):
    change = replace(analysis.metric, float_value=0.9, int8_value=0.25, low=0.45, high=0.85)
    told = replace(analysis, ablation=replace(analysis.ablation, metric=change))
    assert not change.is_flat
    assert not told.by_metric
    assert "cannot tell layers apart" in told.ranking
    assert told.suspects == analysis.suspects


def test_without_a_metric_or_sweeps_it_says_so(case):
    found = analyze(*case, errors=["local"])
    assert found.ranking == "Ranked by output sqnr: there is no metric."
    assert (found.suspects, found.sensitivity, found.benefit) == ((), None, None)
    assert found.gain_db("anything") is None
    assert not found.comparison.tensors
    assert summary_json(found)["metric"] is None


def test_local_errors_stand_in_the_rows_of_their_tensors(analysis):
    rows = {row["tensor"]: row for row in layer_table(analysis)}
    for tensor, error in analysis.local.items():
        assert rows[tensor]["local_sqnr_db"] == error.sqnr_db
        assert rows[tensor]["local_cosine"] == error.cosine


def test_labels_are_asked_for_before_anything_runs(case):
    quantized, calibration, _ = case
    bare = quant.open_data({"x": nets.images(10)})
    calls = []
    with pytest.raises(MetricError, match="'labels'"):
        analyze(quantized, calibration, bare, metric=METRICS["top1"],
                progress=lambda *call: calls.append(call))  # fmt: skip
    assert not calls


def test_progress_names_each_stage_and_can_cancel(case):
    words = []

    def progress(word, report):
        words.append(word)
        if word == "sensitivity":
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        analyze(*case, progress=progress)
    assert list(dict.fromkeys(words)) == ["measuring", "sensitivity"]


def test_several_outputs_a_fixed_batch_and_one_whose_shape_depends_on_the_data():
    model = quant.load(
        nets.network(
            """(float[1, 3, 16, 16] x) => (float[1, 4, K] boxes, int64[M, 4] picked) {
                c = Conv <pads = [1, 1, 1, 1]> (x, w1)
                r = Relu (c)
                b = Conv (r, w2)
                boxes = Reshape (b, shape)
                found = NonZero (r)
                picked = Transpose <perm = [1, 0]> (found)
            }""",
            w1=nets.weight(6, 3, 3, 3),
            w2=nets.weight(4, 6, 3, 3, seed=2),
            shape=np.array([1, 4, -1], np.int64),
        )
    )
    data = quant.open_data({"x": nets.images(6, size=16)}, model)
    calibration = quant.calibrate(model, data)
    quantized = quant.quantize(model, calibration, quant.preset("everything"))
    found = analyze(quantized, calibration, data, metric=METRICS["cosine"])
    assert 20 < found.ablation.all.sqnr_db < 60
    assert found.ablation.all.agreement is None
    assert 0.99 < found.metric.int8_value < 1
    assert [sample.agrees for sample in found.sample_errors.worst] == [None] * 6
    assert {"boxes", "r"} <= set(found.local)
    assert report_html(found).count("<h3>Sample ") == 6
