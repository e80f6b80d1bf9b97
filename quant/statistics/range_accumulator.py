"""How the range of a tensor grows from sample to sample."""

import operator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant.statistics.sample_sums import SampleSums

_FOLDED = 1024
"""Samples that are looked at together: some dozen NumPy calls for so many."""


@dataclass(frozen=True, eq=False)
class RangeRecords:
    """The samples that reached farther than every one before, at one end of the range.

    Attributes:
        ordinals: int64, shape (k,): how many samples that held values come before each; the first
            is 0.
        positions: int64, shape (k,): the position of each in the data.
        values: float32, shape (k,): what each reached; all fall, or all rise.
    """

    ordinals: NDArray[np.int64]
    positions: NDArray[np.int64]
    values: NDArray[np.float32]

    def __post_init__(self) -> None:
        lengths = {len(self.ordinals), len(self.positions), len(self.values)}
        before, after = self.values[:-1], self.values[1:]
        if (
            lengths != {len(self.values)}
            or not len(self.values)
            or self.ordinals[0] != 0
            or not ((np.diff(self.ordinals) > 0).all() and (np.diff(self.positions) > 0).all())
            or not ((after > before).all() or (after < before).all())
        ):
            raise ValueError(f"records of a range go one way from the first sample, found {self}")

    @property
    def farthest(self) -> float:
        """What the last reached: the end of the range."""
        return float(self.values[-1])

    def after(self, samples: int) -> float:
        """The end of the range after the first so many samples, at least one."""
        return float(self.values[np.searchsorted(self.ordinals, samples) - 1])

    def rectified(self) -> "RangeRecords":
        """The records of what a Relu makes of the samples."""
        values = np.maximum(self.values, np.float32(0))
        kept = np.concatenate(([True], values[1:] != values[:-1]))
        return RangeRecords(self.ordinals[kept], self.positions[kept], values[kept])

    def shifted(self, samples: int) -> "RangeRecords":
        """The same samples behind so many others in the data."""
        return RangeRecords(self.ordinals, self.positions + samples, self.values)

    def followed_by(self, later: "RangeRecords", samples: int, *, least: bool) -> "RangeRecords":
        """The records over these samples and, after them, others.

        Args:
            later: The records of the others, at their positions in the data.
            samples: How many samples that held values these come from.
            least: Whether it is the lower end of the range.
        """
        farther = (operator.lt if least else operator.gt)(later.values, self.values[-1])
        return RangeRecords(
            np.concatenate((self.ordinals, later.ordinals[farther] + samples)),
            np.concatenate((self.positions, later.positions[farther])),
            np.concatenate((self.values, later.values[farther])),
        )


class RangeAccumulator:
    """Sums and records of the samples of one tensor, in whatever order batches come.

    Attributes:
        samples: How many samples held values.
        sums: Sums over them.
    """

    def __init__(self) -> None:
        self.samples = 0
        self.sums = SampleSums()
        self._records: tuple[RangeRecords, RangeRecords] | None = None
        self._next = 0
        self._early: dict[int, tuple[int, NDArray[np.float32] | None]] = {}
        self._ready: list[tuple[int, NDArray[np.float32]]] = []
        self._held = 0

    def add(self, first_index: int, samples: int, ranges: NDArray[np.float32] | None) -> None:
        """Take a batch; one whose turn has not come is kept until then.

        Args:
            first_index: Position of its first sample in the data.
            samples: How many it holds.
            ranges: float32, shape (4, samples): least and greatest value of each and its two
                quantiles; None where the tensor holds no value.
        """
        self._early[first_index] = samples, ranges
        while (found := self._early.pop(self._next, None)) is not None:
            size, ranges = found
            if ranges is not None:
                self._ready.append((self._next, ranges))
                self._held += size
            self._next += size
        if self._held >= _FOLDED:
            self._fold()

    def records(self) -> tuple[RangeRecords, RangeRecords]:
        """The records of the least values and of the greatest, of at least one sample."""
        self._fold()
        assert self._records is not None
        return self._records

    def _fold(self) -> None:
        if not self._ready:
            return
        ranges = np.concatenate([ranges for _, ranges in self._ready], axis=1)
        positions = np.concatenate(
            [np.arange(at, at + part.shape[1], dtype=np.int64) for at, part in self._ready]
        )
        self._ready.clear()
        self._held = 0
        found = _records(ranges[0], positions, least=True), _records(ranges[1], positions)
        if self._records is not None:
            low, high = self._records
            found = (
                low.followed_by(found[0], self.samples, least=True),
                high.followed_by(found[1], self.samples, least=False),
            )
        self._records = found
        self.sums += SampleSums.of(ranges)
        self.samples += ranges.shape[1]


def _records(
    values: NDArray[np.float32], positions: NDArray[np.int64], *, least: bool = False
) -> RangeRecords:
    running = (np.minimum if least else np.maximum).accumulate(values)
    at = np.concatenate(([0], np.flatnonzero(running[1:] != running[:-1]) + 1))
    return RangeRecords(at, positions[at], values[at])
