"""The counts of one sample, kept where a tool's rule rests on a single batch."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quant.scan import GREATEST, count_sides, reals

SIDE_BINS = 2048
"""Bins on each side of zero: several to every step that a rule tries."""


@dataclass(frozen=True, eq=False)
class SampleCounts:
    """How the values of one sample are spread.

    Attributes:
        index: Position of the sample in the data.
        low: Its least value.
        high: Its greatest value.
        zeros: Number of exact zeros; no bin counts them.
        negative: uint32, shape (2048,): ``negative[k]`` counts the magnitudes of the values below
            zero in equal bins from 0 to ``-low``, which is in the last.
        positive: uint32, shape (2048,): the same above zero, up to ``high``.
    """

    index: int
    low: float
    high: float
    zeros: int
    negative: NDArray[np.uint32]
    positive: NDArray[np.uint32]

    def __post_init__(self) -> None:
        for side in (self.negative, self.positive):
            if side.shape != (SIDE_BINS,) or side.dtype != np.uint32:
                raise ValueError(
                    f"a side of a sample's counts is uint32 of shape ({SIDE_BINS},), "
                    f"found {side.dtype} of shape {side.shape}"
                )
        if not self.low <= self.high or self.zeros < 0 or self.index < 0:
            raise ValueError(f"sample {self.index} runs from {self.low} to {self.high}")

    @property
    def abs_max(self) -> float:
        """The largest magnitude."""
        return max(-self.low, self.high, 0.0)

    @property
    def rank(self) -> tuple[float, int]:
        """What orders samples from quiet to loud, the earlier of two alike first."""
        return self.abs_max, self.index

    def rectified(self) -> "SampleCounts":
        """The counts of ``max(x, 0)``."""
        return SampleCounts(
            self.index,
            max(self.low, 0.0),
            max(self.high, 0.0),
            self.zeros + int(self.negative.sum(dtype=np.int64)),
            np.zeros(SIDE_BINS, np.uint32),
            self.positive,
        )

    def shifted(self, samples: int) -> "SampleCounts":
        """The same sample behind so many others."""
        return replace(self, index=self.index + samples)


def sample_counts(x: NDArray[np.float32], ends: NDArray[np.int32], index: int) -> SampleCounts:
    """Count a sample.

    Args:
        x: float32, C-contiguous, at least one value, all finite.
        ends: Keys of its least and greatest value; see :func:`quant.scan.scan`.
        index: Its position in the data.
    """
    low, high = reals(ends).tolist()
    sides = np.zeros((2, SIDE_BINS), np.uint32)
    zeros = count_sides(x, low, high, sides)
    return SampleCounts(index, low, high, zeros, sides[0], sides[1])


class Quietest:
    """The sample with the least largest magnitude, in whatever order samples come.

    Args:
        rectified: Look at what a Relu makes of the samples.
    """

    def __init__(self, *, rectified: bool = False) -> None:
        self._rectified = rectified
        self._rank = GREATEST, 0
        self._found: SampleCounts | None = None

    @property
    def found(self) -> SampleCounts:
        """Its counts; there must have been a sample."""
        assert self._found is not None
        return self._found.rectified() if self._rectified else self._found

    def add(self, x: NDArray[np.float32], ends: NDArray[np.int32], first_index: int) -> None:
        """Look at consecutive samples.

        Args:
            x: float32, C-contiguous, the samples along axis 0.
            ends: Keys of the least and the greatest value of each, shape (2, samples); they order
                as the values do.
            first_index: Position of the first in the data.
        """
        other = np.int32(0) if self._rectified else -ends[0]
        loudness = np.maximum(ends[1], other)
        at = int(loudness.argmin())
        rank = int(loudness[at]), first_index + at
        if rank < self._rank:
            self._rank = rank
            self._found = sample_counts(x[at], ends[:, at], first_index + at)
