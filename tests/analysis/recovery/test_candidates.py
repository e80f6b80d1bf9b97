"""The order in which units become float, on noises that are known."""

import math
from dataclasses import replace

import pytest

import quant
from analysis.recovery.candidates import float_order
from analysis.recovery.parts import Parts, touching
from analysis.recovery.trials import Noise
from analysis.runtime.multiply_adds import MultiplyAdds
from analysis.trying.scores import Scores
from quant.ablation import QuantUnit
from sample_models import find

MODEL = quant.load(find("fmnist_mobilenet").model_path)


def parts(weights, groups=None, touched=None):
    """Parts whose noises add up to what is measured."""
    groups = groups or {}
    outputs = next(iter(weights.values()))
    every = [*weights.values(), *groups.values()]
    sums = {name: sum(noise[name] for noise in every) for name in outputs}
    return Parts(
        quant.plan(MODEL, quant.Recipe()),
        {name: Noise(of) for name, of in weights.items()},
        {name: Noise(of) for name, of in groups.items()},
        {name: frozenset(nodes) for name, nodes in (touched or {}).items()},
        Scores(dict.fromkeys(sums, (1.0,)), {n: (v,) for n, v in sums.items()}, None),
    )


def units(*names):
    return tuple(QuantUnit(name, (name,)) for name in names)


def names(steps):
    return [[unit.name for unit in step.units] for step in steps]


def test_most_noise_for_the_fewest_multiply_adds_comes_first():
    counts = MultiplyAdds({"big": 900, "small": 50, "mid": 50})
    found = parts({"big": {"y": 0.05}, "small": {"y": 0.04}, "mid": {"y": 0.01}})
    steps = float_order(units("big", "small", "mid"), found, counts, 1.0)
    assert names(steps) == [["small"], ["mid"], ["big"]]
    assert [step.int8_share for step in steps] == pytest.approx([0.95, 0.9, 0.0])


def test_what_is_left_is_promised_by_adding_noises():
    found = parts({"a": {"y": 0.06}, "b": {"y": 0.04}})
    first, second = float_order(units("a", "b"), found, MultiplyAdds({"a": 1, "b": 1}), 1.0)
    assert first.promised_db == pytest.approx(-10 * math.log10(0.04))
    assert second.promised_db == math.inf


def test_the_promise_is_fitted_to_what_all_parts_do_together():
    found = parts({"a": {"y": 0.06}, "b": {"y": 0.04}})
    found = replace(found, scores=Scores({"y": (1.0,)}, {"y": (0.2,)}, None))
    first, _ = float_order(units("a", "b"), found, MultiplyAdds({"a": 1, "b": 1}), 1.0)
    assert first.promised_db == pytest.approx(-10 * math.log10(0.08))


def test_the_worst_output_decides_and_changes_on_the_way():
    found = parts({"a": {"p": 0.5, "q": 0.0}, "b": {"p": 0.0, "q": 0.1}})
    steps = float_order(units("a", "b"), found, MultiplyAdds({"a": 1, "b": 1}), 1.0)
    assert names(steps) == [["a"], ["b"]]
    assert steps[0].promised_db == pytest.approx(10.0)


def test_what_computes_and_what_reads_a_noisy_activation_go_together():
    found = parts(
        {"a": {"y": 0.001}, "b": {"y": 0.001}, "c": {"y": 0.01}},
        {"ab": {"y": 0.5}},
        {"ab": {"a", "b"}},
    )
    counts = MultiplyAdds({"a": 10, "b": 10, "c": 10})
    steps = float_order(units("a", "b", "c"), found, counts, 1.0)
    assert names(steps) == [["a", "b"], ["c"]]
    assert steps[0].promised_db == pytest.approx(20.0)


def test_units_without_noise_stay():
    found = parts({"a": {"y": 0.1}, "b": {"y": 0.0}})
    steps = float_order(units("a", "b"), found, MultiplyAdds({"a": 1, "b": 1}), 1.0)
    assert names(steps) == [["a"]]


def test_activations_are_rounded_because_of_what_computes_and_what_reads_them():
    plan = quant.plan(MODEL, quant.preset("everything"))
    found = touching(plan)
    assert set(found) == set(plan.groups)
    for name, tensor in plan.tensors.items():
        producer = MODEL.producers.get(name)
        if producer is not None and plan.nodes[producer.name].quantized:
            assert producer.name in found[tensor.group]
        readers = [n for n in MODEL.consumers[name] if n and plan.nodes[n].quantized]
        assert set(readers) <= found[tensor.group]
