"""The ends of every tensor over all samples, from those of each sample in the order of the data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant.statistics.tensor_stats import growth_samples


@dataclass(frozen=True, eq=False)
class Measured:
    """What one batch gave.

    Attributes:
        spans: float64, shape (tensors, 4, samples); zeros for a tensor without values.
        present: Whether each tensor held values.
    """

    spans: NDArray[np.float64]
    present: NDArray[np.bool_]


class Ends:
    """The ends over all samples, and sums of each sample's ends in the order of the samples."""

    def __init__(self, tensors: int) -> None:
        self.counted = np.zeros(tensors, np.int64)
        # Of the values and rectified; of the least and the negated greatest.
        self._ends = np.full((2, 2, tensors), np.inf)
        self._first = np.zeros((2, 2, tensors), np.int64)
        self._growth: list[NDArray[np.float64]] = []
        self._sums = np.zeros((2, tensors, 5))

    def add(self, found: Measured, first_index: int) -> None:
        """Add the samples of a batch, the first of which has this position in the data."""
        low, high, low_quantile, high_quantile = np.moveaxis(found.spans, 1, 0)
        plain = np.stack((low, high, np.maximum(-low, high), low_quantile, high_quantile), 1)
        rectified = np.maximum(plain, 0)
        rectified[:, 2] = rectified[:, 1]
        rows = np.stack((plain, rectified))
        # cumsum adds strictly one after the other, so batches leave no trace.
        self._sums = np.cumsum(np.concatenate((self._sums[..., None], rows), -1), -1)[..., -1]
        ends = np.stack((rows[:, :, 0], -rows[:, :, 1]), 1)
        ends[:, :, ~found.present] = np.inf
        self._grow(ends[0])
        least = ends.min(axis=-1)
        self._first = np.where(least < self._ends, first_index + ends.argmin(axis=-1), self._first)
        self._ends = np.minimum(self._ends, least)
        self.counted += found.present * found.spans.shape[2]

    def _grow(self, ends: NDArray[np.float64]) -> None:
        """Note the ends after each power of two of samples that a batch reaches.

        Args:
            ends: The least and the negated greatest value, shape (2, tensors, samples).
        """
        size = ends.shape[2]
        while 1 << len(self._growth) <= int(self.counted.max(initial=0)) + size:
            self._growth.append(np.full(ends.shape[:2], np.inf))
        running = np.minimum(np.minimum.accumulate(ends, axis=2), self._ends[0][..., None])
        for k, row in enumerate(self._growth):
            at = (1 << k) - 1 - self.counted
            reached = np.flatnonzero((at >= 0) & (at < size) & np.isfinite(ends[0, :, 0]))
            row[:, reached] = running[:, reached, at[reached]]

    def range(self, row: int, rectified: bool) -> tuple[float, float]:
        """The least and the greatest value of a tensor."""
        least, negated = self._ends[int(rectified), :, row].tolist()
        return least, -negated

    def first(self, row: int, rectified: bool) -> tuple[int, int]:
        """The first samples that reached the ends of a tensor."""
        low, high = self._first[int(rectified), :, row].tolist()
        return low, high

    def growth(self, row: int, rectified: bool) -> NDArray[np.float32]:
        """The range of a tensor after 1, 2, 4, ... samples and after all."""
        reached = len(growth_samples(int(self.counted[row]))) - 1
        found = [(part[0, row], -part[1, row]) for part in self._growth[:reached]]
        table = np.asarray([*found, self.range(row, rectified=False)], np.float32)
        return np.maximum(table, np.float32(0)) if rectified else table

    def of(self, row: int, rectified: bool) -> list[float]:
        """Means of a tensor's sample minimum, maximum, magnitude and two quantiles."""
        return (self._sums[int(rectified), row] / self.counted[row]).tolist()
