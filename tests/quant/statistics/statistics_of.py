"""Statistics of given arrays, made plainly."""

import numpy as np

from quant.statistics.histogram import HistogramBuilder
from quant.statistics.sample_histogram import sample_histogram
from quant.statistics.tensor_stats import TensorStats, growth_samples


def statistics_of(*samples) -> TensorStats:
    """The statistics of one tensor whose samples are the given arrays."""
    arrays = [np.asarray(s, np.float32).ravel() for s in samples]
    builder = HistogramBuilder()
    for a in arrays:
        builder.add(a)
    histogram = builder.build()

    def order(q):
        return float(np.mean([np.sort(a)[int(q * (a.size - 1))] for a in arrays], dtype=np.float64))

    lows, highs = [float(a.min()) for a in arrays], [float(a.max()) for a in arrays]
    growth = [(min(lows[:n]), max(highs[:n])) for n in growth_samples(len(arrays))]
    quietest = int(np.argmin([np.abs(a).max() for a in arrays]))

    def counts(k):
        ends = np.asarray([lows[k], highs[k]], np.float32).view(np.int32)
        keys = np.where(ends < 0, -(ends & 0x7FFFFFFF), ends)
        return sample_histogram(arrays[k], keys.astype(np.int32), k)

    return TensorStats(
        name="tensor",
        min=float(min(a.min() for a in arrays)),
        max=float(max(a.max() for a in arrays)),
        count=histogram.count,
        zeros=histogram.zeros,
        histogram=histogram,
        samples=len(arrays),
        channel_axis=None,
        channel_min=None,
        channel_max=None,
        mean_sample_min=float(np.mean([a.min() for a in arrays], dtype=np.float64)),
        mean_sample_max=float(np.mean([a.max() for a in arrays], dtype=np.float64)),
        mean_sample_abs_max=float(np.mean([np.abs(a).max() for a in arrays], dtype=np.float64)),
        mean_low_quantile=order(0.0001),
        mean_high_quantile=order(0.9999),
        growth=np.asarray(growth, np.float32),
        min_sample=lows.index(min(lows)),
        max_sample=highs.index(max(highs)),
        quietest=counts(quietest),
        last=counts(len(arrays) - 1),
    )
