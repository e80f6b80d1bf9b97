"""Statistics of given arrays, made plainly."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from quant.statistics.histogram import HistogramBuilder
from quant.statistics.range_accumulator import RangeRecords
from quant.statistics.sample_histogram import sample_histogram
from quant.statistics.sample_sums import ExactSum, SampleSums
from quant.statistics.tensor_stats import TensorStats


def statistics_of(*samples) -> TensorStats:
    """The statistics of one tensor whose samples are the given arrays."""
    arrays = [np.asarray(s, np.float32).ravel() for s in samples]
    builder = HistogramBuilder()
    for a in arrays:
        builder.add(a)
    histogram = builder.build()

    def order(q):
        return [np.sort(a)[int(q * (a.size - 1))] for a in arrays]

    lows, highs = [a.min() for a in arrays], [a.max() for a in arrays]
    loudness = [np.abs(a).max() for a in arrays]

    def counts(k):
        return sample_histogram(arrays[k], lows[k], highs[k], k)

    return TensorStats(
        name="tensor",
        min=float(min(lows)),
        max=float(max(highs)),
        count=histogram.count,
        zeros=histogram.zeros,
        histogram=histogram,
        samples=len(arrays),
        channel_axis=None,
        channel_min=None,
        channel_max=None,
        sample_sums=SampleSums(
            *(
                exact_sum(map(float, s))
                for s in (lows, highs, loudness, order(0.0001), order(0.9999))
            )
        ),
        min_records=records(lows, lambda value, before: value < before),
        max_records=records(highs, lambda value, before: value > before),
        quietest=counts(int(np.argmin(loudness))),
        last=counts(len(arrays) - 1),
    )


def exact_sum(values) -> ExactSum:
    """The sum of numbers in units of 2**-149, rounded to a whole one."""
    units = [round(Fraction(value) * 2**149) for value in values]
    return ExactSum(sum(u for u in units if u < 0), sum(u for u in units if u > 0))


def records(values, farther) -> RangeRecords:
    """The values that lie farther than all before."""
    at = [k for k in range(len(values)) if all(farther(values[k], v) for v in values[:k])]
    where = np.asarray(at, np.int64)
    return RangeRecords(where, where, np.asarray([values[k] for k in at], np.float32))


def with_quantiles(stats: TensorStats, low: float, high: float) -> TensorStats:
    """The statistics with other means of the two quantiles of each sample."""
    low_sum, high_sum = (exact_sum([Fraction(q) * stats.samples]) for q in (low, high))
    sums = replace(stats.sample_sums, low_quantile=low_sum, high_quantile=high_sum)
    return replace(stats, sample_sums=sums)
