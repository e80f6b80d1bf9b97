import math
import subprocess
import sys

import numpy as np
import pytest

from quant.statistics.histogram import BINS_PER_SIDE, HistogramBuilder
from quant.statistics.observe import HIGH, LOW, ChannelRanges, HistogramGrid, observe
from tests.quant.awkward_data import AWKWARD


def observed(x, samples, axis=None):
    """Ranges of the samples and of the channels."""
    channels = ChannelRanges(0 if axis is None else x.shape[axis])
    inner = 1 if axis is None else math.prod(x.shape[axis + 1 :])
    grid = HistogramGrid(BINS_PER_SIDE)
    found = observe(x, samples, grid, channels, inner)
    assert found.bad is not None or grid.sub_histograms.sum() == x.size
    return found.sample_ranges, channels.values()


@pytest.mark.parametrize(
    ("shape", "samples", "axis"),
    [
        ((3, 16, 60, 61), 3, 1),
        ((1, 32, 40, 40), 1, 1),
        ((4, 20, 7, 7), 4, 1),
        ((2, 70, 200), 2, 2),
        ((2, 3, 1700), 2, 2),
        ((8, 7, 11), 2, 2),
        ((8, 7, 130), 4, 1),
        ((2, 10000), 2, 1),
        ((2, 99, 400, 1), 2, None),
        ((1, 5), 1, 1),
        ((1, 3, 4, 500), 1, 1),
    ],
)
@pytest.mark.parametrize("kind", ["smooth", "ties", "ascending", "descending", "two values"])
def test_ends_equal_those_of_sorted_samples_and_of_channels(shape, samples, axis, kind):
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    if kind == "ties":
        x = np.round(np.maximum(x, -0.5))
    elif kind == "two values":
        x = np.where(x > 3, np.float32(2), np.float32(-1))
    elif kind != "smooth":
        x = np.sort(x.ravel())[:: 1 if kind == "ascending" else -1].reshape(shape).copy()
    rows = np.sort(x.reshape(samples, -1), axis=1)
    n = rows.shape[1]
    spans, channels = observed(x, samples, axis)
    assert np.array_equal(spans, rows[:, [0, n - 1, int(LOW * n), int(HIGH * n)]].T)
    assert not np.signbit(spans[spans == 0]).any()
    if axis is not None:
        others = tuple(i for i in range(x.ndim) if i != axis)
        assert np.array_equal(channels, [x.min(axis=others), x.max(axis=others)])


@pytest.mark.parametrize("name", AWKWARD)
def test_ends_of_awkward_values_are_exact(name):
    x = AWKWARD[name]
    spans, _ = observed(x, 1)
    ordered = np.sort(x)
    assert spans[:, 0].tolist() == [
        ordered[i] for i in (0, -1, int(LOW * x.size), int(HIGH * x.size))
    ]


@pytest.mark.parametrize("place", [0, 5000, 20002])
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
def test_the_first_sample_with_a_value_that_is_not_finite_is_found(place, value):
    x = np.ones((3, 20003), np.float32)
    x[1, place] = value
    builder = HistogramBuilder()
    assert builder.observe(x, 3, ChannelRanges()).bad == 1


def test_channels_widen_from_batch_to_batch():
    channels = ChannelRanges(2)
    grid = HistogramGrid(BINS_PER_SIDE)
    for x in ([[1, 2], [3, -4]], [[0, -9], [5, 5]]):
        observe(np.array([x], np.float32), 1, grid, channels, 2)
    assert channels.values().tolist() == [[-9, -4], [2, 5]]


def test_importing_the_core_does_not_import_the_compiler():
    code = "import sys, quant; sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
