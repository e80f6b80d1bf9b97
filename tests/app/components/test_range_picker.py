import base64
import json

import numpy as np
import pytest

from analysis.figures.cost_curves import CostCurve
from analysis.ranges.cost_curves import divergence_curves
from app.components.range_picker import Bins, Codes, Commit, Shape
from quant.types import QType, QuantSpec
from tests.quant.statistics.statistics_of import statistics_of

SPEC = QuantSpec(QType.INT8, symmetric=False)


def decoded(array):
    return np.frombuffer(base64.b64decode(array["bdata"]), f"<{array['dtype']}")


@pytest.fixture
def stats():
    x = np.random.default_rng(1).normal(size=50_000)
    x[:700] = 0
    return statistics_of(x)


def test_the_counts_arrive_exactly(stats):
    document = json.loads(Shape("t", "T", "", Bins.of(stats), Codes.of(SPEC)).text)
    histogram = document["histogram"]
    positive, negative = decoded(histogram["positive"]), decoded(histogram["negative"])
    assert positive.sum() + negative.sum() == 50_000
    np.testing.assert_array_equal(positive, stats.histogram.positive[: positive.size])
    np.testing.assert_array_equal(negative, stats.histogram.negative[: negative.size])
    assert histogram["zeros"] == 700
    assert histogram["signalPower"] == stats.histogram.power()


@pytest.mark.parametrize(
    ("top", "dtype"), [(200, "u1"), (60_000, "u2"), (2**31, "u4"), (2**40, "f8")]
)
def test_counts_travel_in_the_narrowest_type_that_holds_them(top, dtype):
    counts = np.zeros(8192, np.int64)
    counts[3] = top
    bins = Bins(counts, counts, 1.0, 1.0, 0, 2 * top, -3.5, 3.5, 12.0)
    array = json.loads(Shape("t", "T", "", bins, Codes.of(SPEC)).text)["histogram"]["positive"]
    assert array["dtype"] == dtype
    np.testing.assert_array_equal(decoded(array), [0, 0, 0, top])


def test_the_edges_and_counts_are_those_of_the_histogram(stats):
    bins = Bins.of(stats)
    np.testing.assert_array_equal(bins.edges, stats.histogram.edges())
    counts = stats.histogram.counts().astype(float)
    counts[8192] -= 700
    np.testing.assert_array_equal(bins.counts, counts)


def test_the_text_is_small_and_strict_json(stats):
    curves = [
        CostCurve(c.name, c.name, c.thresholds, c.cost, c.best, "nats")
        for c in divergence_curves(stats, SPEC)
    ]
    shape = Shape("t", "T", "", Bins.of(stats), Codes.of(SPEC), curves)

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    document = json.loads(shape.text, parse_constant=refuse)
    assert len(shape.text) < 200_000
    assert [c["name"] for c in document["curves"]] == [c.name for c in curves]
    assert len(document["figures"]["divergence"]["data"]) == 2 * len(curves)
    for name in ("kl", "mse"):
        assert set(document["theme"]["styles"][name]) == {"light", "dark", "dashes"}


def test_a_tensor_of_zeros_has_a_shape_too():
    stats = statistics_of(np.zeros(10, np.float32))
    document = json.loads(Shape("t", "T", "", Bins.of(stats), Codes.of(SPEC)).text)
    assert document["histogram"]["zeros"] == 10
    assert document["figures"]["divergence"]["data"] == []


def test_a_commit_without_range_and_pick_is_a_reset():
    assert Commit("t", None, None).reset
    assert not Commit("t", (0.0, 1.0), None).reset
    assert not Commit("t", None, "kl").reset
