"""Recover on real samples: it says what the file gives, however often it was interrupted."""

import json
import math

import numpy as np
import onnx
import pytest

import quant
import sample_models
from analysis.metrics import METRICS, MetricError
from analysis.recovery.documents import pareto_table, recovery_json
from analysis.recovery.recovering import recover
from analysis.recovery.target import Target
from analysis.report import recovery_html
from analysis.trying.scoring import score
from quant.data.opening import match_inputs
from quant.errors import Cancelled, DataError
from quant.runtime.session import InferenceSession
from tests.models import conv_relu, images

SAMPLE = sample_models.find("fmnist_mobilenet")
OUT_OF_REACH = Target("sqnr", 200.0)


@pytest.fixture(scope="module")
def inputs():
    """A float model, samples to choose by and samples to judge by."""
    model = quant.load(SAMPLE.model_path)
    parts = []
    for path, count in ((SAMPLE.calibration_path, 12), (SAMPLE.evaluation_path, 16)):
        found = np.load(path)
        parts.append(quant.open_data({name: found[name][:count] for name in found.files}))
    return model, *parts


@pytest.fixture(scope="module")
def searched(inputs, tmp_path_factory):
    """A search for what is out of reach, so that all is tried, and its trail."""
    model, data, evaluation = inputs
    trail = tmp_path_factory.mktemp("trail") / "trail.jsonl"
    found = recover(
        model, data, evaluation=evaluation, target=OUT_OF_REACH, seconds=1e6, trail=trail
    )
    return found, trail


def outputs_of(content, data):
    session = InferenceSession(content)
    return [session.run(sample) for sample in data.samples()]


def documents(found):
    return json.dumps(recovery_json(found)), recovery_html(found), pareto_table(found)


def test_what_a_point_says_is_what_its_file_gives(inputs, searched):
    model, _, evaluation = inputs
    found, _ = searched
    evaluation = match_inputs(evaluation, model.inputs)
    expected = outputs_of(model.to_bytes(), evaluation)
    given = outputs_of(found.quantized.to_bytes(), evaluation)
    scores = score(expected, given)
    assert found.point.sqnr_db == pytest.approx(scores.sqnr_db)
    assert found.point.agreement == scores.agreement
    assert found.point.size == len(found.quantized.to_bytes())


def test_the_chosen_recipe_makes_the_chosen_bytes(inputs, searched):
    model, data, _ = inputs
    found, _ = searched
    recipe = quant.Recipe.loads(found.recipes[found.point.name].dumps())
    again = quant.quantize(model, quant.calibrate(model, data), recipe)
    assert again.to_bytes() == found.quantized.to_bytes()


def test_out_of_reach_is_said_and_the_share_is_kept(searched):
    found, _ = searched
    assert not found.reached
    assert "out of reach" in found.ended
    assert found.point.int8_share >= 0.9
    assert found.point.expected_db >= found.before.expected_db


def test_every_attempt_was_measured_and_says_why(searched):
    found, _ = searched
    assert {"repair", "rounding", "calibrator", "range", "float", "16 bits"} >= {
        a.step for a in found.attempts
    }
    assert {"calibrator", "float", "16 bits"} <= {a.step for a in found.attempts}
    for attempt in found.attempts:
        assert math.isfinite(attempt.delivered_db)
        assert attempt.why
        assert not attempt.kept or attempt.gain_db > 0


def test_points_trade_accuracy_for_integers(searched):
    found, _ = searched
    shares = [point.int8_share for point in found.points]
    assert shares == sorted(shares, reverse=True)
    assert len({point.name for point in found.points}) == len(found.points)
    assert sum(point.chosen for point in found.points) == 1
    for point in found.points:
        assert point.sqnr_low_db <= point.sqnr_db <= point.sqnr_high_db


def test_a_search_that_was_cut_anywhere_ends_like_one_that_was_not(inputs, searched, tmp_path):
    model, data, evaluation = inputs
    found, trail = searched
    lines = trail.read_bytes().splitlines(keepends=True)
    for part in (0.0, 0.6):
        cut = tmp_path / f"{part}.jsonl"
        half = lines[int(part * len(lines))]
        # Of the last line only a half was written.
        kept = [lines[0], *lines[1 : int(part * len(lines))], half[: len(half) // 2]]
        cut.write_bytes(b"".join(kept) if part else b"")
        again = recover(
            model, data, evaluation=evaluation, target=OUT_OF_REACH, seconds=1e6, trail=cut
        )
        assert again.quantized.to_bytes() == found.quantized.to_bytes()
        assert [a.what for a in again.attempts] == [a.what for a in found.attempts]
    whole = recover(
        model, data, evaluation=evaluation, target=OUT_OF_REACH, seconds=1e6, trail=trail
    )
    assert documents(whole) == documents(found)


def test_cancelled_keeps_what_was_measured(inputs, tmp_path):
    model, data, evaluation = inputs
    trail = tmp_path / "trail.jsonl"

    def stop(standing):
        if len(standing.attempts) >= 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        recover(model, data, evaluation=evaluation, target=OUT_OF_REACH, trail=trail, progress=stop)
    assert len(trail.read_text().splitlines()) > 3


def test_the_trail_of_other_data_is_refused(inputs, searched, tmp_path):
    model, data, evaluation = inputs
    _, trail = searched
    copy = tmp_path / "trail.jsonl"
    copy.write_bytes(trail.read_bytes())
    with pytest.raises(DataError, match="that of another"):
        recover(model, evaluation, evaluation=data, trail=copy)


def test_a_target_within_reach_takes_no_more_floats_than_it_needs(inputs, searched):
    model, data, evaluation = inputs
    found, _ = searched
    base = found.before.expected_db
    best = max(p.expected_db for p in found.points if p.int8_share >= 0.6)
    target = Target("sqnr", (base + best) / 2)
    less = recover(model, data, evaluation=evaluation, target=target, int8_share=0.0, seconds=1e6)
    assert less.point.expected_db >= target.value
    # Any unit that is float goes back to int8 and misses the target.
    backs = [attempt for attempt in less.attempts if attempt.step == "back to int8"]
    assert all(a.kept == (a.delivered_db >= target.value) for a in backs)


def test_without_evaluation_a_fourth_judges():
    model = quant.load(SAMPLE.model_path)
    found = np.load(SAMPLE.calibration_path)
    data = quant.open_data({name: found[name][:10] for name in found.files})
    result = recover(model, data, target=Target("sqnr", 1.0))
    assert result.samples == (7, 3)
    assert result.reached
    assert result.attempts == ()


@pytest.fixture
def small(tmp_path):
    onnx.save(conv_relu(), tmp_path / "net.onnx")
    model = quant.load(tmp_path / "net.onnx")
    return model, quant.open_data(images(), model)


def test_bad_words_are_refused_before_any_work(small):
    model, data = small
    with pytest.raises(DataError, match="expected an output of"):
        recover(model, data, ignored=["nothing"])
    with pytest.raises(DataError, match="one output to be left"):
        recover(model, data, ignored=[model.outputs[0].name])
    with pytest.raises(DataError, match=r"0 to 1, found 1\.5"):
        recover(model, data, int8_share=1.5)


def test_a_model_without_real_outputs_is_refused_in_a_sentence(tmp_path):
    graph = conv_relu()
    name = graph.graph.output[0].name
    graph.graph.node.append(onnx.helper.make_node("ArgMax", [name], ["top"], axis=1))
    graph.graph.output[0].CopyFrom(
        onnx.helper.make_tensor_value_info("top", 7, ["a", "b", "c", "d"])
    )
    onnx.save(graph, tmp_path / "net.onnx")
    model = quant.load(tmp_path / "net.onnx")
    with pytest.raises(DataError, match="expected an output of real numbers"):
        recover(model, quant.open_data(images(), model))


def test_a_trail_that_somebody_wrote_into_is_refused_by_the_line(inputs, searched, tmp_path):
    model, data, evaluation = inputs
    lines = searched[1].read_text().splitlines()
    odd = tmp_path / "trail.jsonl"
    for written in ('["odd"]', lines[4].replace("seconds", "secondz", 1), lines[4][:-9]):
        odd.write_text("\n".join([*lines[:4], written, *lines[4:]]) + "\n")
        with pytest.raises(DataError, match="line 5 is not as it was written; delete that line"):
            recover(model, data, evaluation=evaluation, target=OUT_OF_REACH, seconds=1e6, trail=odd)


def test_a_changed_recipe_is_not_called_what_it_began_with(searched):
    found, _ = searched
    assert found.recipes[found.before.name].name == "recommended"
    assert found.quantized.recipe.name == "recovered"


def test_labels_that_only_judge_are_enough_for_another_target(inputs):
    model, data, evaluation = inputs
    assert data.labels is None
    metric = METRICS.named("top1")
    found = recover(model, data, evaluation=evaluation, metric=metric, target=Target("sqnr", 10.0))
    assert found.point.loss is not None
    assert any("has no labels, so Top-1 only judges" in note for note in found.notes)
    with pytest.raises(MetricError, match="expected an array 'labels' in the data"):
        recover(model, data, evaluation=evaluation, metric=metric, target=Target("metric", 0.01))
    with pytest.raises(MetricError, match="expected an array 'labels' in the data"):
        recover(model, evaluation, evaluation=data, metric=metric, target=Target("sqnr", 10.0))
