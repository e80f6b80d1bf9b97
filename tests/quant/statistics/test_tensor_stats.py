import dataclasses
import math

import numpy as np
import pytest

from tests.quant.statistics.statistics_of import statistics_of, with_quantiles


def test_range_is_widened_to_hold_zero():
    assert (statistics_of([2.0, 3.0]).low, statistics_of([2.0, 3.0]).high) == (0.0, 3.0)
    assert statistics_of([-2.0, 1.0]).abs_max == 2.0


def test_digest_depends_on_every_field_and_on_nothing_else():
    a = statistics_of([1.0, -2.0, 0.0])
    assert a.digest == statistics_of([1.0, -2.0, 0.0]).digest
    assert a.digest != statistics_of([1.0, -2.0, 0.5]).digest
    assert a.digest != with_quantiles(a, -1.0, 1.0).digest
    assert a.digest != dataclasses.replace(a, channel_min=np.zeros(2, np.float32)).digest


def test_count_must_agree_with_the_histogram_and_the_range_be_finite():
    a = statistics_of([1.0, -2.0, 0.0])
    with pytest.raises(ValueError, match="histogram holds"):
        dataclasses.replace(a, count=4)
    with pytest.raises(ValueError, match="range"):
        dataclasses.replace(a, max=math.nan)
