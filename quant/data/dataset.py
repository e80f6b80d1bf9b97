"""Calibration and evaluation data: samples that are streamed, checked and never held at once."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quant.data.images.preprocessing import Preprocessing
from quant.data.input_checks import refuse_non_numbers
from quant.data.layout import InputLayout
from quant.data.npy import Array, Header
from quant.data.sources import DataSource
from quant.io.show import card, counted, one_line, paragraph, sparkline, table


@dataclass(frozen=True, eq=False)
class Batch:
    """Consecutive samples of equal shapes.

    Attributes:
        feeds: Input name -> array as the model takes it; axis 0 counts the samples, unless a model
            takes them one by one.
        first_index: Position of the first of them in the data.
        size: Number of samples.
        fed: Number of samples in the feeds; more than ``size`` where a model takes so many at once
            and the last group is filled up with its last sample.
    """

    feeds: Mapping[str, Array]
    first_index: int
    size: int
    fed: int

    def own(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Feeds or results without what belongs to the samples that fill the group up.

        Args:
            arrays: Name -> array; where axis 0 is no multiple of ``fed``, it stays whole.
        """
        if self.fed == self.size:
            return dict(arrays)
        return {
            name: array[: len(array) // self.fed * self.size]
            if array.ndim and len(array) % self.fed == 0
            else array
            for name, array in arrays.items()
        }

    def sample(self, arrays: Mapping[str, Array], row: int) -> dict[str, Array]:
        """Of what :meth:`own` left, the part of one sample.

        Args:
            arrays: Name -> array, its samples one after the other along axis 0; where axis 0 is no
                multiple of ``size``, it stays whole.
            row: Which sample of the batch.
        """
        divided = (n for n, a in arrays.items() if a.ndim and not len(a) % self.size)
        rows = {name: len(arrays[name]) // self.size for name in divided}
        return {
            name: array[row * rows[name] : (row + 1) * rows[name]] if name in rows else array
            for name, array in arrays.items()
        }


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples for a model's inputs. It can be gone through any number of times.

    Attributes:
        sources: Where the samples are, in order.
        renamed: Stored array name -> name of the model input it feeds, where they differ.
        moved: Stored array name -> the axis that counted its samples before it became the first.
        layouts: Model input -> how samples become what it takes; empty until a model is known.
        group: How many samples the model takes at once; None where any number will do.
        notes: What was guessed of the data, as sentences.
        preprocessing: How pictures became the samples; None where they are no pictures.
        classes: Names of the classes by number; empty where they are not known.
    """

    sources: tuple[DataSource, ...]
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    moved: Mapping[str, int] = field(default_factory=dict[str, int])
    layouts: Mapping[str, InputLayout] = field(default_factory=dict[str, InputLayout])
    group: int | None = None
    notes: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return sum(source.length for source in self.sources)

    def __repr__(self) -> str:
        """Counts and the inputs it feeds, in one line."""
        inputs = one_line(", ".join(self.shapes), 80)
        labels = "" if self.labels is None else ", with labels"
        return f"<Dataset of {counted(len(self), 'sample')} for {inputs or 'no input'}{labels}>"

    def _repr_html_(self) -> str:
        """The inputs, and how many samples each class has, for a notebook."""
        rows = (
            (
                name,
                self.dtypes[name].name,
                " × ".join("any" if d is None else str(d) for d in shape),
            )
            for name, shape in self.shapes.items()
        )
        shown = [table(("Input", "Type", "Shape of a sample"), rows, len(self.shapes))]
        if self.labels is not None and self.labels.size:
            classes, counts = np.unique(self.labels, return_counts=True)
            text = f"Samples by class, from {classes[0]} to {classes[-1]}:"
            shown += [paragraph(text), sparkline([float(count) for count in counts])]
        return card(repr(self), *shown)

    @property
    def length(self) -> int:
        """Number of samples."""
        return len(self)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The inputs it feeds."""
        return tuple(self.renamed.get(name, name) for name in self.sources[0].headers)

    @cached_property
    def dtypes(self) -> Mapping[str, np.dtype[np.generic]]:
        """Element type of each input's array, in the machine's byte order."""
        headers = self.sources[0].headers.items()
        return {self.renamed.get(n, n): h.dtype.newbyteorder("=") for n, h in headers}

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        """Shape of one sample of each input, axis 0 being 1; None where samples differ."""
        found: dict[str, tuple[int | None, ...]] = {}
        for source in self.sources:
            for name, header in source.headers.items():
                key = self.renamed.get(name, name)
                shape = (1, *header.shape[1:])
                known = found.get(key, shape)
                found[key] = tuple(a if a == b else None for a, b in zip(known, shape, strict=True))
        return found

    @cached_property
    def labels(self) -> NDArray[np.int64] | None:
        """The class of each sample, int64 of shape (length,), or None without labels."""
        labels = [source.labels for source in self.sources if source.labels is not None]
        return np.concatenate(labels) if len(labels) == len(self.sources) else None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, as hexadecimal digits."""
        sha = hashlib.sha256(repr(sorted(self.renamed.items())).encode())
        for source in self.sources:
            sha.update(source.digest())
        return sha.hexdigest()

    def samples(self, limit: int | None = None) -> Iterator[dict[str, Array]]:
        """Go through the samples one by one.

        Args:
            limit: Stop after this many.

        Yields:
            Input name -> array with axis 0 of size 1, as it is stored.

        Raises:
            DataError: If an input holds NaN or Inf, or a file is damaged.
        """
        for batch in replace(self, layouts={}, group=None).batches(1, limit):
            yield dict(batch.feeds)

    @cached_property
    def probe(self) -> dict[str, Array]:
        """What a model is fed with the first sample; with the first group where it takes several.

        Raises:
            DataError: If an input holds NaN or Inf, or a file is damaged.
        """
        return dict(next(self.batches(1)).feeds)

    @property
    def one_by_one(self) -> bool:
        """Whether samples cannot be stacked along the first axis of every input."""
        return any(layout.axis != 0 for layout in self.layouts.values())

    def batches(self, size: int, limit: int | None = None) -> Iterator[Batch]:
        """Go through the samples in groups of consecutive samples with equal shapes.

        Args:
            size: Samples in a group, at most; without meaning where the model takes a number of
                its own, or one sample at a time.
            limit: Stop after this many samples.

        Yields:
            The groups, in order.

        Raises:
            DataError: If an input holds NaN or Inf, or a file is damaged.
        """
        size = 1 if self.one_by_one else self.group or size
        left = len(self) if limit is None else min(limit, len(self))
        first = 0
        waiting: list[dict[str, Array]] = []
        held = 0
        for source in self.sources:
            taken = min(source.length, left)
            left -= taken
            if not taken:
                continue
            with source.open() as read:
                while taken:
                    count = min(size - held, taken)
                    if waiting and not _same_shapes(waiting[0], source.headers):
                        yield self._batch(waiting, first, held)
                        first, waiting, held = first + held, [], 0
                        continue
                    waiting.append(read(count))
                    held, taken = held + count, taken - count
                    if held == size:
                        yield self._batch(waiting, first, held)
                        first, waiting, held = first + held, [], 0
        if waiting:
            yield self._batch(waiting, first, held)

    def _batch(self, pieces: Sequence[Mapping[str, Array]], first: int, size: int) -> Batch:
        feeds: dict[str, Array] = {}
        for name in pieces[0]:
            arrays = [piece[name] for piece in pieces]
            key = self.renamed.get(name, name)
            stacked = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
            refuse_non_numbers(key, stacked, first)
            if self.group is not None and size < self.group:
                filler = np.repeat(stacked[-1:], self.group - size, axis=0)
                stacked = np.concatenate([stacked, filler])
            layout = self.layouts.get(key, InputLayout())
            feeds[key] = (
                stacked[0, ...] if layout.axis is None else np.moveaxis(stacked, 0, layout.axis)
            )
        return Batch(feeds, first, size, max(size, self.group or 0))


def _same_shapes(piece: Mapping[str, Array], headers: Mapping[str, Header]) -> bool:
    return all(piece[name].shape[1:] == header.shape[1:] for name, header in headers.items())
