"""What a scale loses on one sample, from the sample's counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant.sample_counts import SIDE_BINS, SampleCounts

_TOP = 127


@dataclass(frozen=True, eq=False)
class SampleLosses:
    """Losses of some scales, all float64 of shape (n,).

    Attributes:
        mse: Mean squared error.
        moments: Differences of the mean and of the standard deviation, added.
    """

    mse: NDArray[np.float64]
    moments: NDArray[np.float64]


def counted_losses(
    counts: SampleCounts, scales: NDArray[np.float64], least_code: int
) -> SampleLosses:
    """Quantize a sample with each scale, on codes from ``least_code`` to 127.

    Values are at the centres of their bins, with the spread of a bin added to the squared error;
    those in the last bin of a side are at the end of the sample, which often is a spike.

    Args:
        counts: The counts of the sample.
        scales: Real units for each code, float64, shape (n,).
        least_code: The least code: 0 clips what is below zero.
    """
    values, weights, spread = _points(counts)
    total = weights.sum()
    steps = scales[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        codes = np.nan_to_num(np.clip(np.rint(values / steps), least_code, _TOP))
    back = codes * steps
    mse = ((np.square(values - back) + spread) @ weights) / total
    mean = (back @ weights) / total
    std = np.sqrt(np.maximum(np.square(back) @ weights / total - mean * mean, 0.0))
    true_mean = float(values @ weights) / total
    true_std = np.sqrt((np.square(values - true_mean) + spread) @ weights / total)
    return SampleLosses(mse, np.abs(true_mean - mean) + np.abs(true_std - std))


def _points(
    counts: SampleCounts,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where the values are, how many there, and the variance of each place."""
    values, weights, spreads = [np.zeros(1)], [np.full(1, float(counts.zeros))], [np.zeros(1)]
    for side, end in ((counts.negative, counts.low), (counts.positive, counts.high)):
        used = np.flatnonzero(side)
        width = end / SIDE_BINS
        last = used == SIDE_BINS - 1
        values.append(np.where(last, end, (used + 0.5) * width))
        weights.append(side[used].astype(np.float64))
        spreads.append(np.where(last, 0.0, width * width / 12))
    return np.concatenate(values), np.concatenate(weights), np.concatenate(spreads)
