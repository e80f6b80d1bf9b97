"""Parts of data that share no sample, for what is fitted on one and judged on another."""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from quant.data.dataset import Dataset
from quant.data.npy import Array, Header, Read
from quant.data.sources import DataSource
from quant.errors import DataError


def folds(data: Dataset, count: int) -> tuple[Dataset, ...]:
    """Deal the samples out in turns: the first to the first part, the second to the second.

    In turns, because data is often sorted by class.

    Args:
        data: The samples; they are read when a part is.
        count: How many parts, at least 1.

    Returns:
        The parts; their sizes differ by 1 at most.

    Raises:
        DataError: If there are fewer samples than parts.
    """
    if len(data) < count:
        raise DataError(
            f"expected at least {count} samples to split into parts that share none, found "
            f"{len(data)}; give more data"
        )
    return tuple(_fold(data, part, count) for part in range(count))


def thinned(data: Dataset, most: int) -> Dataset:
    """Every so-manieth sample, so that there are no more than wanted; all where there are fewer.

    Args:
        data: The samples.
        most: How many, at most; at least 1.
    """
    step = -(-len(data) // most)
    return _fold(data, 0, step) if step > 1 else data


def _fold(data: Dataset, part: int, count: int) -> Dataset:
    found: list[DataSource] = []
    first = 0
    for source in data.sources:
        skipped = (part - first) % count
        first += source.length
        if skipped < source.length:
            found.append(_every(source, skipped, count))
    return replace(data, sources=tuple(found))


def _every(source: DataSource, skipped: int, step: int) -> DataSource:
    """Of a source every ``step``-th sample, behind the first ``skipped``."""
    length = len(range(skipped, source.length, step))

    @contextmanager
    def opened() -> Generator[Read]:
        with source.open() as read:
            done = 0

            def some(count: int) -> dict[str, Array]:
                nonlocal done
                rows: list[dict[str, Array]] = []
                for _ in range(count):
                    gap = skipped if not done else step - 1
                    if gap:
                        read(gap)
                    rows.append(dict(read(1)))
                    done += 1
                if not rows:
                    return dict(read(0))
                return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

            yield some

    def digest() -> bytes:
        return hashlib.sha256(f"{skipped}/{step}:".encode() + source.digest()).digest()

    return DataSource(
        label=source.label,
        length=length,
        headers={n: Header((length, *h.shape[1:]), h.dtype) for n, h in source.headers.items()},
        open=opened,
        digest=digest,
        labels=None if source.labels is None else source.labels[skipped::step],
    )
