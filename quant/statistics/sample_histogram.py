"""The counts of one sample, kept where a tool's rule rests on a single batch."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quant.statistics.observe import count_sides

SIDE_BINS = 2048
"""Bins on each side of zero: several to every step that a rule tries."""


@dataclass(frozen=True, eq=False)
class SampleHistogram:
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

    def rectified(self) -> "SampleHistogram":
        """The counts of ``max(x, 0)``."""
        return SampleHistogram(
            self.index,
            max(self.low, 0.0),
            max(self.high, 0.0),
            self.zeros + int(self.negative.sum(dtype=np.int64)),
            np.zeros(SIDE_BINS, np.uint32),
            self.positive,
        )

    def shifted(self, samples: int) -> "SampleHistogram":
        """The same sample behind so many others."""
        return replace(self, index=self.index + samples)


def sample_histogram(
    x: NDArray[np.float32], low: float, high: float, index: int
) -> SampleHistogram:
    """Count a sample.

    Args:
        x: float32, C-contiguous, at least one value, all finite.
        low: Its least value.
        high: Its greatest value.
        index: Its position in the data.
    """
    sides = np.zeros((2, SIDE_BINS), np.uint32)
    zeros = count_sides(x, float(low), float(high), sides)
    return SampleHistogram(index, float(low), float(high), zeros, sides[0], sides[1])


class QuietestSample:
    """The sample that is least loud, the first of a tie, in whatever order samples come.

    Attributes:
        found: Its counts; None before any sample.
    """

    def __init__(self) -> None:
        self.found: SampleHistogram | None = None
        self._rank = math.inf, 0

    def add(
        self,
        rows: NDArray[np.float32],
        low: NDArray[np.float32],
        high: NDArray[np.float32],
        loudness: NDArray[np.float32],
        first_index: int,
    ) -> None:
        """Look at consecutive samples.

        Args:
            rows: float32, C-contiguous, a sample a row.
            low: float32, shape (samples,): the least value of each.
            high: float32, shape (samples,): the greatest.
            loudness: float32, shape (samples,): what they are compared by.
            first_index: Position of the first sample in the data.
        """
        k = int(loudness.argmin())
        rank = float(loudness[k]), first_index + k
        if rank < self._rank:
            self._rank = rank
            self.found = sample_histogram(rows[k], low[k], high[k], first_index + k)
