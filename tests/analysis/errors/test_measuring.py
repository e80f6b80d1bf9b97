from collections import Counter

import numpy as np
import pytest

import quant
from analysis.errors.axis_slices import SliceErrorAccumulator, slice_errors
from analysis.errors.cumulative import ComparisonAccumulator, compare
from analysis.errors.local import LocalErrorAccumulator, local_errors
from analysis.errors.measuring import measure
from analysis.errors.out_of_range import OutOfRangeAccumulator, out_of_range
from analysis.errors.per_sample import SampleErrorAccumulator, sample_errors
from analysis.errors.runs import FileRuns, QuantizedRuns, Run
from analysis.errors.weights_vs_activations import AblationAccumulator, weights_vs_activations
from analysis.metrics import METRICS
from quant.runtime.session import InferenceSession
from tests import nets


@pytest.fixture(scope="module")
def data():
    return quant.open_data({"x": nets.images(12, seed=3), "labels": np.arange(12) % 4})


@pytest.fixture(scope="module")
def quantized(data):
    model = quant.load(nets.convnet())
    return quant.quantize(model, quant.calibrate(model, data), quant.preset("everything"))


def every_observer(quantized, data):
    return (
        AblationAccumulator(METRICS["top1"], data.labels),
        ComparisonAccumulator(data.labels),
        LocalErrorAccumulator(),
        SampleErrorAccumulator(data.labels),
        SliceErrorAccumulator(quantized),
        OutOfRangeAccumulator(quantized),
    )


def close(a, b):
    """Numbers of two nests of results alike to a part in a million, all else equal."""
    if isinstance(a, float) or (isinstance(a, np.ndarray) and a.dtype.kind == "f"):
        assert a == pytest.approx(b, rel=1e-6, abs=1e-9)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key, value in a.items():
            close(value, b[key])
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            close(left, right)
    elif hasattr(a, "__dataclass_fields__"):
        close({k: getattr(a, k) for k in vars(a)}, {k: getattr(b, k) for k in vars(b)})
    else:
        assert np.array_equal(a, b)


def test_all_errors_of_one_pass_are_those_of_a_pass_each(quantized, data):
    observers = every_observer(quantized, data)
    measure(QuantizedRuns(quantized), data, observers)
    alone = (
        weights_vs_activations(quantized, data, metric=METRICS["top1"]),
        compare(quantized.float_model, quantized, data),
        local_errors(quantized, data),
        sample_errors(quantized, data),
        slice_errors(quantized, data),
        out_of_range(quantized, data),
    )
    for observer, expected in zip(observers, alone, strict=True):
        close(observer.result(), expected)


def test_each_model_is_opened_once_and_run_once_a_batch(quantized, data, monkeypatch):
    opened, runs = [], Counter()
    init, run = InferenceSession.__init__, InferenceSession.run

    def counted_init(self, *args, **options):
        init(self, *args, **options)
        opened.append(self)

    def counted_run(self, feeds):
        runs[id(self)] += 1
        return run(self, feeds)

    monkeypatch.setattr(InferenceSession, "__init__", counted_init)
    monkeypatch.setattr(InferenceSession, "run", counted_run)
    measure(QuantizedRuns(quantized), data, every_observer(quantized, data), batch=5)
    assert len(opened) == 6  # of seven runs: one graph holds the float model and its units alone
    assert set(runs.values()) == {3}  # twelve samples by fives


def test_an_observer_pays_only_for_the_runs_it_needs(quantized, data, monkeypatch):
    opened = []
    init = InferenceSession.__init__

    def counted(self, *args, **options):
        init(self, *args, **options)
        opened.append(self)

    monkeypatch.setattr(InferenceSession, "__init__", counted)
    out_of_range(quantized, data)
    assert len(opened) == 1
    sample_errors(quantized, data)
    assert len(opened) == 3


def test_observers_without_a_run_of_their_own_still_see_every_batch(quantized, data):
    class Sizes(OutOfRangeAccumulator):
        seen = 0

        def needs(self, models):
            return {Run.FLOAT_TENSORS: ()}

        def add(self, batch, results):
            assert results[Run.FLOAT_TENSORS] == {}
            self.seen += batch.size

    sizes = Sizes(quantized)
    measure(FileRuns(quantized.float_model, quantized), data, [sizes])
    assert sizes.seen == 12
