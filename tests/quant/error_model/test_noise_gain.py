"""Noise put into one channel of a tensor reaches the outputs as its gain says."""

import dataclasses

import numpy as np
import pytest

import quant
from quant.calibrators.mse import Mse
from quant.error_model.context import TensorContext, tensor_contexts
from quant.error_model.noise_gain import output_noise_gains
from quant.error_model.weighted_error import WeightedError
from quant.numerics import fake_quantize, params_from_range
from quant.types import QType, QuantSpec
from tests.models import from_text, images
from tests.quant.statistics.statistics_of import statistics_of

UINT8 = QuantSpec(QType.UINT8, symmetric=False)


def grouped(scale: float = 1.0):
    """Depthwise Conv, then a Conv over all channels; one channel between them is rescaled."""
    rng = np.random.default_rng(4)
    first = rng.standard_normal((3, 1, 3, 3)).astype(np.float32)
    second = rng.standard_normal((2, 3, 1, 1)).astype(np.float32)
    first[1] *= scale
    second[:, 1] /= scale
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[batch, 3, 8, 8] image) => (float[batch, 2, 6, 6] out)
    {
        [wide] d = Conv <kernel_shape = [3, 3], group = 3> (image, w1)
        [mix] out = Conv <kernel_shape = [1, 1]> (d, w2)
    }
    """
    return from_text(text, w1=first, w2=second), second


def in_model(proto, tensor):
    """Statistics and context of a tensor."""
    model = quant.load(proto.SerializeToString())
    calibration = quant.calibrate(model, quant.open_data(images(16)))
    return calibration.tensors[tensor], tensor_contexts(model, calibration)[tensor]


def test_channels_count_by_the_squares_of_the_weights_that_read_them():
    proto, second = grouped()
    gain = in_model(proto, "d")[1].channel_noise_gain
    expected = np.square(second).sum(axis=(0, 2, 3))
    np.testing.assert_allclose(gain, expected / expected.max(), rtol=1e-5)


def test_a_depthwise_weight_passes_the_gain_of_its_own_channel_back():
    proto, second = grouped()
    first = np.asarray(
        quant.load(proto.SerializeToString()).graph.graph.initializers["w1"].const_value.numpy()
    )
    expected = np.square(second).sum(axis=(0, 2, 3)) * np.square(first).sum(axis=(1, 2, 3))
    gain = in_model(proto, "image")[1].channel_noise_gain
    np.testing.assert_allclose(gain, expected / expected.max(), rtol=1e-5)


def test_rescaling_a_channel_and_what_reads_it_changes_what_its_error_counts():
    plain, wide = (in_model(grouped(s)[0], "d")[1].channel_noise_gain for s in (1.0, 8.0))
    assert wide[1] / wide[0] == pytest.approx(plain[1] / plain[0] / 64, rel=1e-4)


def test_the_range_clips_a_wide_channel_that_little_depends_on():
    stats, context = in_model(grouped(30.0)[0], "d")
    low, high = Mse(importance_weighted=True).range(stats, UINT8, context)
    plain = Mse().range(stats, UINT8)
    assert high - low < 0.7 * (plain[1] - plain[0])


def test_error_is_that_of_each_channel_times_its_gain():
    rng = np.random.default_rng(2)
    reach, gain = np.array([0.2, 1.0, 6.0]), np.array([1.0, 0.3, 0.01], np.float32)
    x = rng.uniform(-1, 1, (20_000, 3)).astype(np.float32) * reach.astype(np.float32)
    stats = dataclasses.replace(
        statistics_of(x),
        channel_axis=1,
        channel_min=x.min(axis=0),
        channel_max=x.max(axis=0),
    )
    weighted = WeightedError(stats, TensorContext(("Conv",), gain))

    def measured(end):
        error = x - fake_quantize(x, params_from_range(-end, end, UINT8))
        return float((np.square(error, dtype=np.float64) * gain).sum())

    ends = (6.0, 3.0, 1.0, 0.5)
    found = [weighted.of_params(params_from_range(-end, end, UINT8)) for end in ends]
    expected = [measured(end) for end in ends]
    # Gains are known up to a factor of the whole tensor.
    ratios = np.asarray(found) / expected
    np.testing.assert_allclose(ratios / ratios[0], 1, rtol=0.1)


def test_a_mask_that_hides_nothing_is_no_overflow():
    """An encoder calibrated on samples without padding: its mask is 0 times minus 3.4e38."""
    rng = np.random.default_rng(3)
    text = """
        <ir_version: 9, opset_import: ["" : 17]>
        g (float[N,6,8] x, float[N,1,6] mask) => (float[N,6,8] y, float[N,1,6] hidden) {
            open = Sub(one, mask)
            hidden = Mul(open, least)
            k = MatMul(x, w)
            t = Transpose<perm = [0, 2, 1]>(k)
            scores = MatMul(x, t)
            masked = Add(scores, hidden)
            p = Softmax(masked)
            y = MatMul(p, k)
        }"""
    constants = {
        "one": np.ones(1, np.float32),
        "least": np.full(1, np.finfo(np.float32).min, np.float32),
        "w": rng.normal(size=(8, 8)).astype(np.float32),
    }
    model = quant.load(from_text(text, **constants).SerializeToString())
    data = quant.open_data(
        {
            "x": rng.normal(size=(4, 6, 8)).astype(np.float32),
            "mask": np.ones((4, 1, 6), np.float32),
        },
        model,
    )
    calibration = quant.calibrate(model, data)
    with np.errstate(all="raise", under="ignore"):
        gains = output_noise_gains(model, calibration.tensors, 0.5)
        found = quant.quantize(model, calibration, quant.preset("everything"))
    assert all(np.isfinite(values).all() for values in gains.values())
    assert all(np.isfinite(ends).all() for ends in found.ranges.values())
