"""Calibration and evaluation data: samples that are streamed, checked and never held at once."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quant.data.input_checks import refuse_misfit, refuse_non_numbers
from quant.data.npy import Array, Header
from quant.data.sources import DataSource, arrays_source, check_sources, data_files, file_source
from quant.errors import DataError
from quant.io.show import card, counted, one_line, paragraph, sparkline, table
from quant.model.model import Model
from quant.types import TensorInfo


@dataclass(frozen=True, eq=False)
class Batch:
    """Consecutive samples of equal shapes.

    Attributes:
        feeds: Input name -> array whose axis 0 counts the samples.
        first_index: Position of the first of them in the data.
        size: Number of samples.
    """

    feeds: Mapping[str, Array]
    first_index: int
    size: int


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples for a model's inputs. It can be gone through any number of times.

    Attributes:
        sources: Where the samples are, in order.
        renamed: Stored array name -> name of the model input it feeds, where they differ.
    """

    sources: tuple[DataSource, ...]
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])

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
            Input name -> array with axis 0 of size 1.

        Raises:
            DataError: If an input holds NaN, or a file is damaged.
        """
        for batch in self.batches(1, limit):
            yield dict(batch.feeds)

    def batches(self, size: int, limit: int | None = None) -> Iterator[Batch]:
        """Go through the samples in groups of consecutive samples with equal shapes.

        Args:
            size: Samples in a group, at most.
            limit: Stop after this many samples.

        Yields:
            The groups, in order.

        Raises:
            DataError: If an input holds NaN or Inf, or a file is damaged.
        """
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
            feeds[key] = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
            refuse_non_numbers(key, feeds[key], first)
        return Batch(feeds, first, size)

    def matched(self, model: Model) -> "Dataset":
        """This data as the inputs of ``model``, once it is sure that it fits.

        Args:
            model: The model to feed.

        Returns:
            The same samples under the names of the model's inputs.

        Raises:
            DataError: If an input is missing or unknown, or a shape or dtype does not fit.
        """
        return match_inputs(self, model.inputs)


def open_data(source: str | Path | Mapping[str, Array], model: Model | None = None) -> Dataset:
    """Open calibration or evaluation data.

    Args:
        source: Arrays named after the model's inputs, with the samples along their first axis and
            the classes under ``labels`` (optional); a ``.npz`` file of such arrays; a ``.npy``
            file for a model with one input; or a folder of ``.npz`` or of ``.npy`` files, which
            are read in the order of their names and may differ in shape.
        model: The model it is for: names, shapes and dtypes are checked against its inputs.

    Returns:
        The data. Samples are read when they are needed and are never all in memory.

    Raises:
        DataError: If it cannot be read, is empty, or does not fit the model.
    """
    if isinstance(source, Mapping):
        sources = (arrays_source({name: np.asarray(a) for name, a in source.items()}),)
    else:
        path = Path(source)
        sources = tuple(file_source(file) for file in data_files(path))
    check_sources(sources)
    data = Dataset(sources)
    return data if model is None else data.matched(model)


def match_inputs(data: Dataset, inputs: Sequence[TensorInfo]) -> Dataset:
    """Check data against a model's inputs; see :meth:`Dataset.matched`.

    Args:
        data: The data.
        inputs: The inputs.

    Returns:
        The same samples under the names of the inputs.

    Raises:
        DataError: If it does not fit.
    """
    if data.names == ("",):
        if len(inputs) != 1:
            raise DataError(
                f"{data.sources[0].label}: a .npy file feeds one input, but the model has "
                f"{len(inputs)} ({_listed(i.name for i in inputs)}); write a .npz with one array "
                "for each input"
            )
        data = replace(data, renamed={"": inputs[0].name})
    wanted = {info.name: info for info in inputs}
    missing = [name for name in wanted if name not in data.names]
    extra = [name for name in data.names if name not in wanted]
    if missing or extra:
        raise DataError(
            f"{data.sources[0].label}: expected one array for each model input "
            f"({_listed(wanted)}), found {_listed(data.names)}; name the arrays after the inputs"
        )
    stored = {key: name for name, key in data.renamed.items()}
    for info in inputs:
        for source in data.sources:
            refuse_misfit(info, source.headers[stored.get(info.name, info.name)], source.label)
    return data


def _same_shapes(piece: Mapping[str, Array], headers: Mapping[str, Header]) -> bool:
    return all(piece[name].shape[1:] == header.shape[1:] for name, header in headers.items())


def _listed(names: "Iterator[str] | Sequence[str] | Mapping[str, object]") -> str:
    return ", ".join(repr(name) for name in names)
