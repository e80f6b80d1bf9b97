import numpy as np
import pytest

from analysis.metrics import METRICS, MetricAccumulator, bootstrap, metric_change, metric_from_file

RNG = np.random.default_rng(3)


def hits(rate, count, seed):
    """Scores whose label 0 wins with about that rate."""
    drawn = np.random.default_rng(seed).random(count)
    return np.stack([drawn < rate, drawn >= rate], axis=1).astype(np.float32)


def change(reference, test, metric=METRICS["top1"], **options):
    labels = np.zeros(len(reference), np.int64)
    accumulators = MetricAccumulator(metric, labels), MetricAccumulator(metric, labels)
    for accumulator, outputs in zip(accumulators, (reference, test), strict=True):
        accumulator.add({"y": outputs}, {"y": reference})
    return metric_change(*accumulators, **options)


def test_the_interval_is_about_that_of_the_normal_distribution():
    a, b = hits(0.9, 2000, 1), hits(0.8, 2000, 2)
    found = change(a, b)
    difference = a[:, 0] - b[:, 0]
    spread = 1.96 * difference.std() / np.sqrt(2000)
    assert found.float_value - found.int8_value == pytest.approx(difference.mean())
    assert found.low == pytest.approx(difference.mean() - spread, abs=0.2 * spread)
    assert found.high == pytest.approx(difference.mean() + spread, abs=0.2 * spread)
    assert not found.is_flat
    assert found.samples == 2000


def test_few_samples_cannot_tell_and_an_equal_metric_never_can():
    assert change(hits(0.9, 12, 1), hits(0.8, 12, 2)).is_flat
    same = hits(0.9, 500, 1)
    assert change(same, same).is_flat
    assert (change(same, same).low, change(same, same).high) == (0, 0)


def test_the_same_seed_gives_the_same_interval_and_another_another():
    a, b = hits(0.9, 300, 1), hits(0.8, 300, 2)
    assert change(a, b, seed=4) == change(a, b, seed=4)
    assert change(a, b, seed=4) != change(a, b, seed=5)


def test_loss_is_positive_where_int8_is_worse_whichever_way_is_better():
    good, bad = hits(0.9, 300, 1), hits(0.5, 300, 2)
    assert change(good, bad).loss > 0
    assert change(bad, good).loss < 0
    assert change(good, bad, METRICS["mse"]).loss > 0


def test_a_metric_of_the_whole_is_drawn_like_one_of_each_sample(tmp_path):
    path = tmp_path / "m.py"
    path.write_text(
        "higher_is_better = True\n"
        "def metric(o, l): return (o['y'].argmax(axis=1) == l).mean()"
    )  # fmt: skip
    a, b = hits(0.9, 400, 1), hits(0.8, 400, 2)
    own, built_in = change(a, b, metric_from_file(path)), change(a, b)
    assert (own.float_value, own.int8_value) == (built_in.float_value, built_in.int8_value)
    assert own.low == pytest.approx(built_in.low, abs=0.02)
    assert own.high == pytest.approx(built_in.high, abs=0.02)


def test_the_interval_of_one_model_holds_its_value():
    outputs = {"y": hits(0.7, 400, 1)}
    labels = np.zeros(400, np.int64)
    value = METRICS["top1"].each(outputs, labels, outputs, 400).mean()
    low, high = bootstrap(METRICS["top1"], outputs, labels, outputs, seed=1)
    assert low < value < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(value * (1 - value) / 400), rel=0.25)
