"""Fixes as a stage: what is told was really measured, each once, and a cut keeps what is known."""

from dataclasses import replace

import numpy as np
import pytest

import quant
from analysis.metrics import METRICS
from analysis.study import trying as module
from analysis.study.measuring import MEASURING
from analysis.study.study import Study
from analysis.study.trying import LEAST, advice_of, on_few_samples, repeatability_of, tries, trying
from quant.errors import Cancelled, ModelError
from quant.runtime.session import InferenceSession
from tests import nets


@pytest.fixture(scope="module")
def inputs():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(10), "labels": np.arange(10) % 4}, model)
    return model, quant.calibrate(model, data), data


def study_of(inputs, **changes):
    model, calibration, data = inputs
    options = {
        "model": model,
        "statistics": calibration,
        "evaluation": data,
        "recipe": quant.preset("onnxruntime-default"),
        "metric": METRICS["top1"],
    }
    return Study(**{**options, **changes})


@pytest.fixture(scope="module")
def done(inputs):
    study = study_of(inputs)
    study.run([MEASURING, trying(None)])
    return study


def sqnr_db(model, quantized, data):
    """By hand: both files in ONNX Runtime, one sample at a time."""
    sessions = [InferenceSession(content) for content in (model.to_bytes(), quantized.to_bytes())]
    signal = noise = 0.0
    for sample in data.samples():
        a, b = (next(iter(s.run(sample).values())).astype(np.float64) for s in sessions)
        signal, noise = signal + np.sum(a * a), noise + np.sum((a - b) ** 2)
    return 10 * np.log10(signal / noise)


def test_every_gain_is_that_of_the_files_themselves(inputs, done):
    model, calibration, data = inputs
    before = sqnr_db(model, done.quantized, data)
    told = [f for f in advice_of(done, done) if f.tried is not None]
    assert told
    for finding in told:
        after = sqnr_db(model, quant.quantize(model, calibration, finding.fix.recipe), data)
        assert finding.tried.before_db == pytest.approx(before, abs=1e-6)
        assert finding.tried.after_db == pytest.approx(after, abs=1e-6)


def test_all_are_tried_and_none_twice(done, monkeypatch):
    tried, wanted = tries(done, done)
    assert tried == wanted > 5
    monkeypatch.setattr(module, "quantize", lambda *_: pytest.fail("tried again"))
    replace(done).run([trying(None)])


def test_a_cut_keeps_what_was_tried(inputs, done):
    study = study_of(inputs)
    study.run([MEASURING])
    assert tries(study, study)[0] == 0

    def enough(_, progress):
        if progress.done == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        study.run([trying(None)], enough)
    assert tries(study, study)[0] == 2  # and the recipe itself
    study.run([trying(None)])
    assert advice_of(study, study) == advice_of(done, done)


def test_what_cannot_be_run_is_left_out(inputs, done, monkeypatch):
    real = module.quantize

    def broken(model, calibration, recipe):
        if recipe.defaults.per_channel:
            raise ModelError("no such kernel")
        return real(model, calibration, recipe)

    monkeypatch.setattr(module, "quantize", broken)
    study = study_of(inputs)
    study.run([MEASURING, trying(None)])
    assert tries(study, study)[0] == tries(done, done)[0]
    told = [f for f in advice_of(study, study) if f.tried is not None]
    assert not any(f.fix.recipe.defaults.per_channel for f in told)


def test_samples_are_spread_over_the_data(inputs, monkeypatch):
    model = inputs[0]
    images = np.tile(nets.images(40), (3, 1, 1, 1))
    study = study_of(inputs, evaluation=quant.open_data({"x": images}, model), metric=None)
    assert len(on_few_samples(study).evaluation) == 120  # a small model affords more than the least
    monkeypatch.setattr(module, "_VALUES", 1.0)
    few = on_few_samples(study).evaluation
    assert len(few) == 120 // -(-120 // LEAST)
    for place, sample in enumerate(few.samples()):
        np.testing.assert_array_equal(sample["x"][0], images[4 * place])
    assert len(on_few_samples(study.on(10)).evaluation) == 10


def test_what_noise_changes_is_no_gain(inputs, done):
    data = inputs[2]
    found = repeatability_of(done)
    session = InferenceSession(done.quantized.to_bytes())
    rng = np.random.default_rng(0)
    signal = noise = 0.0
    for sample in data.samples():
        shaken = {"x": (sample["x"] * (1 + 1e-6 * rng.standard_normal(sample["x"].shape)))}
        shaken["x"] = shaken["x"].astype(np.float32)
        a, b = (
            next(iter(session.run(feeds).values())).astype(np.float64)
            for feeds in ({"x": sample["x"]}, shaken)
        )
        signal, noise = signal + np.sum(a * a), noise + np.sum((a - b) ** 2)
    own = 10 * np.log10(signal / noise) if noise else np.inf
    assert found.outputs_db == pytest.approx(own, abs=1e-6)
    loud = replace(found, floor_db=200.0)
    study = study_of(inputs)
    study.run([MEASURING, trying(None)])
    on_few_samples(study).keep(module.REPEATABILITY, loud)
    assert not any(f.tried.helps for f in advice_of(study, study) if f.tried is not None)
