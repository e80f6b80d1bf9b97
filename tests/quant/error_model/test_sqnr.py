import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.error_model.sqnr import decibels, gain_db, sqnr_db

POWERS = st.floats(min_value=0, allow_nan=False, allow_infinity=False)


@given(POWERS.filter(bool), POWERS.filter(bool))
def test_a_ratio_of_two_powers_is_finite_and_counts_in_tens_of_decibels(signal, noise):
    found = sqnr_db(signal, noise)
    assert math.isfinite(found)
    assert found == pytest.approx(10 * (math.log(signal) - math.log(noise)) / math.log(10))
    assert sqnr_db(noise, signal) == pytest.approx(-found)


def test_no_noise_is_plus_infinity_and_noise_on_silence_minus_infinity():
    assert sqnr_db(3.0, 0.0) == math.inf
    assert sqnr_db(0.0, 0.0) == math.inf
    assert sqnr_db(0.0, 1e-300) == -math.inf
    assert sqnr_db(1e300, 5e-324) < math.inf


def test_arrays_have_the_values_of_their_elements():
    signal = np.array([[1.0, 0.0, 4.0], [0.0, 1e-310, 9.0]])
    noise = np.array([[0.1, 0.0, 0.0], [2.0, 1e-310, 3.0]])
    found = sqnr_db(signal, noise)
    assert (found.shape, found.dtype) == ((2, 3), np.float64)
    each = [sqnr_db(float(s), float(n)) for s, n in zip(signal.flat, noise.flat, strict=True)]
    assert found.ravel().tolist() == each


def test_a_gain_is_the_fall_of_the_noise_whatever_the_signal():
    assert gain_db(10.0, 1.0) == pytest.approx(10.0)
    assert gain_db(2.0, 5.0) == pytest.approx(sqnr_db(7.0, 5.0) - sqnr_db(7.0, 2.0))
    assert gain_db(0.0, 0.0) == 0.0
    assert gain_db(1.0, 0.0) == math.inf


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.inf, "equal"),
        (-math.inf, "no signal"),
        (math.nan, "unknown"),
        (12.345, "12.3 dB"),
        (-0.04, "0.0 dB"),
        (-7.25, "-7.2 dB"),
    ],
)
def test_decibels_are_written_with_one_word_for_each_limit(value, text):
    assert decibels(value) == text
