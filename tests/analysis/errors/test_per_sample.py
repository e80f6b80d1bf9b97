import math

import numpy as np
import pytest

import quant
from analysis.errors.out_of_range import OutOfRange, out_of_range
from analysis.errors.per_sample import sample_errors, samples_outside, unusual_layers
from quant.errors import Cancelled
from quant.runtime.session import InferenceSession
from tests import nets

COUNT = 23
LOUD = 17


@pytest.fixture(scope="module")
def case():
    """A model calibrated on ordinary images, and evaluation data with one that is much louder."""
    model = quant.load(nets.convnet())
    calibration = quant.calibrate(model, quant.open_data({"x": nets.images(16)}))
    x = nets.images(COUNT, seed=3)
    x[LOUD] *= 20
    data = quant.open_data({"x": x, "labels": np.arange(COUNT) % 4}, model)
    return quant.quantize(model, calibration, quant.preset("everything")), data


def brute_force(quantized, data):
    """sqnr_db, agreement and outputs of each sample, run one by one."""
    models = (
        InferenceSession(quantized.float_model.to_bytes()),
        InferenceSession(quantized.to_bytes()),
    )
    for sample in data.samples():
        a, b = (model.run(sample)["y"].astype(np.float64) for model in models)
        yield 10 * math.log10((a**2).sum() / ((a - b) ** 2).sum()), a.argmax() == b.argmax(), a, b


@pytest.mark.parametrize("most", [1, 4, 40])
def test_the_worst_samples_are_those_that_running_one_by_one_finds(case, most):
    quantized, data = case
    found = sample_errors(quantized, data, most=most)
    expected = list(brute_force(quantized, data))
    assert found.samples == COUNT
    assert found.sqnr_db == pytest.approx([e[0] for e in expected], abs=0.1)
    assert found.agrees.tolist() == [e[1] for e in expected]
    order = sorted(range(COUNT), key=lambda i: found.sqnr_db[i])[:most]
    assert [sample.index for sample in found.worst] == order
    for sample in found.worst:
        _, agrees, a, b = expected[sample.index]
        assert sample.sqnr_db == found.sqnr_db[sample.index]
        assert sample.agrees == agrees
        assert sample.label == sample.index % 4
        assert np.allclose(sample.float_outputs["y"], a, atol=1e-4)
        assert np.allclose(sample.int8_outputs["y"], b, atol=1e-2 * np.abs(a).max())
        assert np.array_equal(sample.inputs["x"], list(data.samples())[sample.index]["x"])


def test_the_sample_that_leaves_the_calibrated_range_is_worst_and_its_layers_are_named(case):
    quantized, data = case
    worst = sample_errors(quantized, data, most=3).worst[0]
    assert worst.index == LOUD
    outside = out_of_range(quantized, data)
    layers = unusual_layers(LOUD, outside)
    assert 1 <= len(layers) <= 3
    low, high = quantized.params["x"].representable
    x = np.concatenate([sample["x"] for sample in data.samples()]).reshape(COUNT, -1)
    rates = ((x < low) | (x > high)).mean(axis=1)
    measured = {layer.tensor: layer for layer in unusual_layers(LOUD, outside, most=99)}["x"]
    assert measured.clip_rate == pytest.approx(rates[LOUD], abs=1e-3)
    assert measured.mean_clip_rate == pytest.approx(rates.mean(), abs=1e-3)
    assert measured.ratio == pytest.approx(rates[LOUD] / rates.mean(), rel=0.05)
    assert samples_outside(outside).argmax() == LOUD


def test_layers_that_clip_every_sample_alike_are_not_unusual():
    def clipped(*shares):
        return OutOfRange("t", 0, 1, np.array(shares, np.float64), 0, 1)

    outside = {
        "even": clipped(0.1, 0.1, 0.1, 0.1),
        "never": clipped(0, 0, 0, 0),
        "some": clipped(0.3, 0, 0, 0),
        "most": clipped(0.9, 0.1, 0.1, 0.1),
    }
    assert [layer.tensor for layer in unusual_layers(0, outside)] == ["most", "some"]
    assert unusual_layers(1, outside) == ()
    assert samples_outside(outside).tolist() == [3, 2, 2, 2]


def test_the_first_samples_only_and_without_labels():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(9)}, model)
    quantized = quant.quantize(model, quant.calibrate(model, data), quant.preset("everything"))
    found = sample_errors(quantized, data, samples=5, most=2)
    assert found.samples == 5
    assert [sample.label for sample in found.worst] == [None, None]


def test_an_output_of_equal_values_has_no_error_and_one_of_zeros_the_worst():
    model = quant.load(
        nets.network("(float[N, 4] x) => (float[N, 4] y) { r = Relu (x) y = Add (r, b) }",
                     b=np.zeros(4, np.float32))
    )  # fmt: skip
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    quantized = quant.quantize(
        model, quant.calibrate(model, quant.open_data({"x": x})), quant.preset("everything")
    )
    found = sample_errors(quantized, quant.open_data({"x": x}, model))
    assert found.sqnr_db[0] == math.inf
    assert math.isfinite(found.sqnr_db[2])


def test_it_can_be_cancelled(case):
    def cancel(progress):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        sample_errors(*case, progress=cancel)
