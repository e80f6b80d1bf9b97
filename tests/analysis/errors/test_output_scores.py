import json
import math

import numpy as np
import pytest

from analysis.errors.output_scores import OutputScores, ScoreAccumulator
from analysis.errors.tensor_error import ErrorStats
from analysis.metrics import METRICS, WholeMetric
from quant.io.codec import from_json, to_json


def rows(count, classes, seed=0):
    return np.random.default_rng(seed).standard_normal((count, classes)).astype(np.float32)


def softmax(scores):
    exponents = np.exp(scores.astype(np.float64))
    return exponents / exponents.sum(axis=1, keepdims=True)


def tallied(reference, test, cuts=(), **options):
    accumulator = ScoreAccumulator(**options)
    for a, b in zip(np.split(reference, cuts), np.split(test, cuts), strict=True):
        accumulator.add({"y": a}, {"y": b})
    return accumulator.result()


def test_scores_equal_their_definitions_for_every_batching():
    a, noise = rows(60, 5), rows(60, 5, seed=1)
    b = a + noise / 2
    p, q = softmax(a), softmax(b)
    for cuts in ([], [1], [7, 30], list(range(1, 60))):
        found = tallied(a, b, cuts)
        assert found.samples == 60
        assert found.softmax_kl == pytest.approx((p * np.log(p / q)).sum(axis=1).mean(), rel=1e-6)
        assert found.agreement == (a.argmax(1) == b.argmax(1)).mean()
        assert found.sqnr_db == pytest.approx(
            10 * math.log10(np.square(a).sum() / np.square(a - b).sum()), abs=1e-4
        )
        assert found.metric is None


def test_rows_that_are_probabilities_are_not_put_through_a_softmax_again():
    a, b = rows(50, 4) * 3, rows(50, 4, seed=2) * 3
    scores = tallied(a, b).softmax_kl
    assert tallied(
        softmax(a).astype(np.float32), softmax(b).astype(np.float32)
    ).softmax_kl == pytest.approx(scores, rel=1e-3)


def test_probabilities_that_int8_rounds_to_zero_have_a_finite_divergence():
    a = np.array([[0.7, 0.299, 0.001]], np.float32)
    b = np.array([[0.71, 0.29, 0]], np.float32)
    assert 0 < tallied(a, b).softmax_kl < 0.1


def test_equal_outputs_have_no_divergence_and_infinite_sqnr():
    a = rows(8, 3)
    found = tallied(a, a.copy())
    assert (found.softmax_kl, found.agreement, found.sqnr_db) == (0, 1, math.inf)


@pytest.mark.parametrize("shape", [(4, 2, 3, 3), (4,), (4, 1)])
def test_what_is_no_row_of_scores_has_neither_divergence_nor_agreement(shape):
    a = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found = tallied(a, a + 1)
    assert found.softmax_kl is None
    assert found.agreement is None
    assert math.isfinite(found.sqnr_db)


def test_the_least_of_several_outputs_counts():
    a, b = rows(8, 3), rows(8, 3, seed=1)
    accumulator = ScoreAccumulator()
    accumulator.add({"good": a, "bad": b}, {"good": a, "bad": b + 1})
    found = accumulator.result()
    assert found.outputs["good"].sqnr_db == math.inf
    assert found.sqnr_db == found.outputs["bad"].sqnr_db < 10


def test_an_output_of_other_dimensions_is_left_out():
    accumulator = ScoreAccumulator()
    boxes = rows(28, 1).reshape(4, 7, 1)
    accumulator.add({"y": rows(4, 3), "boxes": boxes}, {"y": rows(4, 3), "boxes": rows(6, 4)})
    assert set(accumulator.result().outputs) == {"y"}


def test_what_a_shorter_answer_lacks_is_its_error():
    boxes = rows(7, 4)
    accumulator = ScoreAccumulator()
    accumulator.add({"boxes": boxes}, {"boxes": boxes[:6]})
    lost, whole = np.square(boxes[6:].astype(float)).sum(), np.square(boxes.astype(float)).sum()
    assert accumulator.result().sqnr_db == pytest.approx(10 * np.log10(whole / lost))


def test_what_a_longer_answer_has_beyond_does_not_count():
    boxes = rows(7, 4)
    accumulator = ScoreAccumulator()
    accumulator.add({"boxes": boxes[:6]}, {"boxes": boxes})
    assert accumulator.result().sqnr_db == math.inf


class Own(WholeMetric):
    """A metric of the user's own."""

    needs_labels = False

    def __init__(self, function):
        self.function = function

    def __call__(self, outputs, labels):
        return self.function(outputs, labels)


def test_the_metric_sees_the_variants_outputs_of_all_samples_and_their_labels():
    a, b = rows(20, 3), rows(20, 3, seed=1)
    labels = np.arange(30) % 3

    def metric(outputs, labels):
        assert np.array_equal(outputs["y"], b)
        return float((outputs["y"].argmax(1) == labels).mean())

    found = tallied(a, b, [3, 9], metric=Own(metric), labels=labels)
    assert found.metric == (b.argmax(1) == labels[:20]).mean()
    assert tallied(a, b, [3, 9], metric=METRICS["top1"], labels=labels).metric == found.metric


def test_outputs_kept_for_the_metric_survive_that_their_memory_is_used_again():
    memory = np.zeros((2, 3), np.float32)
    accumulator = ScoreAccumulator(Own(lambda outputs, labels: float(outputs["y"].sum())))
    for value in (1, 2):
        memory[:] = value
        accumulator.add({"y": rows(2, 3)}, {"y": memory})
    assert accumulator.result().metric == 6 * 1 + 6 * 2


@pytest.mark.parametrize("sqnr_db", [math.inf, -math.inf, 1 / 3])
def test_scores_come_back_from_json_exactly(sqnr_db):
    stats = ErrorStats(sqnr_db, 1 / 7, 1e-300, math.inf, 12)
    scores = OutputScores(3, {"y": stats}, 0.1 + 0.2, None, -1e-17)
    text = json.dumps(to_json(scores), allow_nan=False)
    assert from_json(OutputScores, json.loads(text), "scores") == scores
