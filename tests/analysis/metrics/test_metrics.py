import numpy as np
import pytest

from analysis.metrics import (
    METRICS,
    MetricAccumulator,
    MetricError,
    check_labels,
    metric_named,
    register,
)

RNG = np.random.default_rng(5)
SCORES = RNG.standard_normal((40, 10)).astype(np.float32)
FLOAT = SCORES + RNG.standard_normal((40, 10)).astype(np.float32) / 10
LABELS = RNG.integers(0, 10, 40)


def taken(name, outputs=SCORES, labels=LABELS, reference=FLOAT):
    return METRICS[name].each({"y": outputs}, labels, {"y": reference}, len(outputs)).mean()


def test_the_built_in_metrics_are_these_four():
    assert set(METRICS) == {"top1", "top5", "mse", "cosine"}
    assert all(metric.key == name == metric.name for name, metric in METRICS.items())
    assert all(metric.label and metric.unit in {"", "%"} for metric in METRICS.values())


def test_top1_is_the_share_of_equal_argmax_and_top5_that_within_the_sorted_five():
    assert taken("top1") == np.mean(SCORES.argmax(axis=1) == LABELS)
    five = np.argsort(-SCORES, axis=1, kind="stable")[:, :5]
    assert taken("top5") == np.mean([label in row for label, row in zip(LABELS, five, strict=True)])


def test_equal_scores_count_as_argmax_has_it():
    tied = np.ones((4, 10), np.float32)
    assert taken("top1", tied, np.array([0, 0, 1, 9]), tied) == 0.5
    assert taken("top5", tied, np.array([0, 4, 5, 9]), tied) == 0.5


def test_a_label_that_no_score_belongs_to_is_a_miss():
    assert taken("top5", SCORES[:2], np.array([-1, 10]), FLOAT[:2]) == 0


def test_mse_and_cosine_are_those_of_each_sample_in_mean():
    assert taken("mse") == pytest.approx(np.mean((SCORES.astype(np.float64) - FLOAT) ** 2))
    a, b = SCORES.astype(np.float64), FLOAT.astype(np.float64)
    expected = [r @ s / np.linalg.norm(r) / np.linalg.norm(s) for r, s in zip(a, b, strict=True)]
    assert taken("cosine") == pytest.approx(np.mean(expected))


def test_outputs_like_the_float_ones_are_perfect_even_when_all_zero():
    zeros = np.zeros((3, 4), np.float32)
    assert taken("cosine", zeros, None, zeros) == 1
    assert taken("cosine", zeros, None, zeros + 1) == 0
    assert taken("mse", SCORES, None, SCORES) == 0


def test_of_several_outputs_the_worst_counts():
    both = {"y": SCORES, "z": SCORES}
    reference = {"y": SCORES, "z": FLOAT}
    assert METRICS["mse"].each(both, None, reference, 40).mean() == taken("mse")
    assert METRICS["cosine"].each(both, None, reference, 40).mean() == taken("cosine")


@pytest.mark.parametrize("name", sorted(METRICS))
@pytest.mark.parametrize("size", [1, 7, 40])
def test_a_metric_taken_batch_by_batch_is_that_of_the_whole(name, size):
    accumulator = MetricAccumulator(METRICS[name], LABELS)
    for start in range(0, 40, size):
        rows = slice(start, start + size)
        accumulator.add({"y": SCORES[rows]}, {"y": FLOAT[rows]})
    assert accumulator.result() == taken(name)


def test_a_metric_that_needs_labels_says_so_where_there_are_none():
    with pytest.raises(MetricError, match="expected an array 'labels' in the data, found none"):
        check_labels(METRICS["top1"], None)
    with pytest.raises(MetricError, match="'labels'"):
        MetricAccumulator(METRICS["top5"], None)
    check_labels(METRICS["cosine"], None)


def test_outputs_that_are_no_row_of_scores_are_named():
    boxes = np.zeros((40, 6, 4), np.float32)
    with pytest.raises(MetricError, match=r"40 rows of scores .* output 'y', found shape \(40, 6"):
        taken("top1", boxes, LABELS, boxes)
    with pytest.raises(
        MetricError, match=r"as many dimensions in int8 as in float, found 'y' \(40, 6, 4\)"
    ):
        taken("cosine", boxes, None, FLOAT)
    with pytest.raises(MetricError, match="expected 40 labels for the samples, found 39"):
        taken("top1", labels=LABELS[:39])


def test_outputs_that_cannot_be_compared_are_passed_over_where_others_can():
    picked = {"n": np.zeros((7, 4), np.int64), "y": SCORES, "m": SCORES[:3]}
    reference = {"n": np.zeros((9, 4), np.int64), "y": FLOAT, "m": FLOAT[:2]}
    for name in ("mse", "cosine"):
        found = METRICS[name].each(picked, None, reference, 40)
        assert found.mean() == pytest.approx(taken(name))


def test_a_sample_may_have_several_rows():
    rows = METRICS["mse"].each({"y": SCORES}, None, {"y": FLOAT}, 8)
    assert rows.shape == (8,)
    assert rows.mean() == pytest.approx(taken("mse"))


def test_an_unknown_name_is_answered_with_the_closest():
    with pytest.raises(MetricError, match=r"'top' \(did you mean 'top[15]'\?\); choose one of"):
        metric_named("top")
    assert metric_named("mse") is METRICS["mse"]


def test_a_name_is_registered_once():
    class Again(type(METRICS["cosine"])):
        name = "mse"

    with pytest.raises(ValueError, match="'mse' is registered already"):
        register(Again)
