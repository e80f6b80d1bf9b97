"""What calibration remembers of one tensor: enough for every calibrator, never the data."""

import hashlib
import math
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quant.statistics.histogram import Histogram
from quant.statistics.sample_histogram import SampleHistogram


@dataclass(frozen=True, eq=False)
class TensorStats:
    """Statistics of one tensor over all calibration samples, in real units.

    Attributes:
        name: The tensor.
        min: The least value.
        max: The greatest value.
        count: Number of values.
        zeros: Number of exact zeros.
        histogram: Counts of all values.
        samples: Number of samples that contributed.
        channel_axis: The axis of the channels, where known.
        channel_min: float32, shape (C,): the least value of each channel; None without an axis.
        channel_max: float32, shape (C,): the greatest value of each channel.
        mean_sample_min: Mean over the samples of each sample's least value.
        mean_sample_max: Mean over the samples of each sample's greatest value.
        mean_sample_abs_max: Mean over the samples of each sample's largest magnitude.
        mean_low_quantile: Mean over the samples of the 0.0001 quantile (an order statistic).
        mean_high_quantile: Mean over the samples of the 0.9999 quantile (an order statistic).
        growth: float32, shape (k, 2): the observed range after the first 1, 2, 4, 8, ... samples
            that held values (see :attr:`growth_samples`) and, last, after all.
        min_sample: Position in the data of the first sample that reached the minimum.
        max_sample: Position of the first that reached the maximum.
        quietest: Counts of the sample whose largest magnitude is least, the first of a tie.
        last: Counts of the last sample; None where that held no value.
    """

    name: str
    min: float
    max: float
    count: int
    zeros: int
    histogram: Histogram
    samples: int
    channel_axis: int | None
    channel_min: NDArray[np.float32] | None
    channel_max: NDArray[np.float32] | None
    mean_sample_min: float
    mean_sample_max: float
    mean_sample_abs_max: float
    mean_low_quantile: float
    mean_high_quantile: float
    growth: NDArray[np.float32]
    min_sample: int
    max_sample: int
    quietest: SampleHistogram
    last: SampleHistogram | None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.min) and math.isfinite(self.max) and self.min <= self.max):
            raise ValueError(f"tensor {self.name}: no range runs from {self.min} to {self.max}")
        if self.count != self.histogram.count or self.zeros != self.histogram.zeros:
            raise ValueError(
                f"tensor {self.name}: {self.count} values of which {self.zeros} zeros, but its "
                f"histogram holds {self.histogram.count} and {self.histogram.zeros}"
            )
        shape = (len(self.growth_samples), 2)
        if (
            self.growth.shape != shape
            or self.growth[-1].tolist() != [self.min, self.max]
            or not (np.diff(self.growth, axis=0) * (-1, 1) >= 0).all()
        ):
            raise ValueError(
                f"tensor {self.name}: the range over {self.samples} samples grows in {shape[0]} "
                f"rows to [{self.min}, {self.max}], found {self.growth.tolist()}"
            )

    @property
    def growth_samples(self) -> tuple[int, ...]:
        """How many samples each row of :attr:`growth` is for: 1, 2, 4, ... and all."""
        return growth_samples(self.samples)

    @property
    def mean(self) -> float:
        """Mean of all values, from the histogram."""
        return self.histogram.mean()

    @property
    def std(self) -> float:
        """Standard deviation of all values, from the histogram."""
        return self.histogram.std()

    @property
    def low(self) -> float:
        """The lower end of the observed range widened to hold zero."""
        return min(self.min, 0.0)

    @property
    def high(self) -> float:
        """The upper end of the observed range widened to hold zero."""
        return max(self.max, 0.0)

    @property
    def abs_max(self) -> float:
        """The largest magnitude."""
        return max(-self.low, self.high)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything here, in hexadecimal."""
        sha = hashlib.sha256()
        for owner in (self, self.histogram, self.quietest, self.last):
            for field in fields(owner) if owner else ():
                value: object = getattr(owner, field.name)
                if isinstance(value, (Histogram, SampleHistogram)):
                    continue
                content = value.tobytes() if isinstance(value, np.ndarray) else str(value).encode()
                sha.update(f"{field.name}:{len(content)}:".encode())
                sha.update(content)
        return sha.hexdigest()


def growth_samples(samples: int) -> tuple[int, ...]:
    """1, 2, 4, ... below ``samples``, and ``samples``."""
    return (*(1 << k for k in range((samples - 1).bit_length())), samples)
