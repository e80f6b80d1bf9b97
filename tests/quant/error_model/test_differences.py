"""Answers of two lengths, place by place."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quant.error_model.differences import at_places_of

SHAPES = st.tuples(*[st.integers(0, 4)] * 3)


@given(SHAPES, SHAPES)
def test_each_place_holds_what_the_test_holds_there_or_nothing(wanted, given_):
    reference = np.zeros(wanted)
    test = 1.0 + np.arange(np.prod(given_)).reshape(given_)
    found = at_places_of(reference, test)
    assert found is not None
    assert found.dtype == test.dtype
    for place in np.ndindex(wanted):
        inside = all(a < b for a, b in zip(place, given_, strict=True))
        assert found[place] == (test[place] if inside else 0)


def test_integers_of_another_length_have_no_places_in_common():
    assert at_places_of(np.arange(4), np.arange(3)) is None


def test_neither_has_what_has_other_dimensions():
    assert at_places_of(np.zeros(6), np.ones((2, 3))) is None


def test_what_has_the_shape_stays_as_it_is():
    test = np.arange(6).reshape(2, 3)
    assert at_places_of(np.zeros((2, 3)), test) is test
