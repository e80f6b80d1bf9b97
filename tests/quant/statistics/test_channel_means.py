"""Means of the channels that weights multiply: exact, whatever the batches and the merging."""

from fractions import Fraction

import numpy as np
import pytest

from quant.data.opening import open_data
from quant.opening.loading import load
from quant.statistics.calibration import Calibration
from quant.statistics.channel_means import ChannelMeans, ChannelSums, multiplied_axes
from quant.statistics.collect import calibrate
from tests.nets import convnet, images, network, weight


def test_the_sum_is_that_of_fractions_from_the_least_float_to_the_greatest():
    tiny, huge = np.float32(1e-45), np.finfo(np.float32).max
    means = np.array([[tiny, huge, -1.5], [huge, huge, tiny], [-tiny, 3.0, 0.25]], np.float32)
    sums = ChannelSums.of(means)
    for channel in range(3):
        exact = sum((Fraction(float(v)) for v in means[:, channel]), Fraction(0)) / 3
        assert sums.mean()[channel] == pytest.approx(float(exact), rel=1e-15)
    base = [1 << (32 * place) for place in range(10)]
    above = sum(int(d) * b for d, b in zip(sums.above[:, 1].tolist(), base, strict=True))
    assert Fraction(above, 1 << 149) == Fraction(float(huge)) * 2 + 3


def test_sums_do_not_depend_on_the_order_or_on_the_grouping():
    means = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
    whole = ChannelSums.of(means)
    other = ChannelSums.of(means[30:]) + ChannelSums.of(means[:30][::-1])
    assert np.array_equal(whole.below, other.below)
    assert np.array_equal(whole.above, other.above)


def test_calibration_knows_the_mean_of_each_channel_that_a_conv_or_gemm_reads():
    model = load(convnet())
    x = images(6)
    found = calibrate(model, open_data({"x": x}, model))
    assert set(found.channel_sums) == {"x", "r1", "f"}
    assert found.channel_sums["x"].mean() == pytest.approx(x.mean(axis=(0, 2, 3)), abs=1e-6)
    assert (found.channel_sums["r1"].mean() > 0).all()


def test_batches_merging_and_the_file_change_nothing(tmp_path):
    x = images(6)
    one = load(convnet("N"))
    whole = calibrate(one, open_data({"x": x}, one))
    parts = [calibrate(one, open_data({"x": part}, one)) for part in (x[:2], x[2:])]
    assert (parts[0] + parts[1]).digest == whole.digest
    whole.save(tmp_path / "c.npz")
    stored = Calibration.load(tmp_path / "c.npz")
    assert stored.digest == whole.digest
    for name, sums in whole.channel_sums.items():
        assert np.array_equal(stored.channel_sums[name].mean(), sums.mean())


def test_a_matrix_behind_a_transpose_has_the_means_of_what_it_reads():
    model = load(
        network(
            """(float[N, 3, 5] x) => (float[N, 5, 4] y) {
                t = Transpose <perm = [0, 2, 1]> (x)
                y = MatMul (t, w)
            }""",
            w=weight(3, 4),
        )
    )
    x = np.random.default_rng(1).standard_normal((4, 3, 5)).astype(np.float32)
    found = calibrate(model, open_data({"x": x}, model))
    assert found.channel_sums["t"].mean() == pytest.approx(x.mean(axis=(0, 2)), abs=1e-6)


def test_a_weight_that_sums_over_samples_has_no_means():
    model = load(
        network(
            "(float[3, 5] x) => (float[5, 4] y) { y = Gemm <transA = 1> (x, w) }", w=weight(3, 4)
        )
    )
    assert multiplied_axes(model) == {}


def test_channels_that_vary_in_number_are_forgotten():
    found = ChannelMeans("x", 1)
    found.add(np.ones((2, 3, 4), np.float32), 2)
    found.add(np.ones((2, 5, 4), np.float32), 2)
    assert found.result() is None
