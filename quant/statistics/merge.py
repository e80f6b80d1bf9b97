"""Statistics of one tensor over the samples of two calibrations."""

from bisect import bisect_right
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from quant.statistics.tensor_stats import TensorStats, growth_samples

_MEANS = (
    "mean_sample_min",
    "mean_sample_max",
    "mean_sample_abs_max",
    "mean_low_quantile",
    "mean_high_quantile",
)


def merged(a: TensorStats | None, b: TensorStats | None, before: int) -> TensorStats:
    """Statistics over the samples of both.

    Args:
        a: The earlier ones; None where the tensor held no value.
        b: The later ones; at least one of both is not None.
        before: Number of samples of the earlier calibration.
    """
    if b is None:
        assert a is not None
        return replace(a, last=None)
    later = replace(
        b,
        min_sample=b.min_sample + before,
        max_sample=b.max_sample + before,
        quietest=b.quietest.shifted(before),
        last=b.last.shifted(before) if b.last else None,
    )
    return later if a is None else _together(a, later)


def _together(a: TensorStats, b: TensorStats) -> TensorStats:
    """Statistics over the samples of ``a`` and, after them, those of ``b``."""
    samples = a.samples + b.samples

    def mean(name: str) -> float:
        return (getattr(a, name) * a.samples + getattr(b, name) * b.samples) / samples

    low = high = axis = None
    if (
        a.channel_min is not None
        and b.channel_min is not None
        and a.channel_max is not None
        and b.channel_max is not None
        and (a.channel_axis, a.channel_min.shape) == (b.channel_axis, b.channel_min.shape)
    ):
        axis = a.channel_axis
        low = np.minimum(a.channel_min, b.channel_min)
        high = np.maximum(a.channel_max, b.channel_max)
    histogram = a.histogram.merged(b.histogram)
    return TensorStats(
        name=a.name,
        min=min(a.min, b.min),
        max=max(a.max, b.max),
        count=histogram.count,
        zeros=histogram.zeros,
        histogram=histogram,
        samples=samples,
        channel_axis=axis,
        channel_min=low,
        channel_max=high,
        growth=_growth(a, b),
        min_sample=b.min_sample if b.min < a.min else a.min_sample,
        max_sample=b.max_sample if b.max > a.max else a.max_sample,
        quietest=min(a.quietest, b.quietest, key=lambda counts: counts.rank),
        last=b.last,
        **{name: mean(name) for name in _MEANS},
    )


def _growth(a: TensorStats, b: TensorStats) -> NDArray[np.float32]:
    """How the range grows over the samples of ``a`` and then those of ``b``, as far as known."""
    ranges = {
        **dict(zip(a.growth_samples, a.growth, strict=True)),
        **{
            a.samples + n: np.asarray(
                [min(low, a.growth[-1, 0]), max(high, a.growth[-1, 1])], np.float32
            )
            for n, (low, high) in zip(b.growth_samples, b.growth, strict=True)
        },
    }
    known = sorted(ranges)
    wanted = growth_samples(a.samples + b.samples)
    return np.asarray([ranges[known[bisect_right(known, n) - 1]] for n in wanted])
