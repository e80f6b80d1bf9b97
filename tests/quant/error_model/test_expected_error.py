import numpy as np
import pytest

from quant.error_model.expected_error import sides
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
