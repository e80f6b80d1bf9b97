import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.error_model.expected_error import Side, observed_sides, sides
from tests.hypothesis_profile import examples
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of

CASES = ["normal", "after relu", "negative", "gelu", "huge", "tiny", "offset"]


def direct(magnitudes, scale, steps):
    codes = np.minimum(np.rint(magnitudes / scale), steps)
    return float(np.square(magnitudes - scale * codes).sum())


@pytest.mark.parametrize("case", CASES)
def test_errors_agree_with_rounding_the_values_themselves(case):
    x = AWKWARD[case].astype(np.float64)
    negative, positive = sides(statistics_of(AWKWARD[case]).histogram)
    steps = np.asarray([1, 7, 50, 127, 255])
    for side, values in ((negative, -x[x < 0]), (positive, x[x > 0])):
        largest = float(values.max(initial=0))
        for share in (1.0, 0.6, 0.1):
            scale = share * (largest or 1) / steps
            found = side.errors(scale, steps)
            expected = [direct(values, s, n) for s, n in zip(scale, steps, strict=True)]
            np.testing.assert_allclose(found, expected, rtol=0.03)
            every = side.errors_for_all_steps(scale, 255)
            np.testing.assert_allclose(every[np.arange(5), steps], found, rtol=1e-6)


def test_smooth_errors_approach_the_exact_ones_with_many_steps():
    for side in sides(statistics_of(AWKWARD["normal"]).histogram):
        steps = np.asarray([600, 900, 900])
        scale = np.asarray([4.0, 3.0, 1.0]) / steps
        np.testing.assert_allclose(
            side.smooth_errors(scale, steps), side.errors(scale, steps), rtol=1e-2
        )


def test_zeros_and_an_empty_side_have_no_error():
    negative, positive = sides(statistics_of(np.zeros(9)).histogram)
    for side in (negative, positive):
        assert side.errors(np.ones(2), np.asarray([0, 5])).tolist() == [0, 0]
        assert not side.errors_for_all_steps(np.ones(2), 3).any()


def test_no_steps_means_that_everything_is_clipped():
    _, positive = sides(statistics_of(AWKWARD["after relu"]).histogram)
    assert positive.errors([1.0], [0])[0] == pytest.approx(positive.squares)


@pytest.mark.parametrize("case", [*CASES, "relu6", "one outlier", "negative offset", "two values"])
@pytest.mark.parametrize("which", [lambda stats: sides(stats.histogram), observed_sides])
def test_clipping_and_rounding_add_up_to_the_total(case, which):
    for side in which(statistics_of(AWKWARD[case])):
        if not side.squares:
            continue
        for steps in (1, 7, 127, 255):
            for share in (1.0, 0.6, 0.1):
                scale = share * side.end / steps
                parts = side.parts(scale, steps)
                (total,) = side.errors([scale], [steps])
                assert parts.clipping + parts.rounding == pytest.approx(
                    total, rel=1e-4, abs=1e-9 * side.squares
                )


@given(
    st.integers(0, 5), st.integers(1, 6), st.floats(0, 0.99), st.floats(0.01, 1), st.floats(0.2, 20)
)
@examples(60)
def test_the_errors_of_bins_are_those_of_values_spread_evenly_in_them(start, used, lo, hi, scale):
    counts = np.zeros(16)
    counts[start : start + used] = np.arange(1, used + 1)
    ends = np.arange(start, start + used + 1, dtype=np.float64)
    ends[-1] = start + used - 1 + hi
    ends[0] = min(start + lo, ends[1] - 0.01)
    side = Side(counts, 1.0, ends[0], ends[-1])
    spread = (np.arange(4000) + 0.5) / 4000
    x = np.concatenate([a + (b - a) * spread for a, b in itertools.pairwise(ends)])
    weight = np.repeat(np.arange(1, used + 1) / 4000, 4000)
    steps = np.asarray([1, 3, 40])
    codes = np.minimum(np.rint(x / scale), steps[:, None])
    expected = np.square(x - scale * codes) @ weight
    np.testing.assert_allclose(side.errors(np.full(3, scale), steps), expected, rtol=1e-3)
    np.testing.assert_allclose(
        side.errors_for_all_steps(np.asarray([scale]), 40)[0, steps], expected, rtol=1e-3
    )
    assert side.squares == pytest.approx(np.square(x) @ weight, rel=1e-5)
    assert side.moments[1][0] == pytest.approx(x @ weight, rel=1e-5)
    end = scale * 3
    clipped = np.maximum(x - end, 0)
    smooth = np.square(clipped) @ weight + weight[x <= end].sum() * scale**2 / 12
    found = side.smooth_errors(np.asarray([scale]), np.asarray([3]))[0]
    assert found == pytest.approx(smooth, rel=2e-3)
    parts = side.parts(scale, 3)
    assert parts.clipping == pytest.approx(np.square(clipped) @ weight, rel=1e-3, abs=1e-9)
    assert parts.clipped == pytest.approx(weight[x > end].sum(), rel=1e-3, abs=1e-2)


def test_a_side_cut_in_two_has_the_error_of_both_halves():
    _, side = observed_sides(statistics_of(AWKWARD["normal"]))
    whole = side.parts(0.02, 100)
    for at in (0.3, 0.5003, 1.7, 2.5):
        halves = side.between(0, at).parts(0.02, 100), side.between(at, 99).parts(0.02, 100)
        np.testing.assert_allclose(np.sum(halves, axis=0), whole, rtol=1e-6)
    assert side.between(1, 1).squares == side.between(100, 200).squares == 0
