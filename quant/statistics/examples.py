"""A few whole samples, for what the statistics of single tensors cannot tell.

Which samples are kept depends on their content alone: those whose digests come first. So they are
spread over the data like a random choice, no order of the data or of the work changes them, and
two runs keep together what one run over both would.
"""

import hashlib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quant.data.dataset import Batch

Array = NDArray[np.generic]

MOST: Final = 8
"""Samples that are kept, at most."""

MOST_BYTES: Final = 16 << 20
"""What they take together, at most; the first is kept whatever it takes."""


@dataclass(frozen=True, eq=False)
class Example:
    """What a model is fed with one sample.

    Attributes:
        feeds: Input name -> array as the model takes it.
    """

    feeds: Mapping[str, Array]

    @cached_property
    def digest(self) -> bytes:
        """Of names, types, shapes and values."""
        sha = hashlib.blake2b(digest_size=16)
        for name, array in self.feeds.items():
            sha.update(f"{name}:{array.dtype.str}:{array.shape}:".encode())
            sha.update(np.ascontiguousarray(array).data if array.size else b"")
        return sha.digest()

    @property
    def nbytes(self) -> int:
        """What it takes."""
        return sum(array.nbytes for array in self.feeds.values())


def kept(found: Iterable[Example]) -> tuple[Example, ...]:
    """The examples to keep of those found, each once, in the order of their digests."""
    known = {example.digest: example for example in found}
    taken: list[Example] = []
    held = 0
    for digest in sorted(known)[:MOST]:
        held += known[digest].nbytes
        if taken and held > MOST_BYTES:
            break
        taken.append(known[digest])
    return tuple(taken)


class Examples:
    """Keeps examples of batches, in whatever order they come."""

    def __init__(self, group: int | None) -> None:
        """Start with none.

        Args:
            group: How many samples the model takes at once; None where any number will do.
        """
        self._group = group or 1
        self._kept: tuple[Example, ...] = ()
        self._lock = threading.Lock()

    def add(self, batch: Batch) -> None:
        """Keep of a batch what belongs among the first."""
        own = batch.own(batch.feeds)
        samples = (batch.sample(own, row) for row in range(batch.size))
        found = kept(
            Example({name: self._repeated(array) for name, array in sample.items()})
            for sample in samples
        )  # which takes the time, and needs no lock
        with self._lock:
            known = set(map(id, self._kept))
            # A view would hold all of its batch.
            self._kept = tuple(
                e if id(e) in known else _copy(e) for e in kept([*self._kept, *found])
            )

    def result(self) -> tuple[Example, ...]:
        """What is kept."""
        return self._kept

    def _repeated(self, array: Array) -> Array:
        """One sample as often as the model takes samples."""
        return np.repeat(array, self._group, axis=0) if self._group > 1 and array.ndim else array


def _copy(example: Example) -> Example:
    return Example({name: array.copy() for name, array in example.feeds.items()})
