"""A study: the same results however it is driven, nothing measured twice, keys that tell apart."""

from dataclasses import fields, replace

import numpy as np
import pytest

import quant
from analysis.metrics import METRICS, MetricError
from analysis.report.documents import findings_json, layer_table, summary_json
from analysis.study import measuring as passes
from analysis.study.analysis import analysis_of, analyze, stages_of
from analysis.study.evidence import findings_of
from analysis.study.measuring import ABLATIONS, COMPARISON, MEASURING
from analysis.study.ranking import unit_ranking
from analysis.study.stages import CALIBRATING, CHECKS, LATENCY, TIMING, VERIFYING
from analysis.study.study import CALIBRATION, CalibrationData, Study
from analysis.study.sweeping import EFFECTS, SWEEPS, effects_of
from quant.errors import Cancelled, DataError
from tests import nets


@pytest.fixture(scope="module")
def inputs():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(10), "labels": np.arange(10) % 4}, model)
    return model, data


def study_of(inputs, **changes):
    model, data = inputs
    options = {
        "model": model,
        "statistics": CalibrationData(data),
        "evaluation": data,
        "recipe": quant.preset("everything"),
        "metric": METRICS["top1"],
    }
    return Study(**{**options, **changes})


@pytest.fixture(scope="module")
def done(inputs):
    study = study_of(inputs)
    study.run([CALIBRATING, *stages_of()])
    return study


def test_driven_by_hand_it_knows_what_one_call_gives(inputs, done):
    model, data = inputs
    calibration = quant.calibrate(model, data)
    quantized = quant.quantize(model, calibration, quant.preset("everything"))
    called = analyze(quantized, calibration, data, metric=METRICS["top1"])
    found = analysis_of(done)
    for tell in (layer_table, summary_json, findings_json):
        assert tell(found) == tell(called)
    assert done.quantized.to_bytes() == quantized.to_bytes()
    assert done.calibration.digest == calibration.digest


def test_nothing_that_is_known_is_run_again(done, monkeypatch):
    ran = []
    monkeypatch.setattr(passes, "measure", lambda *_, **__: ran.append("a pass"))
    again = replace(done)
    again.run([CALIBRATING, *stages_of()], lambda name, _: ran.append(name))
    assert ran == []


def test_stages_in_another_order_with_breaks_give_the_same(inputs, done):
    study = study_of(inputs)
    study.run([CALIBRATING, SWEEPS["benefit"]])

    def enough(name, progress):
        if progress.done and effects_of(study, name):
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        study.run([SWEEPS["sensitivity"]], enough)
    part = unit_ranking(study)
    assert 0 < len(part.sensitivity) < len(part.units)
    assert not part.complete
    study.run([MEASURING])
    study.run(stages_of())
    assert layer_table(analysis_of(study)) == layer_table(analysis_of(done))
    assert findings_of(study, study) == findings_of(done, done)
    kept = unit_ranking(study).sensitivity
    assert all(kept[name] is effect for name, effect in part.sensitivity.items())


def test_what_is_measured_makes_more_findings_possible(inputs):
    study = study_of(inputs)
    study.run([CALIBRATING])
    before = findings_of(study, study)
    study.run([MEASURING])
    assert study.known(COMPARISON).samples == 10
    assert findings_of(study, study) is not before
    assert findings_of(study, study) is findings_of(study, study)


CHANGES = {
    "recipe": {"recipe": quant.preset("tensorrt")},
    "number of samples": {"samples": 4},
    "metric": {"metric": METRICS["cosine"]},
}


@pytest.mark.parametrize("part", CHANGES)
def test_a_key_differs_where_what_the_result_depends_on_does(done, part):
    other = replace(done, **CHANGES[part])
    for result in (CALIBRATION, COMPARISON, ABLATIONS, LATENCY, *EFFECTS.values()):
        here, there = done.key(result).values(), other.key(result).values()
        differs = {name for name in here if here[name] != there[name]}
        assert differs == ({part} if part in result.depends_on else set())


def test_keys_name_the_data_and_the_statistics(inputs, done):
    model, data = inputs
    shorter = quant.open_data({"x": nets.images(9), "labels": np.arange(9) % 4}, model)
    key = done.key(SWEEPS["benefit"]).values()
    other = replace(done, evaluation=shorter).key(SWEEPS["benefit"]).values()
    assert {n for n in key if key[n] != other[n]} == {"data", "number of samples"}
    fewer = replace(done, statistics=quant.calibrate(model, data, samples=3))
    other = fewer.key(SWEEPS["benefit"]).values()
    assert {n for n in key if key[n] != other[n]} == {"calibration"}
    assert done.key(CALIBRATION) != replace(done, statistics=CalibrationData(data, 3)).key(
        CALIBRATION
    )


def test_more_samples_asked_for_than_there_are_is_the_same_study(done):
    assert done.on(99).key(COMPARISON) == done.key(COMPARISON)


def test_every_unit_has_a_key_of_its_own(done):
    names = [unit.name for unit in unit_ranking(done).units]
    assert len({done.key(EFFECTS["benefit"], unit=name) for name in names}) == len(names)


def test_time_and_verification_are_stages_too(done):
    done.run([TIMING, VERIFYING])
    assert done.known(LATENCY).of_int8.runs > 0
    assert done.known(CHECKS) == done.quantized.verify()


def test_without_statistics_it_says_what_to_run(inputs):
    with pytest.raises(DataError, match="run the stage CALIBRATING first"):
        _ = study_of(inputs).quantized
    assert not study_of(inputs).calibrated


def test_before_anything_is_measured_an_analysis_says_so(inputs):
    study = study_of(inputs)
    study.run([CALIBRATING])
    with pytest.raises(DataError, match="to be measured by now, found nothing"):
        analysis_of(study)


def test_labels_are_asked_for_before_anything_runs(inputs):
    model, _ = inputs
    bare = quant.open_data({"x": nets.images(10)}, model)
    with pytest.raises(MetricError, match="'labels'"):
        study_of(inputs, evaluation=bare)


def test_a_study_holds_inputs_and_a_store_and_no_result(done):
    names = {field.name for field in fields(done)}
    assert names == {
        "model", "statistics", "evaluation", "recipe", "metric", "samples", "store"
    }  # fmt: skip
