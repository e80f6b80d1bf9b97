"""Two calibrations of consecutive data add up to one run over both, field by field."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant.calibrators import calibrator_named, own_calibrators
from quant.data.opening import open_data
from quant.error_model.context import tensor_contexts
from quant.opening.loading import load
from quant.pipeline import quantize
from quant.recipe.presets import preset, preset_names
from quant.statistics.accumulator import TensorAccumulator
from quant.statistics.collect import calibrate
from quant.statistics.merge import merged
from quant.tool_rules import TOOL_RULES
from quant.types import QType, QuantSpec
from tests import nets

SPECS = [QuantSpec(QType.UINT8, symmetric=False), QuantSpec(QType.INT8, symmetric=True)]


def assert_same(a, b, where="stats"):
    """Equal in every field, to the last bit, dataclasses inside included."""
    assert type(a) is type(b), where
    if dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            name = field.name
            assert_same(getattr(a, name), getattr(b, name), f"{where}.{name}")
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), where
        assert a.tobytes() == b.tobytes(), where
    else:
        assert a == b, where


def one_run(samples, batches, order=None, *, rectified=False):
    """Statistics of samples, each of shape (C, n), taken in batches of those sizes."""
    accumulator = TensorAccumulator("t", 1, samples=len(samples), rectified=rectified)
    ends = np.cumsum([0, *batches])
    parts = list(pairwise(ends.tolist()))
    for k in order or range(len(parts)):
        first, last = parts[k]
        # Samples of different shapes never share a batch.
        for at in range(first, last):
            accumulator.add(np.ascontiguousarray(samples[at][None]), at, 1)
    found = accumulator.result()
    return accumulator.rectified(found) if rectified else found


values = st.one_of(
    st.floats(-100, 100, width=32),
    st.sampled_from([0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38, 0.1, -0.1]),
)


@st.composite
def tensors(draw):
    """Some samples; a few without values, a few with another number of channels."""
    found = []
    for _ in range(draw(st.integers(3, 9))):
        channels = draw(st.sampled_from([2, 2, 2, 2, 2, 2, 3]))
        size = draw(st.sampled_from([0, 1, 3, 3]))
        cells = draw(st.lists(values, min_size=channels * size, max_size=channels * size))
        found.append(np.array(cells, np.float32).reshape(channels, size))
    return found


@settings(deadline=None, max_examples=60)
@given(tensors(), st.data(), st.booleans())
def test_merged_parts_equal_one_run_in_every_field(samples, data, rectified):
    cuts = sorted(data.draw(st.lists(st.integers(1, len(samples) - 1), min_size=1, max_size=2)))
    parts = [samples[a:b] for a, b in pairwise([0, *cuts, len(samples)])]
    whole = one_run(samples, [1] * len(samples), rectified=rectified)
    found, before = None, 0
    for part in parts:
        later = one_run(part, [1] * len(part), rectified=rectified)
        if found is not None or later is not None:
            found = merged(found, later, before)
        before += len(part)
    assert_same(found, whole)


@settings(deadline=None, max_examples=30)
@given(tensors(), st.integers(1, 7), st.integers(1, 7))
def test_merging_is_associative(samples, a, b):
    first, second = sorted((min(a, len(samples) - 2), min(b, len(samples) - 2)))
    second = max(second, first + 1)
    parts = [samples[:first], samples[first:second], samples[second:]]
    x, y, z = (one_run(part, [1] * len(part)) for part in parts)
    if x is None or y is None or z is None:
        return
    left = merged(merged(x, y, first), z, second)
    right = merged(x, merged(y, z, second - first), first)
    assert_same(left, right)


@settings(deadline=None, max_examples=30)
@given(tensors(), st.randoms(use_true_random=False))
def test_batches_may_come_in_any_order(samples, random):
    order = list(range(len(samples)))
    random.shuffle(order)
    sizes = [1] * len(samples)
    assert_same(one_run(samples, sizes, order), one_run(samples, sizes))


@pytest.fixture(scope="module")
def runs():
    """A model, one run over its data, and the sum of runs over two and three parts."""
    model = load(nets.convnet())
    x = nets.images(11)
    x *= np.geomspace(0.5, 3, 11, dtype=np.float32)[:, None, None, None]
    whole = calibrate(model, open_data({"x": x}))
    sums = []
    for cuts in ((0, 4, 11), (0, 3, 4, 11)):
        first, *rest = (calibrate(model, open_data({"x": x[a:b]})) for a, b in pairwise(cuts))
        for part in rest:
            first += part
        sums.append(first)
    return model, whole, sums


def test_the_sum_of_two_or_three_calibrations_has_the_bytes_of_one_run(runs):
    _, whole, sums = runs
    for found in sums:
        assert list(found.tensors) == list(whole.tensors)
        for name, stats in whole.tensors.items():
            assert_same(found.tensors[name], stats, name)
        assert (found.digest, found.to_bytes()) == (whole.digest, whole.to_bytes())


@pytest.mark.parametrize("name", [*own_calibrators(), *TOOL_RULES])
def test_every_calibrator_chooses_the_same_range(runs, name):
    model, whole, sums = runs
    calibrator = calibrator_named(name)
    for found in sums:
        contexts, expected = tensor_contexts(model, found), tensor_contexts(model, whole)
        for tensor, stats in whole.tensors.items():
            for spec in SPECS:
                assert calibrator.range(found.tensors[tensor], spec, contexts[tensor]) == (
                    calibrator.range(stats, spec, expected[tensor])
                )


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_gives_the_same_bytes(runs, name):
    model, whole, sums = runs
    expected = quantize(model, whole, preset(name)).to_bytes()
    assert {quantize(model, found, preset(name)).to_bytes() for found in sums} == {expected}
