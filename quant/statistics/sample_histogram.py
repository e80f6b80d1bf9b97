"""The counts of one sample, kept where a tool's rule rests on a single batch."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quant.statistics.observe import count_sides, reals

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
    x: NDArray[np.float32], ends: NDArray[np.int32], index: int
) -> SampleHistogram:
    """Count a sample.

    Args:
        x: float32, C-contiguous, at least one value, all finite.
        ends: Keys of its least and greatest value; see :func:`quant.statistics.observe.scan`.
        index: Its position in the data.
    """
    low, high = reals(ends).tolist()
    sides = np.zeros((2, SIDE_BINS), np.uint32)
    zeros = count_sides(x, low, high, sides)
    return SampleHistogram(index, low, high, zeros, sides[0], sides[1])


class QuietestSample:
    """Of each tensor the sample with the least largest magnitude, in whatever order samples come.

    Beside it, in the second row of everything here: that of what a Relu makes of the tensor.

    Args:
        rectified: For each tensor, whether the second is wanted.
    """

    def __init__(self, rectified: Sequence[bool]) -> None:
        self._wanted = np.asarray([[True] * len(rectified), rectified])
        # The key of the magnitude, then the position, in one number: the least is the first.
        self._ranks = np.full(self._wanted.shape, np.iinfo(np.int64).max)
        self._found: dict[tuple[int, int], SampleHistogram] = {}
        self._lock = threading.Lock()

    def add(
        self,
        arrays: Sequence[NDArray[np.float32] | None],
        ends: NDArray[np.int32],
        first_index: int,
    ) -> None:
        """Look at consecutive samples of all tensors.

        Args:
            arrays: The values of each tensor, float32, C-contiguous, the samples along axis 0; None
                for a tensor without.
            ends: Keys of the least and the greatest value of each sample, shape (tensors, 2,
                samples); they order as the values do.
            first_index: Position of the first sample in the data.
        """
        low, high = ends[:, 0].astype(np.int64), ends[:, 1].astype(np.int64)
        loudness: NDArray[np.int64] = np.stack((np.maximum(-low, high), np.maximum(high, 0)))
        samples: int = ends.shape[2]
        index = np.arange(first_index, first_index + samples, dtype=np.int64)
        ranks = np.asarray(loudness * (1 << 32) + index, np.int64)
        at = ranks.argmin(axis=2)
        least = ranks.min(axis=2)
        for kind, row in np.argwhere((least < self._ranks) & self._wanted).tolist():
            x, k = arrays[row], int(at[kind, row])
            if x is None:
                continue
            counts = sample_histogram(x.reshape(samples, -1)[k], ends[row, :, k], first_index + k)
            with self._lock:
                if least[kind, row] < self._ranks[kind, row]:
                    self._ranks[kind, row] = least[kind, row]
                    self._found[kind, row] = counts

    def of(self, row: int, *, rectified: bool) -> SampleHistogram:
        """The counts of a tensor that had samples."""
        counts = self._found[int(rectified), row]
        return counts.rectified() if rectified else counts
