"""What a scale loses on one sample, from the sample's counts."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant import kernels
from quant.statistics.sample_histogram import SIDE_BINS, SampleHistogram
from quant.tool_rules.streamed.compute import running

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
    counts: SampleHistogram, scales: NDArray[np.float64], least_code: int
) -> SampleLosses:
    """Quantize a sample with each scale, on codes from ``least_code`` to 127.

    Values are at the centres of their bins, with the spread of a bin added to the squared error;
    those in the last bin of a side are at the end of the sample, which often is a spike.

    Args:
        counts: The counts of the sample.
        scales: Real units for each code, float64, shape (n,).
        least_code: The least code: 0 clips what is below zero.
    """
    mse, back, square = np.zeros((3, scales.size))
    total, first, second = float(counts.zeros), 0.0, 0.0
    for side, end, most in (
        (counts.negative, -counts.low, -least_code),
        (counts.positive, counts.high, _TOP),
    ):
        if not side.any():
            continue
        width = end / SIDE_BINS
        magnitudes = (np.arange(SIDE_BINS) + 0.5) * width
        magnitudes[-1] = end
        inner = int(side[:-1].sum(dtype=np.int64)) * width * width / 12
        weighted = side * magnitudes
        below = running(np.stack([side, weighted, weighted * magnitudes], axis=1))
        found = np.empty((3, scales.size))
        kernels.load("tool_rules.sample_losses").side_losses(below, width, end, scales, most, found)
        sign = -1 if side is counts.negative else 1
        mse += found[0] + inner
        back += sign * found[1]
        square += found[2]
        total += float(below[-1, 0])
        first += sign * float(below[-1, 1])
        second += float(below[-1, 2]) + inner
    mean = back / total
    std = np.sqrt(np.maximum(square / total - mean * mean, 0.0))
    true_mean = first / total
    true_std = math.sqrt(max(second / total - true_mean * true_mean, 0.0))
    return SampleLosses(mse / total, np.abs(true_mean - mean) + np.abs(true_std - std))
