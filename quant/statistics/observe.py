"""Everything that calibration asks of a tensor, found in one pass over its memory.

The work is done by the kernels ``histogram`` and ``side_counts``.
"""

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant import kernels

LOW, HIGH = 0.0001, 0.9999
"""The order statistics that MindSpore Lite's REMOVAL_OUTLIER averages over batches."""

BLOCK = 512
"""Values looked at together, at most: their bins, 1 KB, stay in the nearest cache."""

SHORT_RUN = 128
"""Neighbours of one channel are a block of their own, or blocks, from this length on."""

MIN_EXPONENT = -114
"""The finest grid ends at 2**-114, so that the multiplier into bins is a finite float32."""

LANES = 2
"""Tables that share the counting: equal neighbours need not wait for each other."""

GREATEST = 0x7FFFFFFF
"""Above the key of every value; its negative is below."""


class HistogramGrid:
    """Counts on a two-sided grid that grows with the values.

    Attributes:
        sub_histograms: uint32, shape (LANES, 2 * bins): the sum of the rows counts each bin.
        exponents: int64, shape (2,): of the side below zero and the side above; :data:`EMPTY`
            for a side without values.
    """

    EMPTY = MIN_EXPONENT - 1

    def __init__(self, bins: int) -> None:
        self.sub_histograms = np.zeros((LANES, 2 * bins), np.uint32)
        self.exponents = np.full(2, self.EMPTY, np.int64)

    def exponent(self, side: int) -> int | None:
        """The exponent of the side below zero (0) or above (1); None without values."""
        found = int(self.exponents[side])
        return None if found == self.EMPTY else found


class _Room(threading.local):
    """Memory that the scans of a thread share."""

    def __init__(self) -> None:
        self.index = np.empty(BLOCK, np.uint16)
        self.words = self.index.view(np.uint64)
        self.make(0, 0)

    def make(self, blocks: int, near: int) -> None:
        """Make room for the ends of so many blocks, and for so many values near an end."""
        self.starts = np.empty(blocks + 1, np.int64)
        self.ends = np.empty((2, blocks), np.int32)
        self.near = np.empty(near, np.int32)


_ROOM = _Room()


class ChannelRanges:
    """The least and the greatest value of each channel so far.

    Attributes:
        keys: int32, shape (2, C), ordered as the values are; C = 0 where channels are not known.
    """

    def __init__(self, count: int = 0) -> None:
        self.keys = np.repeat(np.array([[GREATEST], [-GREATEST]], np.int32), count, axis=1)

    @property
    def count(self) -> int:
        """How many channels there are."""
        return self.keys.shape[1]

    def values(self) -> NDArray[np.float32]:
        """The least and the greatest value of each, float32 of shape (2, C)."""
        return _reals(self.keys)


@dataclass(frozen=True, eq=False)
class Observed:
    """What one look at a batch found, its counts aside.

    Attributes:
        sample_ranges: float32, shape (4, samples): the least and the greatest value of each sample
            and its order statistics at :data:`LOW` and :data:`HIGH`. Both zeros are positive zero.
        zeros: Number of exact zeros.
        bad: The first sample that holds NaN or Inf; then later ones were not looked at, and the
            counts are of no use. None where all are finite.
    """

    sample_ranges: NDArray[np.float32]
    zeros: int
    bad: int | None


def observe(
    x: NDArray[np.float32],
    samples: int,
    grid: HistogramGrid,
    channels: ChannelRanges,
    inner: int = 1,
) -> Observed:
    """Count every value, and find the range of each sample and channel.

    Args:
        x: float32, C-contiguous, at least one element a sample. The samples lie one after the
            other along axis 0.
        samples: How many there are.
        grid: Counts; they go up.
        channels: They widen.
        inner: How many neighbours in memory are of one channel.
    """
    n = x.size // samples
    low, high = int(LOW * n), n - 1 - int(HIGH * n)
    room = _ROOM
    if low:
        blocks = n // SHORT_RUN + 2
        near = max(blocks, max(low, high) * BLOCK + 1)
        if room.ends.shape[1] < blocks or room.near.size < near:
            room.make(blocks, near)
    order_keys = np.zeros((4, samples), np.int32)
    zeros = kernels.load("histogram").scan(
        x.reshape(-1).view(np.int32),
        inner,
        inner >= SHORT_RUN,
        low,
        high,
        order_keys,
        MIN_EXPONENT,
        grid.exponents,
        grid.sub_histograms,
        channels.keys,
        room.index,
        room.words,
        room.starts,
        room.ends,
        room.near,
    )
    ranges = _reals(order_keys)
    bad = int(np.argmin(np.isfinite(ranges).all(axis=0))) if zeros < 0 else None
    return Observed(ranges, int(zeros), bad)


def _reals(order_keys: NDArray[np.int32]) -> NDArray[np.float32]:
    """The values of keys; both zeros are positive zero."""
    magnitude = np.abs(order_keys).view(np.float32)
    return np.where(order_keys < 0, -magnitude, magnitude)


def count_sides(x: NDArray[np.float32], low: float, high: float, sides: NDArray[np.uint32]) -> int:
    """Count the values below zero in equal bins from 0 to ``low``, and those above to ``high``.

    Args:
        x: float32, C-contiguous, all within [low, high].
        low: The least value, in real units.
        high: The greatest value.
        sides: uint32, shape (2, bins): magnitudes below zero and above, from zero outwards; they
            go up. The last bin holds the end.

    Returns:
        The number of exact zeros, which are in no bin.
    """
    return int(kernels.load("side_counts").count_sides(x.reshape(-1), low, high, sides))
