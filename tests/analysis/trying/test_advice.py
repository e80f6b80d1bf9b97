"""Advice by what was tried: sorted by it, without what does not help, each change once."""

import math
from dataclasses import replace

import pytest

import quant
from analysis.findings import Finding, Fix, Tried
from analysis.metrics import METRICS
from analysis.trying.advice import SUSPECTS, advised, to_try
from analysis.trying.cures import CURES
from analysis.trying.scores import Scores
from quant.calibrators.kl import Kl
from quant.calibrators.mse import Mse
from quant.recipe.recipe import Rule
from quant.types import QType

START = quant.preset("onnxruntime-default")
TOP1 = METRICS["top1"]
SAMPLES = 12


def scores(db: float, *, loss: float | None = None, spread: float = 0.0) -> Scores:
    """An output sqnr, the same for each sample or not."""
    noise = 10 ** (-db / 10)
    each = tuple(noise * (1 + spread * (-1) ** place) for place in range(SAMPLES))
    return Scores({"y": (1.0,) * SAMPLES}, {"y": each}, None, loss)


def suspect(name: str, gain_db: float, recipe: quant.Recipe | None = None) -> Finding:
    other = START.with_rule(Rule("node", name, {"skip": True})) if recipe is None else recipe
    fix = Fix(f"Skip {name}", other, costs=True)
    return Finding("suspect", "critical", name, name, "", "Seen.", gain_db=gain_db, fix=fix)


def test_nothing_is_advised_before_the_recipe_itself_was_tried():
    suspects = (suspect("a", 5.0), suspect("b", 3.0))
    assert advised(START, suspects, lambda _: None, None) == suspects


def test_what_was_measured_decides_the_order_and_how_severe_it_is():
    a, b = suspect("a", 40.0), suspect("b", 1.0)
    assert a.fix is not None
    assert b.fix is not None
    of = {START: scores(10), a.fix.recipe: scores(10.1), b.fix.recipe: scores(14)}
    found = advised(START, (a, b), of.get, None)
    assert [(f.title, f.severity, f.gain_db) for f in found] == [
        ("b", "warning", pytest.approx(4.0)),
        ("a", "info", 0.0),
    ]
    assert found[0].to_win == "tried: +4.0 dB (4.0 to 4.0) on 12 samples"
    assert found[1].to_win == "tried: +0.1 dB, no gain that can be told on 12 samples"


def test_a_gain_of_a_few_samples_is_none():
    a = suspect("a", 40.0)
    assert a.fix is not None
    noise = (1e-3,) * 11 + (1.0,)
    base = Scores({"y": (1.0,) * SAMPLES}, {"y": (1e-2,) * 11 + (1e-3,)}, None)
    worse = Scores({"y": (1.0,) * SAMPLES}, {"y": noise}, None)
    (found,) = advised(START, (a,), {START: base, a.fix.recipe: worse}.get, None)
    assert found.tried is not None
    assert not found.tried.helps
    assert found.gain_db == 0


def test_of_each_kind_of_cure_the_best_that_helps_is_told():
    mse = replace(START, defaults=replace(START.defaults, calibrator=Mse()))
    kl = replace(START, defaults=replace(START.defaults, calibrator=Kl()))
    of = {START: scores(10), mse: scores(12), kl: scores(11)}
    (found,) = advised(START, (), of.get, None)
    assert found.kind == "calibrator"
    assert found.fix is not None
    assert found.fix.recipe == mse
    assert found.evidence == "Changes: calibrator MSE instead of MinMax."


def test_a_suspect_with_the_fix_of_a_cure_takes_its_place():
    other = replace(START, defaults=replace(START.defaults, per_channel=True))
    (found,) = advised(
        START, (suspect("a", 1.0, other),), {START: scores(10), other: scores(30)}.get, None
    )
    assert found.kind == "suspect"
    assert found.gain_db == pytest.approx(20)


def test_the_metric_says_what_it_gains_in_its_own_unit():
    a = suspect("a", 1.0)
    assert a.fix is not None
    of = {START: scores(10, loss=0.5), a.fix.recipe: scores(20, loss=0.25)}
    (found,) = advised(START, (a,), of.get, TOP1)
    assert found.to_win == ("tried: +10.0 dB (10.0 to 10.0), +25.0 points of Top-1 on 12 samples")


def test_an_error_that_is_gone_is_told_in_words_and_equal_models_gain_nothing():
    a = suspect("a", 1.0)
    assert a.fix is not None
    exact = Scores({"y": (1.0,) * SAMPLES}, {"y": (0.0,) * SAMPLES}, None)
    (found,) = advised(START, (a,), {START: scores(10), a.fix.recipe: exact}.get, None)
    assert found.to_win == "tried: nothing is left of the error on 12 samples"
    assert math.isinf(found.gain_db)
    assert found.severity == "critical"
    (same,) = advised(START, (a,), {START: exact, a.fix.recipe: exact}.get, None)
    assert same.tried is not None
    assert same.tried.gain_db == 0
    assert not same.tried.helps


def test_above_50_db_nothing_is_more_than_improvable():
    a = suspect("a", 1.0)
    assert a.fix is not None
    (found,) = advised(START, (a,), {START: scores(52), a.fix.recipe: scores(80)}.get, None)
    assert found.severity == "info"
    assert found.gain_db == pytest.approx(28)


def test_each_recipe_is_tried_once_and_few_suspects_are():
    suspects = [suspect(f"n{place}", 50.0 - place) for place in range(SUSPECTS + 4)]
    wanted = to_try(START, [*suspects, suspects[0]])
    assert START.content_key not in wanted
    fixes = [s.fix.recipe for s in suspects if s.fix is not None]
    assert [fix.content_key in wanted for fix in fixes] == [True] * SUSPECTS + [False] * 4


def test_a_loss_in_the_metric_has_its_sign():
    tried = Tried(10.0, 12.0, 1.5, 2.5, 40, metric_gain=-0.025, metric="Top-1", metric_unit="%")
    assert tried.in_words == "+2.0 dB (1.5 to 2.5), −2.5 points of Top-1 on 40 samples"
    rms = Tried(10.0, 12.0, 1.5, 2.5, 1, metric_gain=0.5, metric="RMS", metric_unit="mm")
    assert rms.in_words == "+2.0 dB (1.5 to 2.5), +0.5 mm of RMS on 1 sample"


def test_what_costs_speed_is_an_offer_however_much_it_gains():
    wide = replace(START, defaults=replace(START.defaults, activation_type=QType.UINT16))
    (found,) = advised(START, (), {START: scores(10), wide: scores(40)}.get, None)
    assert found.fix is not None
    assert found.fix.costs
    assert (found.severity, found.gain_db) == ("info", pytest.approx(30))
    assert not any(cure.recipes(wide) for cure in CURES if cure.costs)
