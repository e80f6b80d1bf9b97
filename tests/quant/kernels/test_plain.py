"""The NumPy kernels against the compiled ones: integers exactly, sums but for rounding."""

import importlib
import math
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant import kernels
from quant.calibrators import REGISTRY, own_calibrators
from quant.calibrators.search.divergence import Windows
from quant.error_model import expected_error
from quant.error_model.context import TensorContext
from quant.statistics.histogram import BINS_PER_SIDE, HistogramBuilder
from quant.statistics.observe import MIN_EXPONENT, ChannelRanges, HistogramGrid, observe
from quant.tool_rules.aimet import costs, density
from quant.tool_rules.streamed.compute import running, x_log_x
from quant.types import QType, QuantSpec
from tests.hypothesis_profile import examples
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

FLOATS = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.floats(-(2.0**-126), 2.0**-126, width=32),
    st.sampled_from([0.0, -0.0, 1.0, float(np.finfo(np.float32).min), 1e-45, -1e-45]),
)
COUNTS = hnp.arrays(
    np.int64,
    2048,
    elements=st.integers(0, 1000),
    fill=st.sampled_from([0, 0, 1, 7]),
)


class Both:
    """Calls a function of both kernels of a name with copies of the arguments."""

    def __init__(self, name, function):
        modules = (importlib.import_module(f"quant.kernels.{k}.{name}") for k in KINDS)
        self.functions = [getattr(module, function) for module in modules]

    def __call__(self, *args):
        """What each returned, and the arrays that each was given."""
        for function in self.functions:
            mine = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
            yield function(*mine), mine


KINDS = ("compiled", "plain")


def kernel(kind, name):
    return importlib.import_module(f"quant.kernels.{kind}.{name}")


def counted(x):
    builder = HistogramBuilder()
    builder.add(x)
    return builder.build()


def agree(found, rtol=1e-12, atol=0.0):
    (result, left), (same, right) = found
    np.testing.assert_allclose(result, same, rtol=rtol, atol=atol) if result is not None else None
    for a, b in zip(left, right, strict=True):
        if isinstance(a, np.ndarray) and a.dtype.kind != "f":
            assert np.array_equal(a, b)
        elif isinstance(a, np.ndarray):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def test_every_compiled_kernel_has_a_plain_one_with_its_functions():
    for name in kernels.NAMES:
        compiled, plain = (importlib.import_module(f"quant.kernels.{k}.{name}") for k in KINDS)
        for function, dispatcher in vars(compiled).items():
            own = getattr(dispatcher, "__module__", "") == compiled.__name__
            if own and not function.startswith("_"):
                assert callable(vars(plain)[function]), f"{name}.{function}"


def scanned(kind, monkeypatch, batches, samples, axis):
    """All that scans of some batches leave, by one kind of kernel."""
    plain = importlib.import_module(f"quant.kernels.{kind}.histogram")
    monkeypatch.setattr(kernels, "load", lambda name: plain)
    grid = HistogramGrid(BINS_PER_SIDE)
    channels = ChannelRanges(0 if axis is None else batches[0].shape[axis])
    left = []
    for x in batches:
        inner = 1 if axis is None else math.prod(x.shape[axis + 1 :])
        found = observe(x, samples, grid, channels, inner)
        if found.bad is not None:
            return [found.bad, found.sample_ranges[:, : found.bad]]
        left += [found.sample_ranges, found.zeros]
    return [*left, channels.keys, grid.exponents, grid.sub_histograms.sum(axis=0)]


def scans_agree(batches, samples, axis=None):
    with pytest.MonkeyPatch.context() as patch:
        found = [scanned(kind, patch, batches, samples, axis) for kind in KINDS]
    for a, b in zip(*found, strict=True):
        assert np.array_equal(a, b)


@given(
    hnp.array_shapes(min_dims=2, max_dims=4, max_side=7).flatmap(
        lambda shape: st.lists(
            hnp.arrays(np.float32, shape, elements=FLOATS), min_size=1, max_size=3
        )
    )
)
def test_a_scan_finds_the_same(batches):
    samples = batches[0].shape[0]
    scans_agree(batches, samples)
    scans_agree(batches, samples, axis=1)


@pytest.mark.parametrize("name", AWKWARD)
def test_a_scan_of_awkward_values_finds_the_same(name):
    x = np.tile(AWKWARD[name], (3, 1)) * np.float32([[1e-3], [1], [0.5]])
    scans_agree([x, np.ascontiguousarray(x[::-1])], 3)
    scans_agree([np.ascontiguousarray(np.repeat(x, 2, axis=1)).reshape(3, -1, 2)], 3, axis=1)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_value_that_is_not_finite_is_refused_by_both(bad):
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    x[2, 1] = bad
    scans_agree([x], 4)


@given(hnp.arrays(np.float32, st.integers(0, 3000), elements=FLOATS, fill=st.just(0.25)))
def test_sides_count_the_same(x):
    low, high = float(x.min(initial=0)), float(x.max(initial=0))
    agree(Both("side_counts", "count_sides")(x, low, high, np.zeros((2, 2048), np.uint32)))


@given(
    hnp.arrays(np.float32, st.integers(1, 60), elements=FLOATS),
    st.floats(1e-6, 1e3),
    st.integers(0, 255),
)
def test_local_errors_agree_to_the_last_bit(x, relative, steps):
    if not x.any():
        return
    scale = max(float(np.abs(x.astype(np.float64)).max()) * relative / 127, 1e-45)
    for side in expected_error.observed_sides(statistics_of(x)):
        grid = side.width, side.nearest, side.end
        both = Both("histogram_error", "side_errors")
        agree(both(side.counts, grid, scale, steps), rtol=0)


@given(
    hnp.arrays(np.float32, st.integers(1, 60), elements=FLOATS),
    hnp.arrays(np.float64, st.integers(0, 5), elements=st.floats(1e-3, 1e5)),
    st.integers(0, 300),
)
def test_expected_errors_agree_to_the_last_bit(x, scale, most):
    for side in (
        *expected_error.sides(counted(x)),
        *expected_error.observed_sides(statistics_of(x)),
    ):
        steps = np.arange(scale.size, dtype=np.int64) * most
        args = side._tables, side._bounds
        out = np.empty(scale.size)
        agree(Both("expected_error", "excess_sums")(scale, steps, *args, out), rtol=0)
        table = np.empty((scale.size, most + 1))
        agree(Both("expected_error", "running_excess")(scale, *args, table), rtol=0)


WINDOWS = st.lists(st.tuples(st.integers(0, 1800), st.integers(0, 1800)), max_size=6)


@examples(40)
@given(COUNTS, WINDOWS, st.sampled_from([8, 16, 128, 248]))
@example(np.zeros(2048, np.int64), [(0, 0)], 128)
@example(np.eye(1, 2048, 5, dtype=np.int64)[0], [(0, 0), (0, 1800)], 128)
def test_divergences_agree_to_the_last_bit(counts, windows, levels):
    shape = np.array([(a, min(a + b + 248, 2048)) for a, b in windows], np.int64).reshape(-1, 2)
    bins = counts.astype(np.float64)
    totals = Windows(bins, levels)._totals
    both = Both("divergence", "divergences")
    for rows in (2, 3):
        agree(both(bins, totals, shape, levels, np.empty((rows, len(shape)))), rtol=0)


@pytest.mark.parametrize("name", own_calibrators())
@pytest.mark.parametrize("symmetric", [True, False])
def test_a_calibrator_chooses_the_same_before_kernels_are_compiled(name, symmetric, monkeypatch):
    spec = QuantSpec(QType.INT8, symmetric=symmetric)
    context = TensorContext(("Sigmoid",))
    chosen = {}
    for kind in KINDS:
        monkeypatch.setattr(kernels, "load", partial(kernel, kind))
        for case in ("normal", "after relu", "gelu", "one outlier", "lopsided", "offset"):
            stats = statistics_of(AWKWARD[case])
            chosen[kind, case] = REGISTRY[name]().range(stats, spec, context)
    for case in {case for _, case in chosen}:
        assert chosen["compiled", case] == chosen["plain", case]


@given(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=FLOATS),
    st.floats(2.0**-126, 2.0**100, width=32),
)
def test_weight_errors_agree(weight, scale):
    scales = np.full((2, weight.shape[1]), scale, np.float32)
    limits, out = np.float32([127, 7]), np.ones((2, weight.shape[1]))
    with np.errstate(over="ignore"):
        agree(Both("weight_error", "add_squared_errors")(weight, scales, limits, out))


@examples(30)
@given(COUNTS, st.sampled_from([16, 128]))
@example(np.zeros(2048, np.int64), 128)
def test_the_rules_of_histograms_agree_to_the_last_bit_but_for_a_logarithm(counts, levels):
    counts[0] += 1
    filled = running(counts > 0).astype(np.int64)
    kept = np.arange(levels, 2048, 31)
    for whole in (False, True):
        args = (counts, running(counts), filled, running(x_log_x(counts)), kept, levels, whole)
        agree(Both("tool_rules.spread", "spread_kl")(*args, np.empty(kept.size)), atol=1e-13)
    real = counts + 1e-7
    args = (real, running(real), running(x_log_x(real)), levels, levels)
    found = Both("tool_rules.mindspore", "fractional_kl")(*args, np.empty(2048 - levels))
    agree(found, atol=1e-12)
    start, step = np.array([(0, 9), (0, 1), (8, 3), (80, 8), (2040, 1)], np.int64).T.copy()
    agree(Both("tool_rules.ppq", "step_errors")(counts, start, step, np.ones(5)), rtol=0)


@given(COUNTS, st.floats(1e-40, 1e30), st.booleans())
def test_squared_errors_of_grids_agree_to_the_last_bit(counts, width, least_only):
    at = (np.arange(2048) + 0.5) * width
    below = running(np.stack([counts, counts * at, counts * at * at], axis=1))
    args = (at, below, at[128::17].copy(), least_only)
    agree(Both("tool_rules.tensorrt", "grid_mse")(*args, np.empty(113)), rtol=0)
    scales = np.geomspace(width / 100, width * 100, 20)
    for most in (127, 128, 0):
        args = (below, width, 2048 * width, scales, most)
        agree(Both("tool_rules.sample_losses", "side_losses")(*args, np.empty((3, 20))), rtol=0)


@examples(15)
@given(COUNTS, st.sampled_from([2047, 1001, 600, 129]))
@example(np.zeros(2048, np.int64), 257)
@example(np.eye(1, 2048, 1, dtype=np.int64)[0], 257)
def test_entropy_agrees(counts, bins):
    counts = np.ascontiguousarray(counts[:bins])
    used = counts[counts > 0].astype(np.float64)
    moments = np.zeros((bins, 4))
    terms = [used * np.log(used), np.log(used), 1 / np.maximum(used, 1), used**-2.0]
    moments[counts > 0] = np.stack(terms, axis=1)
    below = running(counts).astype(np.int64)
    args = (counts, below, running(counts > 0).astype(np.int64), running(moments), 128, 64)
    out = np.empty(bins // 2 - 63)
    agree(Both("tool_rules.onnxruntime", "entropy")(*args, out), rtol=1e-6)  # logarithms of float32


@pytest.mark.parametrize("name", ["normal", "after relu", "offset", "one outlier", "huge", "tiny"])
def test_costs_of_encodings_agree(name, monkeypatch):
    found = density([AWKWARD[name]])
    assert found is not None
    scales = np.float32(np.geomspace(1e-3, 3, 40) * (found.left[1] - found.left[0]))
    candidates = [(scale, offset) for scale in scales for offset in (-128, 0, -255)]
    results = []
    for kind in KINDS:
        module = importlib.import_module(f"quant.kernels.{kind}.tool_rules.aimet")
        monkeypatch.setattr(kernels, "load", lambda _, module=module: module)
        results.append(costs(found, candidates))
    assert np.array_equal(*results)


def test_the_least_exponent_is_that_of_the_grids():
    grid = HistogramGrid(BINS_PER_SIDE)
    assert (grid.exponents < MIN_EXPONENT).all()
