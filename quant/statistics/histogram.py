"""A streamed histogram whose bins depend only on the largest values seen, never on the batches.

Each side of zero has its own grid of :data:`BINS_PER_SIDE` equal bins over ``[0, 2**exponent)``.
When a larger value arrives the grid doubles and bins merge pairwise, so counts stay exact and the
final grid is the same for every order and batching of the data. At least half of a side's bins
lie below its largest value, so any 2,048-bin grid of another tool can be filled from it.

What a Relu gives needs no second count: see :meth:`Histogram.rectified`.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quant.errors import DataError
from quant.statistics.observe import ChannelRanges, HistogramGrid, Observed, observe

BINS_PER_SIDE = 8192
"""Bins on each side of zero."""

_MOST = 2**32
"""Values that a table of uint32 may count at most."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """Exact counts on two power-of-two grids that meet at zero.

    A bin holds its lower edge and not its upper, on both sides, as in ``numpy.histogram``.

    Attributes:
        negative: int64, shape (8192,): ``negative[k]`` counts values in ``[-(k+1)*wn, -k*wn)``
            with ``wn = 2**negative_exponent / 8192``; k = 0 is next to zero.
        positive: int64, shape (8192,): ``positive[k]`` counts values in ``[k*wp, (k+1)*wp)`` with
            ``wp = 2**positive_exponent / 8192``; exact zeros are in ``positive[0]``.
        negative_exponent: The least e, at least -114, with every negative value above ``-2**e``.
        positive_exponent: The least e, at least -114, with every value below ``2**e``. A side
            without values takes the exponent of the other, or 0 where there is none.
        zeros: Number of exact zeros.
    """

    negative: NDArray[np.int64]
    positive: NDArray[np.int64]
    negative_exponent: int
    positive_exponent: int
    zeros: int

    def __post_init__(self) -> None:
        for side in (self.negative, self.positive):
            if side.shape != (BINS_PER_SIDE,) or side.dtype != np.int64:
                raise ValueError(
                    f"a side of a histogram is int64 of shape ({BINS_PER_SIDE},), "
                    f"found {side.dtype} of shape {side.shape}"
                )
        if not 0 <= self.zeros <= self.positive[0]:
            raise ValueError(f"zeros is {self.zeros}, but the bin at zero holds {self.positive[0]}")

    @property
    def negative_width(self) -> float:
        """Width of a bin below zero, in real units."""
        return math.ldexp(1.0, self.negative_exponent) / BINS_PER_SIDE

    @property
    def positive_width(self) -> float:
        """Width of a bin above zero, in real units."""
        return math.ldexp(1.0, self.positive_exponent) / BINS_PER_SIDE

    @cached_property
    def below_zero(self) -> int:
        """Number of negative values."""
        return int(self.negative.sum())

    @cached_property
    def above_zero(self) -> int:
        """Number of positive values, zeros not counted."""
        return int(self.positive.sum()) - self.zeros

    @property
    def count(self) -> int:
        """Number of values."""
        return self.below_zero + self.zeros + self.above_zero

    def edges(self) -> NDArray[np.float64]:
        """Every bin edge in real units, ascending, float64 of shape (16385,)."""
        steps = np.arange(BINS_PER_SIDE + 1, dtype=np.float64)
        return np.concatenate(
            (steps[:0:-1] * -self.negative_width, steps * self.positive_width),
        )

    def counts(self) -> NDArray[np.int64]:
        """Counts from the most negative bin to the most positive, int64 of shape (16384,)."""
        return np.concatenate((self.negative[::-1], self.positive))

    @cached_property
    def _moments(self) -> tuple[float, float]:
        """Sum and sum of squares of all values, each at the centre of its bin, zeros at 0."""
        centres = np.arange(BINS_PER_SIDE) + 0.5
        total = squares = 0.0
        for side, width in (
            (self.negative, -self.negative_width),
            (_without_zeros(self), self.positive_width),
        ):
            weighted = side * centres
            total += float(weighted.sum()) * width
            squares += float(weighted @ centres) * width * width
        return total, squares

    def mean(self) -> float:
        """Mean of the values from the bin centres; 0 without values."""
        return self._moments[0] / self.count if self.count else 0.0

    def std(self) -> float:
        """Standard deviation (not Bessel's) from the bin centres; 0 without values."""
        if not self.count:
            return 0.0
        total, squares = self._moments
        variance = squares / self.count - (total / self.count) ** 2
        return math.sqrt(max(variance, 0.0))

    def power(self) -> float:
        """Mean of the squared values from the bin centres; 0 without values."""
        return self._moments[1] / self.count if self.count else 0.0

    def merged(self, other: "Histogram") -> "Histogram":
        """The histogram of both sets of values together; exact."""
        below = [h for h in (self, other) if h.below_zero]
        above = [h for h in (self, other) if h.above_zero]
        negative_exponent = max((h.negative_exponent for h in below), default=None)
        positive_exponent = max((h.positive_exponent for h in above), default=None)
        negative = np.zeros(BINS_PER_SIDE, np.int64)
        positive = np.zeros(BINS_PER_SIDE, np.int64)
        for h in below:
            assert negative_exponent is not None
            negative += _coarser(h.negative, negative_exponent - h.negative_exponent)
        for h in above:
            assert positive_exponent is not None
            positive += _coarser(_without_zeros(h), positive_exponent - h.positive_exponent)
        zeros = self.zeros + other.zeros
        positive[0] += zeros
        return _assembled(negative, positive, negative_exponent, positive_exponent, zeros)

    def rectified(self) -> "Histogram":
        """The histogram of ``max(x, 0)``, exact: what a Relu makes of these values."""
        positive = self.positive.copy()
        positive[0] += self.below_zero
        return _assembled(
            np.zeros(BINS_PER_SIDE, np.int64),
            positive,
            None,
            self.positive_exponent if self.above_zero else None,
            self.zeros + self.below_zero,
        )


class HistogramBuilder:
    """Counts values as they come; every batching and order builds the same histogram."""

    def __init__(self) -> None:
        self._start(None)

    def _start(self, older: Histogram | None) -> None:
        self._older = older
        self._grid = HistogramGrid(BINS_PER_SIDE)
        self._zeros = 0
        self._counted = 0

    def add(self, x: NDArray[np.float32]) -> None:
        """Count every element.

        Args:
            x: float32 of any shape (other types are converted). C-contiguous is fastest.

        Raises:
            DataError: An element is NaN or infinite; the builder is of no use after that.
        """
        flat = np.ascontiguousarray(x, np.float32).reshape(-1)
        if flat.size and self.observe(flat, 1, ChannelRanges()).bad is not None:
            raise DataError("a histogram needs finite values, found NaN or Inf")

    def observe(
        self, x: NDArray[np.float32], samples: int, channels: ChannelRanges, inner: int = 1
    ) -> Observed:
        """Count every element and find the ranges of samples and channels in the same pass.

        After a value that is not finite the builder is of no use any more.

        Args:
            x: See :func:`quant.statistics.observe.observe`, also for the others.
            samples: How many samples it holds.
            channels: Widened.
            inner: Neighbours of one channel.
        """
        if self._counted + x.size >= _MOST:
            self._start(self.build())
        found = observe(x, samples, self._grid, channels, inner)
        self._zeros += found.zeros
        self._counted += x.size
        return found

    def build(self) -> Histogram:
        """The histogram of all values so far."""
        table = self._grid.sub_histograms.sum(axis=0, dtype=np.int64)
        recent = _assembled(
            table[BINS_PER_SIDE - 1 :: -1].copy(),
            table[BINS_PER_SIDE:].copy(),
            self._grid.exponent(0),
            self._grid.exponent(1),
            self._zeros,
        )
        return recent if self._older is None else self._older.merged(recent)


def _coarser(side: NDArray[np.int64], doublings: int) -> NDArray[np.int64]:
    """One side's counts after its grid doubled: bins merge pairwise, the upper part is empty."""
    factor = 1 << min(doublings, BINS_PER_SIDE.bit_length() - 1)
    result = np.zeros(BINS_PER_SIDE, np.int64)
    result[: BINS_PER_SIDE // factor] = side.reshape(-1, factor).sum(axis=1)
    return result


def _without_zeros(histogram: Histogram) -> NDArray[np.int64]:
    """Counts above zero, the exact zeros left out."""
    result = histogram.positive.copy()
    result[0] -= histogram.zeros
    return result


def _assembled(
    negative: NDArray[np.int64],
    positive: NDArray[np.int64],
    negative_exponent: int | None,
    positive_exponent: int | None,
    zeros: int,
) -> Histogram:
    """A histogram from its sides, None being the exponent of a side without values."""
    return Histogram(
        negative,
        positive,
        next((e for e in (negative_exponent, positive_exponent) if e is not None), 0),
        next((e for e in (positive_exponent, negative_exponent) if e is not None), 0),
        zeros,
    )
