import gc
import weakref

import numpy as np
import pytest

import quant
import sample_models
from quant.calibrators.mse import Mse
from quant.error_model.consumers import consumer_types
from quant.error_model.context import NO_CONTEXT, TensorContext, tensor_contexts
from quant.types import QType, QuantSpec


@pytest.fixture(scope="module")
def model():
    return quant.load(sample_models.find("spam_transformer").model_path)


@pytest.fixture(scope="module")
def calibration(model):
    data = quant.open_data(sample_models.find("spam_transformer").calibration_path, model)
    return quant.calibrate(model, data, samples=2)


def test_every_tensor_with_statistics_has_a_context_that_says_who_reads_it(model, calibration):
    found = tensor_contexts(model, calibration)
    expected = consumer_types(model)
    assert {name: context.consumer_ops for name, context in found.items()} == {
        name: expected[name] for name in calibration.tensors
    }
    assert ("Softmax",) in {context.consumer_ops for context in found.values()}


def test_channels_have_a_gain_exactly_where_statistics_know_channels(model, calibration):
    for name, context in tensor_contexts(model, calibration).items():
        known, gain = calibration.tensors[name].channel_min, context.channel_noise_gain
        assert (known is None) == (gain is None)
        if known is not None and gain is not None:
            assert gain.shape == known.shape
            assert 0 <= gain.min() <= gain.max() == 1


def test_contexts_are_derived_once_and_go_with_the_calibration(model, calibration, tmp_path):
    assert tensor_contexts(model, calibration) is tensor_contexts(model, calibration)
    calibration.save(tmp_path / "c.npz")
    read = quant.Calibration.load(tmp_path / "c.npz")
    found = tensor_contexts(model, read)
    for name, context in tensor_contexts(model, calibration).items():
        assert found[name].digest == context.digest
    kept = weakref.ref(next(iter(found.values())))
    del read, found, context
    gc.collect()
    assert kept() is None


def test_a_calibration_of_another_model_is_refused(model, calibration):
    other = quant.Calibration("0" * 64, calibration.tensors, 2, calibration.probe)
    with pytest.raises(quant.DataError, match="another model"):
        tensor_contexts(model, other)


def test_without_a_context_every_error_counts(model, calibration):
    spec = QuantSpec(QType.INT8, symmetric=False)
    for stats in list(calibration.tensors.values())[:5]:
        assert Mse(importance_weighted=True).range(stats, spec) == Mse().range(stats, spec)


def test_digest_tells_contexts_apart():
    ones = np.ones(2, np.float32)
    contexts = [
        NO_CONTEXT,
        TensorContext(("Relu",)),
        TensorContext(("Relu",), ones),
        TensorContext(("Relu",), ones / 2),
        TensorContext((), ones),
    ]
    assert len({context.digest for context in contexts}) == len(contexts)
    assert TensorContext(("Relu",), ones.copy()).digest == contexts[2].digest
