import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest

import sample_models
from analysis.errors.output_scores import OutputScores
from analysis.metrics import METRICS
from analysis.sweep.unit_effects import UnitEffect, benefit, sensitivity
from quant.ablation import only_unit, units, without_unit
from quant.errors import Cancelled, DataError
from quant.io.codec import from_json, to_json
from quant.passes.simulate_qdq import SimulateQdq
from quant.recipe.presets import preset
from quant.recipe.recipe import Rule
from quant.runtime.session import InferenceSession
from quant.types import QType
from tests.analysis.sweep.sweeping import NETS, brute_force, net, prepared
from tests.nets import images

SWEEPS = {"sensitivity": (sensitivity, only_unit), "benefit": (benefit, without_unit)}
both = pytest.mark.parametrize("which", SWEEPS)


def sample(name, samples=16):
    found = sample_models.find(name)
    evaluation = np.load(found.evaluation_path)
    data = {key: evaluation[key][:samples] for key in evaluation.files}
    calibration = np.load(found.calibration_path)
    seen = {key: calibration[key][:16] for key in calibration.files}
    return prepared(found.model_path, data, calibration=seen)


def assert_close(found, expected):
    """Equal but for the last digit of sums, which does not depend on how small an error is."""
    assert found.samples == expected.samples
    assert found.outputs.keys() == expected.outputs.keys()
    for name, stats in expected.outputs.items():
        assert found.outputs[name].sqnr_db == pytest.approx(stats.sqnr_db, abs=1e-3), name
        assert found.outputs[name].max_abs == pytest.approx(stats.max_abs, rel=1e-3, abs=1e-6)
    assert found.agreement == expected.agreement
    assert (found.softmax_kl is None) == (expected.softmax_kl is None)
    assert (found.softmax_kl or 0) == pytest.approx(expected.softmax_kl or 0, rel=1e-3, abs=1e-9)


@both
@pytest.mark.parametrize("name", NETS)
def test_every_unit_of_small_nets_equals_brute_force(name, which):
    sweep, variant = SWEEPS[which]
    quantized, calibration, data = net(name)
    found = sweep(quantized, calibration, data, level="basic")
    assert [(e.unit, e.nodes) for e in found.values()] == [
        (u.name, u.nodes) for u in units(quantized)
    ]
    for unit in units(quantized):
        whole = quantized.with_recipe(variant(quantized.recipe, unit))
        assert_close(found[unit.name].scores, brute_force(quantized, whole, data))


@both
@pytest.mark.parametrize(
    ("name", "samples", "step"),
    [
        ("fmnist_mobilenet", 4, 1),
        ("fmnist_resnet", 4, 1),
        ("spam_transformer", 4, 4),
        *(
            pytest.param(found.name, 64, 1, marks=pytest.mark.slow)
            for found in sample_models.samples()
        ),
    ],
)
def test_units_of_the_samples_equal_brute_force(name, samples, step, which):
    sweep, variant = SWEEPS[which]
    quantized, calibration, data = sample(name, samples)
    found = sweep(quantized, calibration, data, level="basic")
    assert set(found) == {unit.name for unit in units(quantized)}
    for unit in units(quantized)[::step]:
        whole = quantized.with_recipe(variant(quantized.recipe, unit))
        assert_close(found[unit.name].scores, brute_force(quantized, whole, data))


@both
def test_the_fast_kernels_change_no_more_than_a_rounding_now_and_then(which):
    sweep, variant = SWEEPS[which]
    quantized, calibration, data = sample("fmnist_resnet")
    found = sweep(quantized, calibration, data)
    for unit in units(quantized)[::5]:
        whole = quantized.with_recipe(variant(quantized.recipe, unit))
        expected = brute_force(quantized, whole, data, level="all")
        assert found[unit.name].scores.sqnr_db == pytest.approx(expected.sqnr_db, abs=0.3)


@pytest.mark.parametrize(
    "rules",
    [
        [Rule("op_type", "Add", {"align": "largest"})],
        [Rule("pattern", ".*", {"fuse_activation": "never", "drop_activation": "always"})],
        [Rule("node", "conv0", {"skip": True})],
        [Rule("op_type", "Conv", {"activation_type": QType.INT16, "activation_symmetric": True})],
        [Rule("node", "conv0", {"range": (-1.0, 0.5)}), Rule("op_type", "Conv", {"range": None})],
    ],
    ids=["aligned", "dropped", "skipped", "later opset", "overridden"],
)
@both
def test_recipes_of_every_kind_equal_brute_force(rules, which):
    sweep, variant = SWEEPS[which]
    recipe = replace(preset("onnxruntime-default"), rules=tuple(rules))
    quantized, calibration, data = net("residual", recipe=recipe)
    found = sweep(quantized, calibration, data, level="basic")
    for unit in units(quantized):
        whole = quantized.with_recipe(variant(quantized.recipe, unit))
        assert_close(found[unit.name].scores, brute_force(quantized, whole, data))


def test_quantization_is_computed_as_it_is_defined():
    quantized, calibration, data = net("residual", count=2)
    found = sensitivity(quantized, calibration, data, samples=1, level="all")
    feeds = next(data.samples(1))
    reference = InferenceSession(quantized.float_model.to_bytes(), level="disabled").run(feeds)["y"]
    for unit in units(quantized):
        variant = quantized.with_recipe(only_unit(quantized.recipe, unit))
        spelled = variant.graph.clone()
        SimulateQdq()(spelled)
        from_floats = replace(variant, graph=spelled).to_bytes()
        test = InferenceSession(from_floats, level="disabled").run(feeds)["y"]
        noise = np.square(reference - test).sum()
        expected = math.inf if noise == 0 else 10 * np.log10(np.square(reference).sum() / noise)
        assert found[unit.name].scores.sqnr_db == pytest.approx(expected, abs=0.05)


def test_a_unit_that_changes_nothing_has_infinite_sqnr():
    quantized, calibration, data = net("residual")
    scores = sensitivity(quantized, calibration, data)["flatten6"].scores
    assert (scores.sqnr_db, scores.softmax_kl, scores.agreement) == (math.inf, 0, 1)


def test_an_output_before_the_unit_has_infinite_sqnr():
    quantized, calibration, data = net("several outputs")
    outputs = sensitivity(quantized, calibration, data)["gemm5"].scores.outputs
    assert outputs["a"].sqnr_db == outputs["r"].sqnr_db == math.inf > outputs["y"].sqnr_db


def test_a_unit_is_a_quantized_node_with_its_fused_activation():
    quantized, _, _ = net("residual")
    assert [unit.nodes for unit in units(quantized)] == [
        ("conv0", "relu1"),
        ("conv2",),
        ("add3", "relu4"),
        ("globalaveragepool5",),
        ("flatten6",),
        ("gemm7",),
    ]


@both
def test_small_budgets_and_data_of_several_shapes_give_the_same_numbers(which, tmp_path):
    sweep, _ = SWEEPS[which]
    for index, size in enumerate((12, 12, 9, 16)):
        np.savez(tmp_path / f"{index}.npz", x=images(5, size, seed=index))
    quantized, calibration, data = prepared(NETS["residual"], tmp_path)
    plenty = sweep(quantized, calibration, data, level="basic")
    for budget in (1, 40_000, 200_000):
        found = sweep(quantized, calibration, data, level="basic", budget_bytes=budget)
        for name, effect in plenty.items():
            assert_close(found[name].scores, effect.scores)


@both
def test_going_on_runs_only_the_rest_and_gives_the_same_numbers(which, monkeypatch):
    sweep, _ = SWEEPS[which]
    quantized, calibration, data = net("residual", count=40)
    runs = []
    plain_run = InferenceSession.run

    def counted(session, feeds):
        runs.append(session)
        return plain_run(session, feeds)

    monkeypatch.setattr(InferenceSession, "run", counted)
    whole = sweep(quantized, calibration, data, budget_bytes=300_000)
    of_whole = len(runs)
    runs.clear()
    kept = {}

    class Killed(Exception):
        pass

    def until_half(effect):
        kept[effect.unit] = from_json(UnitEffect, json.loads(json.dumps(to_json(effect))), "effect")
        if len(kept) == len(whole) // 2:
            raise Killed

    with pytest.raises(Killed):
        sweep(quantized, calibration, data, budget_bytes=300_000, on_effect=until_half)
    assert set(kept) == set(list(whole)[: len(whole) // 2])
    runs.clear()
    rest, totals = [], set()
    found = sweep(
        quantized,
        calibration,
        data,
        budget_bytes=300_000,
        known=kept,
        on_effect=lambda effect: rest.append(effect.unit),
        progress=lambda progress: totals.add((progress.total, progress.done)),
    )
    assert rest == list(whole)[len(whole) // 2 :]
    assert max(totals) == (len(rest) * 40, len(rest) * 40)
    assert len(runs) < of_whole
    assert found == whole
    assert list(found) == list(whole)
    runs.clear()
    assert sweep(quantized, calibration, data, known=found) == whole
    assert not runs


def test_each_effect_is_told_before_the_next_unit_is_done():
    quantized, calibration, data = net("residual", count=24)
    told = []
    sensitivity(
        quantized,
        calibration,
        data,
        on_effect=lambda _: told.append(None),
        progress=lambda progress: told.append(progress.done),
    )
    assert told.index(None) < told.index(6 * 24)
    assert told.count(None) == 6


def test_a_sweep_is_cancelled_within_a_second():
    quantized, calibration, data = sample("fmnist_mobilenet", samples=500)
    asked = []

    def cancel(progress):
        if progress.done > 0:
            asked.append(time.monotonic())
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        benefit(quantized, calibration, data, progress=cancel)
    assert time.monotonic() - asked[0] < 1


def test_units_share_runs_of_the_base_where_not_all_tensors_fit(monkeypatch):
    quantized, calibration, data = net("residual", count=400)
    tapped = {}
    plain_run = InferenceSession.run

    def seen(session, feeds):
        tapped[id(session)] = session
        return plain_run(session, feeds)

    monkeypatch.setattr(InferenceSession, "run", seen)
    sensitivity(quantized, calibration, data, budget_bytes=500 << 10)
    bases = [session for session in tapped.values() if session.taps]
    assert len(bases) - 1 == 2 < len(units(quantized))  # the first only looks at one sample


def test_the_metric_is_that_of_the_variant():
    quantized, calibration, data = sample("fmnist_resnet")
    found = sensitivity(quantized, calibration, data, metric=METRICS["top1"])
    unit = units(quantized)[0]
    alone = quantized.with_recipe(only_unit(quantized.recipe, unit))
    test = InferenceSession(alone.to_bytes(), level="basic")
    (output,) = test.run(next(data.batches(16)).feeds).values()
    assert found[unit.name].scores.metric == (output.argmax(1) == data.labels).mean()


def test_no_samples_are_refused():
    quantized, calibration, data = net("chain")
    with pytest.raises(DataError, match="at least 1 sample"):
        sensitivity(quantized, calibration, data, samples=0)


@pytest.mark.parametrize("kl", [None, 0.1, math.inf])
def test_effects_come_back_from_json_exactly(kl):
    quantized, calibration, data = net("several outputs")
    for found in benefit(quantized, calibration, data).values():
        scores = OutputScores(found.scores.samples, found.scores.outputs, kl, None, 1 / 3)
        effect = replace(found, scores=scores)
        text = json.dumps(to_json(effect), allow_nan=False)
        assert from_json(UnitEffect, json.loads(text), "effect") == effect
