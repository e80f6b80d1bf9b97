"""Statistics of one tensor over the samples of two calibrations: those of one run over both."""

from dataclasses import replace

import numpy as np

from quant.statistics.tensor_stats import TensorStats


def merged(a: TensorStats | None, b: TensorStats | None, before: int) -> TensorStats:
    """Statistics over the samples of both, equal in every field to those of one run.

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
        min_records=b.min_records.shifted(before),
        max_records=b.max_records.shifted(before),
        quietest=b.quietest.shifted(before),
        last=b.last.shifted(before) if b.last else None,
    )
    return later if a is None else _together(a, later)


def _together(a: TensorStats, b: TensorStats) -> TensorStats:
    """Statistics over the samples of ``a`` and, after them, those of ``b``."""
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
        samples=a.samples + b.samples,
        channel_axis=axis,
        channel_min=low,
        channel_max=high,
        sample_sums=a.sample_sums + b.sample_sums,
        min_records=a.min_records.followed_by(b.min_records, a.samples, least=True),
        max_records=a.max_records.followed_by(b.max_records, a.samples, least=False),
        quietest=min(a.quietest, b.quietest, key=lambda counts: counts.rank),
        last=b.last,
    )
