import threading
import time

import numpy as np
import pytest

from app.tasks import range_candidates
from app.tasks.range_candidates import KNOWN, BackgroundQueue, Choices, choices_key
from quant.error_model.context import NO_CONTEXT
from quant.types import QType, QuantSpec
from tests.quant.statistics.statistics_of import statistics_of

SPEC = QuantSpec(QType.INT8, symmetric=False)


def asked(seed):
    return statistics_of(np.random.default_rng(seed).normal(size=500)), SPEC, NO_CONTEXT


def settled(items, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(KNOWN.get(choices_key(*item)) is not None for item in items):
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def order(monkeypatch):
    """The tensors in the order their rows were computed, without computing any."""
    seen = []

    def rows(stats, spec, context):
        seen.append(choices_key(stats, spec, context))
        return ()

    monkeypatch.setattr(range_candidates, "candidates_from_stats", rows)
    return seen


def test_the_tensor_on_the_screen_is_computed_first(order):
    items = [asked(seed) for seed in (101, 102, 103)]
    BackgroundQueue(threads=1).want(items)
    assert settled(items)
    assert order == [choices_key(*item) for item in items]


def test_what_is_known_is_not_computed_again(order):
    items = [asked(111)]
    KNOWN.put(choices_key(*items[0]), Choices.of(()))
    BackgroundQueue().want(items)
    time.sleep(0.05)
    assert order == []


def test_a_new_list_takes_the_place_of_the_old(monkeypatch):
    going = threading.Event()
    started = threading.Event()
    seen = []

    def rows(stats, spec, context):
        seen.append(choices_key(stats, spec, context))
        started.set()
        going.wait(10)
        return ()

    monkeypatch.setattr(range_candidates, "candidates_from_stats", rows)
    first, dropped, wanted = (asked(seed) for seed in (121, 122, 123))
    filler = BackgroundQueue(threads=1)
    filler.want([first, dropped])
    assert started.wait(10)
    filler.want([wanted, first])
    going.set()
    assert settled([first, wanted])
    time.sleep(0.05)
    assert seen == [choices_key(*first), choices_key(*wanted)]


def test_a_failure_leaves_an_empty_table_and_the_others_go_on(monkeypatch, caplog):
    bad, good = asked(131), asked(132)

    def rows(stats, spec, context):
        if stats is bad[0]:
            raise ZeroDivisionError
        return ()

    monkeypatch.setattr(range_candidates, "candidates_from_stats", rows)
    BackgroundQueue(threads=1).want([bad, good])
    assert settled([bad, good])
    found = KNOWN.get(choices_key(*bad))
    assert found is not None
    assert found.rows == ()
    assert "failed" in caplog.text


def test_the_best_and_the_worst_are_those_of_least_and_greatest_error():
    stats, spec, context = asked(141)
    found = Choices.of(range_candidates.candidates_from_stats(stats, spec, context))
    ratios = [row.rated_db for row in found.rows if row.rated_db is not None]
    assert found.best is not None
    assert found.best.rated_db == max(ratios)
    assert found.worst is not None
    assert found.worst.rated_db == min(ratios)
    assert found.gap_db == pytest.approx(max(ratios) - np.median(ratios))
