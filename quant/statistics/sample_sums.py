"""Exact sums over samples, so that two runs add up to the sum of one run to the last bit.

A float32 is a whole number of units of 2**-149; sums of whole numbers do not depend on any order.
What lies below zero and above it is summed apart: the second is the sum after a Relu.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

_UNIT_BITS = 149
"""The least float32 above zero is 2**-149."""

_FRACTION, _EXPONENTS = (1 << 23) - 1, (1 << 8) - 1


@dataclass(frozen=True)
class ExactSum:
    """A sum of float32 numbers, in units of 2**-149.

    Attributes:
        below: The sum of those below zero.
        above: The sum of those above.
    """

    below: int = 0
    above: int = 0

    def __post_init__(self) -> None:
        if not self.below <= 0 <= self.above:
            raise ValueError(f"no sums below and above zero are {self.below} and {self.above}")

    def __add__(self, other: "ExactSum") -> "ExactSum":
        """The sum of both."""
        return ExactSum(self.below + other.below, self.above + other.above)

    def rectified(self) -> "ExactSum":
        """The sum of ``max(x, 0)``."""
        return ExactSum(0, self.above)

    def mean(self, count: int) -> float:
        """The sum over ``count`` in real units, correctly rounded."""
        return (self.below + self.above) / (count << _UNIT_BITS)

    @classmethod
    def of_rows(cls, values: NDArray[np.float32]) -> "list[ExactSum]":
        """The sums of the rows of finite float32 values of shape (m, n), C-contiguous."""
        bits = values.view(np.int32)
        exponent = (bits >> 23) & _EXPONENTS
        significand = (bits & _FRACTION) | ((exponent > 0) * np.int32(1 << 23))
        # Of one exponent the significands, below 2**24, add up exactly in a float64.
        side = 2 * np.arange(len(values))[:, None] + (bits >= 0)
        place = side * (_EXPONENTS + 1) + np.maximum(exponent, 1) - 1
        size = 2 * len(values) * (_EXPONENTS + 1)
        counted = np.bincount(place.reshape(-1), weights=significand.reshape(-1), minlength=size)
        totals = np.asarray(counted, np.float64).reshape(2 * len(values), -1)
        sums = [_whole(row) for row in totals]
        return [cls(-below, above) for below, above in zip(sums[::2], sums[1::2], strict=True)]


def _whole(totals: NDArray[np.float64]) -> int:
    """The sum of whole numbers, each shifted by its place."""
    return sum(int(totals[shift]) << int(shift) for shift in np.flatnonzero(totals))


@dataclass(frozen=True)
class SampleSums:
    """Sums over the samples of what each reached.

    Attributes:
        min: Of each sample's least value.
        max: Of its greatest value.
        abs_max: Of its largest magnitude.
        low_quantile: Of its 0.0001 quantile (an order statistic).
        high_quantile: Of its 0.9999 quantile.
    """

    min: ExactSum = ExactSum()
    max: ExactSum = ExactSum()
    abs_max: ExactSum = ExactSum()
    low_quantile: ExactSum = ExactSum()
    high_quantile: ExactSum = ExactSum()

    def __add__(self, other: "SampleSums") -> "SampleSums":
        """The sums over the samples of both."""
        return SampleSums(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def rectified(self) -> "SampleSums":
        """The sums of what a Relu makes of the samples, whose magnitude is its greatest value."""
        least, greatest = self.min.rectified(), self.max.rectified()
        quantiles = self.low_quantile.rectified(), self.high_quantile.rectified()
        return SampleSums(least, greatest, greatest, *quantiles)

    @classmethod
    def of(cls, ranges: NDArray[np.float32]) -> "SampleSums":
        """The sums over some samples.

        Args:
            ranges: float32, shape (4, n): least and greatest value of each sample and its two
                quantiles.
        """
        low, high, low_quantile, high_quantile = ranges
        parts = low, high, np.maximum(-low, high), low_quantile, high_quantile
        return cls(*ExactSum.of_rows(np.stack(parts)))
