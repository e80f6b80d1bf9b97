"""What calibration remembers of one tensor: enough for every calibrator, never the data."""

import hashlib
import math
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quant.histogram import Histogram


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

    def __post_init__(self) -> None:
        if not (math.isfinite(self.min) and math.isfinite(self.max) and self.min <= self.max):
            raise ValueError(f"tensor {self.name}: no range runs from {self.min} to {self.max}")
        if self.count != self.histogram.count or self.zeros != self.histogram.zeros:
            raise ValueError(
                f"tensor {self.name}: {self.count} values of which {self.zeros} zeros, but its "
                f"histogram holds {self.histogram.count} and {self.histogram.zeros}"
            )

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
        for owner in (self, self.histogram):
            for field in fields(owner):
                value: object = getattr(owner, field.name)
                if isinstance(value, Histogram):
                    continue
                content = value.tobytes() if isinstance(value, np.ndarray) else str(value).encode()
                sha.update(f"{field.name}:{len(content)}:".encode())
                sha.update(content)
        return sha.hexdigest()
