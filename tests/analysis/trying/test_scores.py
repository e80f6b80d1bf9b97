"""Scores against closed forms."""

import math

import numpy as np
import pytest

import quant
from analysis.recovery.target import Target
from analysis.trying.scores import Scores, pooled
from analysis.trying.scoring import Scorer, score
from quant.errors import DataError
from tests.models import from_text


def of(reference, test, **options):
    reference, test = ([{"y": row[None]} for row in rows] for rows in (reference, test))
    return score(reference, test, **options)


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    exact = rng.normal(size=(12, 5)).astype(np.float32)
    return exact, exact + rng.normal(scale=0.1, size=exact.shape).astype(np.float32)


def test_sqnr_and_agreement_are_those_of_all_samples_together(rows):
    exact, other = (array.astype(np.float64) for array in rows)
    found = of(*rows)
    assert found.sqnr_db == pytest.approx(
        10 * math.log10((exact**2).sum() / ((other - exact) ** 2).sum())
    )
    assert found.agreement == np.mean(exact.argmax(1) == other.argmax(1))


def test_the_worst_output_counts_and_an_ignored_one_does_not(rows):
    exact, other = rows
    reference = [{"a": row[None], "b": row[None]} for row in exact]
    test = [{"a": row[None], "b": (row + 9)[None]} for row in other]
    found = score(reference, test)
    assert found.sqnr_db == found.outputs_db["b"] < found.outputs_db["a"]
    left = score(reference, test, ignored=frozenset({"b"}))
    assert left.sqnr_db == found.outputs_db["a"]


def test_parts_pooled_are_the_whole(rows):
    exact, other = rows
    whole = of(exact, other)
    assert pooled([of(exact[:5], other[:5]), of(exact[5:], other[5:])]) == whole


def test_the_interval_holds_the_value_and_is_repeatable(rows):
    found = of(*rows)
    low, high = found.sqnr_interval()
    assert low < found.sqnr_db < high
    assert found.sqnr_interval() == (low, high)


def test_the_interval_of_samples_that_are_all_alike_has_no_width():
    found = Scores({"y": (4.0,) * 9}, {"y": (0.04,) * 9}, None)
    assert found.sqnr_interval() == pytest.approx((20.0, 20.0))


def test_a_gain_is_sure_where_every_sample_gains_and_not_where_one_sample_makes_it():
    base = Scores({"y": (1.0,) * 8}, {"y": (0.1,) * 8}, None)
    every = Scores({"y": (1.0,) * 8}, {"y": (0.05,) * 8}, None)
    assert every.least_gain_db(base) == pytest.approx(10 * math.log10(2))
    one = Scores({"y": (1.0,) * 8}, {"y": (0.11,) * 7 + (0.0,)}, None)
    assert one.sqnr_db > base.sqnr_db
    assert one.least_gain_db(base) < 0


def test_ten_in_ten_alike_says_72_percent_at_least():
    found = Scores({"y": (1.0,) * 10}, {"y": (1.0,) * 10}, (True,) * 10)
    low, high = found.agreement_interval()
    assert low == pytest.approx(0.7225, abs=1e-4)  # n / (n + z^2)
    assert high == pytest.approx(1.0)


def test_equal_outputs_reach_any_target():
    exact = np.ones((3, 4), np.float32)
    found = of(exact, exact)
    assert found.sqnr_db == math.inf
    assert Target("sqnr", 99.0).missing(found) < 0


@pytest.mark.parametrize(
    ("text", "goal", "value"),
    [
        ("30 dB", "sqnr", 30.0),
        ("27.5db", "sqnr", 27.5),
        ("99 % agreement", "agreement", 0.99),
        ("-0.5 points", "metric", 0.005),
    ],
)
def test_targets_are_read_and_written(text, goal, value):
    target = Target.parse(text)
    assert (target.goal, target.value) == (goal, pytest.approx(value))
    assert Target.parse(str(target)) == target


@pytest.mark.parametrize("text", ["", "good", "30", "1.2.3 dB", ". dB", "-30 dB"])
def test_other_targets_are_refused_with_examples(text):
    with pytest.raises(DataError, match="30 dB"):
        Target.parse(text)


def test_a_target_that_the_scores_cannot_answer_says_what_is_missing():
    found = Scores({"y": (1.0,)}, {"y": (0.1,)}, None)
    with pytest.raises(DataError, match="row of scores"):
        Target("agreement", 0.9).missing(found)
    with pytest.raises(DataError, match="expected a metric"):
        Target("metric", 0.01).missing(found)


def test_a_scalar_input_stays_one_where_inputs_are_shaken():
    text = """<ir_version: 8, opset_import: ["" : 17]>
        net (float[N, 4] x, float s) => (float[N, 4] y) { y = Mul (x, s) }"""
    model = quant.load(from_text(text).SerializeToString())
    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(size=(3, 4)).astype(np.float32), "s": np.full(3, 2, np.float32)}
    scorer = Scorer(model, quant.open_data(arrays, model), None, frozenset(), lambda: None)
    assert 100 < scorer.repeatability(model.to_bytes()).outputs_db < 140  # of factors of 1e-6
