"""What calibration remembers of one tensor: enough for every calibrator, never the data."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import Field, dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from quant.io.show import Html, card, one_line, sparkline
from quant.statistics.histogram import Histogram
from quant.statistics.range_accumulator import RangeRecords
from quant.statistics.sample_histogram import SampleHistogram
from quant.statistics.sample_sums import SampleSums


class _Dataclass(Protocol):
    """Whatever :func:`dataclasses.fields` takes."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


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
        sample_sums: Exact sums over the samples of what each reached.
        min_records: The samples that reached below all before them.
        max_records: The samples that reached above all before them.
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
    sample_sums: SampleSums
    min_records: RangeRecords
    max_records: RangeRecords
    quietest: SampleHistogram
    last: SampleHistogram | None

    def __repr__(self) -> str:
        """Name, counts and range, in one line."""
        return (
            f"<TensorStats {one_line(self.name)}: {self.count:,} values of {self.samples:,} "
            f"samples, {self.min:.4g} to {self.max:.4g}>"
        )

    def _repr_html_(self) -> str:
        """The distribution from the least value to the greatest, for a notebook."""
        return card(repr(self), self.sparkline())

    def sparkline(self) -> Html:
        """The histogram, zeros left out, as a small curve of 64 bins over the observed range."""
        counts = self.histogram.counts()
        counts[self.histogram.negative.size] -= self.zeros
        used = np.flatnonzero(counts)
        if not used.size:
            return Html("")
        parts = np.array_split(counts[used[0] : used[-1] + 1], 64)
        return sparkline([float(part.sum()) for part in parts])

    def __post_init__(self) -> None:
        if not (math.isfinite(self.min) and math.isfinite(self.max) and self.min <= self.max):
            raise ValueError(f"tensor {self.name}: no range runs from {self.min} to {self.max}")
        if self.count != self.histogram.count or self.zeros != self.histogram.zeros:
            raise ValueError(
                f"tensor {self.name}: {self.count} values of which {self.zeros} zeros, but its "
                f"histogram holds {self.histogram.count} and {self.histogram.zeros}"
            )
        ends = [self.min_records.farthest, self.max_records.farthest]
        if ends != [self.min, self.max]:
            raise ValueError(
                f"tensor {self.name}: its range grows to [{self.min}, {self.max}], but the records "
                f"of its samples to {ends}"
            )

    @property
    def min_sample(self) -> int:
        """Position in the data of the first sample that reached the minimum."""
        return int(self.min_records.positions[-1])

    @property
    def max_sample(self) -> int:
        """Position in the data of the first sample that reached the maximum."""
        return int(self.max_records.positions[-1])

    @property
    def growth_samples(self) -> tuple[int, ...]:
        """How many samples each row of :attr:`range_growth` is for: 1, 2, 4, ... and all."""
        return growth_samples(self.samples)

    @cached_property
    def range_growth(self) -> NDArray[np.float32]:
        """The observed range after the first samples that held values, float32 of shape (k, 2).

        After 1, 2, 4, 8, ... of them (see :attr:`growth_samples`) and, last, after all.
        """
        ends = self.min_records, self.max_records
        return np.asarray([[e.after(n) for e in ends] for n in self.growth_samples], np.float32)

    @property
    def mean_sample_min(self) -> float:
        """Mean over the samples of each sample's least value."""
        return self.sample_sums.min.mean(self.samples)

    @property
    def mean_sample_max(self) -> float:
        """Mean over the samples of each sample's greatest value."""
        return self.sample_sums.max.mean(self.samples)

    @property
    def mean_sample_abs_max(self) -> float:
        """Mean over the samples of each sample's largest magnitude."""
        return self.sample_sums.abs_max.mean(self.samples)

    @property
    def mean_low_quantile(self) -> float:
        """Mean over the samples of the 0.0001 quantile (an order statistic)."""
        return self.sample_sums.low_quantile.mean(self.samples)

    @property
    def mean_high_quantile(self) -> float:
        """Mean over the samples of the 0.9999 quantile (an order statistic)."""
        return self.sample_sums.high_quantile.mean(self.samples)

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

    def rectified(self, quietest: SampleHistogram) -> "TensorStats":
        """The statistics of ``max(x, 0)``, exact: what a Relu makes of these values.

        Args:
            quietest: Rectified counts of the sample whose greatest value is least, which may be
                another than the quietest of these values.
        """
        low, high = self.min_records.rectified(), self.max_records.rectified()
        histogram = self.histogram.rectified()
        return replace(
            self,
            min=low.farthest,
            max=high.farthest,
            zeros=histogram.zeros,
            histogram=histogram,
            channel_min=_rectified(self.channel_min),
            channel_max=_rectified(self.channel_max),
            sample_sums=self.sample_sums.rectified(),
            min_records=low,
            max_records=high,
            quietest=quietest,
            last=self.last.rectified() if self.last else None,
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything here, in hexadecimal."""
        sha = hashlib.sha256()
        for part in _parts(self):
            sha.update(part)
        return sha.hexdigest()


def _rectified(ends: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    return None if ends is None else np.maximum(ends, np.float32(0))


def _parts(owner: _Dataclass) -> Iterator[bytes]:
    """Every field of a dataclass, and of those inside it, under its name."""
    for field in fields(owner):
        value: object = getattr(owner, field.name)
        if is_dataclass(value) and not isinstance(value, type):
            yield f"{field.name}:{{".encode()
            yield from _parts(value)
            yield b"}"
            continue
        content = value.tobytes() if isinstance(value, np.ndarray) else str(value).encode()
        yield f"{field.name}:{len(content)}:".encode()
        yield content


def growth_samples(samples: int) -> tuple[int, ...]:
    """1, 2, 4, ... below ``samples``, and ``samples``."""
    return (*(1 << k for k in range((samples - 1).bit_length())), samples)
