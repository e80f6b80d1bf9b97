"""Everything that calibration adds up for one tensor."""

import math
import threading

import numpy as np
from numpy.typing import NDArray

from quant.statistics.histogram import HistogramBuilder
from quant.statistics.observe import ChannelRanges
from quant.statistics.range_accumulator import RangeAccumulator
from quant.statistics.sample_histogram import QuietestSample, SampleHistogram, sample_histogram
from quant.statistics.tensor_stats import TensorStats


class TensorAccumulator:
    """Statistics of one tensor, from batches in whatever order and by whichever thread.

    Attributes:
        name: The tensor.
    """

    def __init__(self, name: str, axis: int | None, *, samples: int, rectified: bool) -> None:
        """Start with nothing.

        Args:
            name: The tensor.
            axis: Its axis of channels, where there is one.
            samples: How many samples the data holds.
            rectified: Whether :meth:`rectified` will be asked for.
        """
        self.name = name
        self._axis = axis or None
        self._end = samples
        self._histogram = HistogramBuilder()
        self._ranges = RangeAccumulator()
        self._channels: ChannelRanges | None = None
        self._quietest = QuietestSample()
        self._quietest_rectified = QuietestSample() if rectified else None
        self._last: SampleHistogram | None = None
        self._of_use = True
        self._lock = threading.Lock()

    def add(self, x: NDArray[np.float32], first_index: int, samples: int) -> int | None:
        """Count a batch.

        Args:
            x: float32, C-contiguous, the samples one after the other along axis 0; of size 0 where
                the tensor holds no value.
            first_index: Position of the first sample in the data.
            samples: How many there are.

        Returns:
            The position of the first sample that holds NaN or Inf; from then on the accumulator is
            of no use, and gives the position of the first sample of each batch. Else None.
        """
        with self._lock:
            if not self._of_use:
                return first_index
            if not x.size:
                self._ranges.add(first_index, samples, None)
                return None
            found = self._histogram.observe(x, samples, *self._channels_of(x.shape))
            if found.bad is not None:
                self._of_use = False
                return first_index + found.bad
            self._ranges.add(first_index, samples, found.sample_ranges)
            low, high = found.sample_ranges[:2]
            rows = x.reshape(samples, -1)
            self._quietest.add(rows, low, high, np.maximum(-low, high), first_index)
            if self._quietest_rectified is not None:
                loudness = np.maximum(high, 0)
                self._quietest_rectified.add(rows, low, high, loudness, first_index)
            if first_index + samples == self._end:
                self._last = sample_histogram(rows[-1], low[-1], high[-1], self._end - 1)
        return None

    def result(self) -> TensorStats | None:
        """The statistics of all batches; None where the tensor never held a value."""
        if self._quietest.found is None:
            return None
        low, high = self._ranges.records()
        histogram = self._histogram.build()
        channels = None if self._channels is None else self._channels.values()
        return TensorStats(
            name=self.name,
            min=low.farthest,
            max=high.farthest,
            count=histogram.count,
            zeros=histogram.zeros,
            histogram=histogram,
            samples=self._ranges.samples,
            channel_axis=None if channels is None else self._axis,
            channel_min=None if channels is None else channels[0],
            channel_max=None if channels is None else channels[1],
            sample_sums=self._ranges.sums,
            min_records=low,
            max_records=high,
            quietest=self._quietest.found,
            last=self._last,
        )

    def rectified(self, stats: TensorStats | None) -> TensorStats | None:
        """The statistics of what a Relu makes of the tensor.

        Args:
            stats: What :meth:`result` gave.

        Returns:
            The statistics; None without values, and where no Relu reads the tensor.
        """
        if stats is None or self._quietest_rectified is None:
            return None
        assert self._quietest_rectified.found is not None
        return stats.rectified(self._quietest_rectified.found.rectified())

    def _channels_of(self, shape: tuple[int, ...]) -> tuple[ChannelRanges, int]:
        """The channels' ranges so far, and how many neighbours are of one channel.

        Where their number varies they are forgotten for good.
        """
        if self._axis is not None:
            count = shape[self._axis] if self._axis < len(shape) else None
            if self._channels is None and count is not None:
                self._channels = ChannelRanges(count)
            if self._channels is not None and self._channels.count == count:
                return self._channels, math.prod(shape[self._axis + 1 :])
        self._axis = self._channels = None
        return ChannelRanges(), 1
