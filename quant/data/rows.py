"""Samples that are made one at a time, when they are needed, as a source."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quant.data.npy import Array, Header, Read
from quant.data.sources import DataSource, file_digest

KEPT_BYTES: Final = 256 << 20
"""Samples that are kept, because most data is gone through many times; the rest is made anew."""

Row = Mapping[str, Array]
"""Array name -> one sample, without the axis that counts them."""


@dataclass(eq=False)
class _Kept:
    """Samples by their number, the first ones kept."""

    make: Callable[[int], Row]
    rows: dict[int, Row] = field(default_factory=dict[int, Row])
    bytes: int = 0
    lock: Lock = field(default_factory=Lock)

    def __getitem__(self, place: int) -> Row:
        found = self.rows.get(place)
        if found is None:
            found = self.make(place)
            size = sum(array.nbytes for array in found.values())
            with self.lock:
                if self.bytes + size <= KEPT_BYTES and place not in self.rows:
                    self.rows[place] = found
                    self.bytes += size
        return found


def rows_source(
    label: str,
    headers: Mapping[str, Header],
    row: Callable[[int], Row],
    digest: Callable[[], bytes],
    labels: NDArray[np.int64] | None = None,
) -> DataSource:
    """A source of samples that are made by their number, when they are needed.

    Args:
        label: What to call it in messages.
        headers: Array name -> shape, whose axis 0 counts the samples, and type.
        row: Makes one sample.
        digest: SHA-256 of all that the samples depend on.
        labels: int64, one a sample, or None.
    """
    rows = _Kept(row)
    length = next(iter(headers.values())).shape[0]

    @contextmanager
    def opened() -> Generator[Read]:
        position = 0

        def read(count: int) -> dict[str, Array]:
            nonlocal position
            found = [rows[place] for place in range(position, position + count)]
            position += count
            if not found:
                return {n: np.zeros((0, *h.shape[1:]), h.dtype) for n, h in headers.items()}
            return {name: np.stack([row[name] for row in found]) for name in headers}

        yield read

    return DataSource(label, length, headers, opened, digest, labels)


def headers_of(row: Row, length: int) -> dict[str, Header]:
    """The headers of so many samples like one.

    Args:
        row: The sample.
        length: How many there are.
    """
    return {name: Header((length, *array.shape), array.dtype) for name, array in row.items()}


def digest_of(files: Iterable[Path], said: str = "") -> bytes:
    """SHA-256 of the content of files, and of what is decided about them.

    Raises:
        DataError: If one cannot be read.
    """
    sha = hashlib.sha256(said.encode())
    for path in files:
        sha.update(file_digest(path))
    return sha.digest()
