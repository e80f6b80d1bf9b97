"""The order in which units become float, on noises that are known."""

import math

import pytest

from analysis.errors.output_scores import OutputScores
from analysis.errors.tensor_error import ErrorStats
from analysis.recovery.candidates import float_order
from analysis.recovery.multiply_adds import MultiplyAdds
from analysis.recovery.scores import Scores
from analysis.sweep.unit_effects import UnitEffect
from quant.ablation import QuantUnit


def effect(name, **noise):
    outputs = {
        out: ErrorStats(-10 * math.log10(n) if n else math.inf, 1.0, 0.0, 0.0, 1)
        for out, n in noise.items()
    }
    return UnitEffect(name, (name,), OutputScores(1, outputs, None, None, None))


def scores(**noise):
    return Scores(dict.fromkeys(noise, (1.0,)), {n: (v,) for n, v in noise.items()}, None)


def units(*names):
    return tuple(QuantUnit(name, (name,)) for name in names)


def test_most_noise_for_the_fewest_multiply_adds_comes_first():
    counts = MultiplyAdds({"big": 900, "small": 50, "mid": 50})
    effects = {"big": effect("big", y=0.05), "small": effect("small", y=0.04)}
    effects["mid"] = effect("mid", y=0.01)
    steps = float_order(units("big", "small", "mid"), effects, counts, scores(y=0.1), 1.0)
    assert [step.unit.name for step in steps] == ["small", "mid", "big"]
    assert [step.int8_share for step in steps] == pytest.approx([0.95, 0.9, 0.0])


def test_what_is_left_is_promised_by_adding_noises():
    counts = MultiplyAdds({"a": 1, "b": 1})
    effects = {"a": effect("a", y=0.06), "b": effect("b", y=0.04)}
    first, second = float_order(units("a", "b"), effects, counts, scores(y=0.1), 1.0)
    assert first.promised_db == pytest.approx(-10 * math.log10(0.04))
    assert second.promised_db == math.inf


def test_the_worst_output_decides_and_changes_on_the_way():
    counts = MultiplyAdds({"a": 1, "b": 1})
    effects = {"a": effect("a", p=0.5, q=0.0), "b": effect("b", p=0.0, q=0.1)}
    steps = float_order(units("a", "b"), effects, counts, scores(p=0.5, q=0.1), 1.0)
    assert [step.unit.name for step in steps] == ["a", "b"]
    assert steps[0].promised_db == pytest.approx(10.0)


def test_units_without_noise_stay():
    counts = MultiplyAdds({"a": 1, "b": 1})
    effects = {"a": effect("a", y=0.1), "b": effect("b", y=0.0)}
    steps = float_order(units("a", "b"), effects, counts, scores(y=0.1), 1.0)
    assert [step.unit.name for step in steps] == ["a"]
