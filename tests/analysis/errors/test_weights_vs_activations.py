import math
import threading

import numpy as np
import onnxruntime as ort
import pytest

import quant
from analysis.errors.cumulative import compare
from analysis.errors.weights_vs_activations import weights_vs_activations
from analysis.metrics import METRICS, MetricError
from quant.ablation import activations_only, weights_only
from quant.errors import Cancelled, DataError
from sample_models import find
from tests import nets


@pytest.fixture(scope="module")
def fragile():
    sample = find("fmnist_mobilenet")
    model = quant.load(sample.model_path)
    calibration = quant.calibrate(model, quant.open_data(sample.calibration_path), samples=32)
    quantized = quant.quantize(model, calibration, quant.preset("onnxruntime-default"))
    return quantized, quant.open_data(sample.evaluation_path, model)


def plain(model, data, samples, level=ort.GraphOptimizationLevel.ORT_ENABLE_ALL):
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    session = ort.InferenceSession(model.to_bytes(), options, providers=["CPUExecutionProvider"])
    batch = next(data.batches(samples))
    return session.run(None, dict(batch.feeds))[0]


def test_each_variant_scores_what_onnx_runtime_gives(fragile):
    quantized, data = fragile
    found = weights_vs_activations(quantized, data, samples=200, metric=METRICS["top1"])
    expected = plain(quantized.float_model, data, 200)
    every, none = (
        ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
        ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    )
    variants = {
        "float": (quantized.float_model, every),
        "weights_only": (quantized.with_recipe(weights_only(quantized.recipe)), none),
        "activations_only": (quantized.with_recipe(activations_only(quantized.recipe)), none),
        "all": (quantized, every),
    }
    for name, (variant, level) in variants.items():
        scores, outputs = getattr(found, name), plain(variant, data, 200, level)
        top1 = np.mean(outputs.argmax(axis=1) == data.labels[:200])
        assert scores.samples == 200
        assert scores.metric == pytest.approx(top1, abs=0.01)
        agreement = np.mean(outputs.argmax(axis=1) == expected.argmax(axis=1))
        assert scores.agreement == pytest.approx(agreement, abs=0.01)
        if name != "float":
            noise = np.square(outputs.astype(np.float64) - expected).sum()
            sqnr_db = 10 * math.log10(np.square(expected.astype(np.float64)).sum() / noise)
            assert scores.sqnr_db == pytest.approx(sqnr_db, abs=0.3)


def test_float_has_no_error_and_the_whole_is_what_a_comparison_measures(fragile):
    quantized, data = fragile
    found = weights_vs_activations(quantized, data, samples=200, metric=METRICS["top1"])
    assert (found.float.sqnr_db, found.float.agreement) == (math.inf, 1)
    compared = compare(quantized.float_model, quantized, data, samples=200, tensors="outputs")
    error = next(iter(compared.outputs.values()))
    assert found.all.sqnr_db == pytest.approx(error.sqnr_db, abs=0.3)
    assert found.metric.float_value == found.float.metric
    assert found.metric.int8_value == found.all.metric


def test_on_the_fragile_sample_the_weights_are_to_blame_and_200_samples_tell(fragile):
    quantized, data = fragile
    found = weights_vs_activations(quantized, data, samples=200, metric=METRICS["top1"])
    assert found.weights_only.sqnr_db < found.activations_only.sqnr_db - 15
    assert not found.metric.is_flat
    assert weights_vs_activations(quantized, data, samples=5, metric=METRICS["top1"]).metric.is_flat


def test_without_a_metric_there_is_none(fragile):
    found = weights_vs_activations(*fragile, samples=20)
    assert found.metric is None
    assert found.all.metric is None


def test_a_metric_that_needs_labels_is_refused_before_the_work():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(4)}, model)
    quantized = quant.quantize(model, quant.calibrate(model, data), quant.preset("everything"))
    with pytest.raises(MetricError, match="expected an array 'labels'"):
        weights_vs_activations(quantized, data, metric=METRICS["top1"])
    with pytest.raises(DataError, match="at least 1 sample"):
        weights_vs_activations(quantized, data, samples=0)


def test_cancel_leaves_no_thread(fragile):
    before = threading.active_count()

    def cancel(progress):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        weights_vs_activations(*fragile, progress=cancel)
    assert threading.active_count() == before
