"""Where samples are stored: arrays in memory, or files that are read a few samples at a time."""

import hashlib
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quant.data.npy import Array, Header, Read, open_arrays, read_headers
from quant.errors import DataError

LABELS = "labels"
"""Name of the array that holds each sample's class."""


@dataclass(frozen=True, eq=False)
class DataSource:
    """Samples of equal shapes that are stored together.

    Attributes:
        label: What to call the source in messages.
        length: Number of samples.
        headers: Array name -> shape (axis 0 counts the samples) and dtype.
        open: Opens the source for one pass.
        digest: SHA-256 of the content.
        labels: int64, shape (length,), or None.
    """

    label: str
    length: int
    headers: Mapping[str, Header]
    open: Callable[[], AbstractContextManager[Read]]
    digest: Callable[[], bytes]
    labels: NDArray[np.int64] | None = None


def data_files(path: Path) -> list[Path]:
    """The data files that ``path`` stands for, in the order of their names."""
    try:
        found, folder = path.exists(), path.is_dir()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{str(path)[:100]}: the path cannot be read ({reason})") from error
    if not found:
        raise DataError(f"{path}: there is no such file or folder; check the path")
    if not folder:
        if path.suffix not in {".npz", ".npy"}:
            raise DataError(
                f"{path.name}: expected .npz, .npy, .bin, .txt, .jsonl or .parquet, a picture, a "
                "recording, or a folder of such, found "
                f"{path.suffix or 'a file without a suffix'!r}"
            )
        return [path]
    files = sorted(f for f in path.iterdir() if f.suffix in {".npz", ".npy"} and f.is_file())
    suffixes = {f.suffix for f in files}
    if len(suffixes) != 1:
        found = "both kinds" if suffixes else "neither"
        raise DataError(
            f"{path}: expected a folder of .npz files, of .npy files, of pictures or of other "
            f"data, found {found}; put the data into one kind of file"
        )
    return files


def file_source(
    path: Path, inputs: Collection[str] = (), axes: Mapping[str, int] | None = None
) -> DataSource:
    """The samples of one ``.npz`` or ``.npy`` file.

    Args:
        path: The file.
        inputs: Inputs of the model, where it is known; one called ``labels`` is no class.
        axes: Array name -> the axis that counts its samples, where it is not the first.
    """
    headers = read_headers(path)
    if axes or not all(header.shape for header in headers.values()):
        arrays: dict[str, Array] = {}
        for name, header in headers.items():
            with open_arrays(path, (name,)) as read:
                arrays[name] = read(header.shape[0] if header.shape else 1)[name]
        found = arrays_source(arrays, inputs, axes or {})
        return replace(found, label=path.name, digest=partial(file_digest, path))
    header = None if LABELS in inputs else headers.pop(LABELS, None)
    labels = None
    if header is not None:
        _length({**headers, LABELS: header} if header.shape else headers, None, path.name)
        with open_arrays(path, (LABELS,)) as read:
            labels = _labels(read(header.shape[0] if header.shape else 0)[LABELS], path.name)
    return DataSource(
        label=path.name,
        length=_length(headers, labels, path.name),
        headers=headers,
        open=partial(open_arrays, path, tuple(headers)),
        digest=partial(file_digest, path),
        labels=labels,
    )


def arrays_source(
    arrays: Mapping[str, Array],
    inputs: Collection[str] = (),
    axes: Mapping[str, int] | None = None,
) -> DataSource:
    """The samples of arrays in memory; the others are as for :func:`file_source`."""
    for name, array in arrays.items():
        if array.dtype.kind not in "biufU":
            raise DataError(f"the array {name!r} holds {array.dtype}, expected numbers or strings")
    moved = axes or {}
    arrays = {n: np.moveaxis(a, moved[n], 0) if n in moved else a for n, a in arrays.items()}
    length = next((len(array) for array in arrays.values() if array.ndim), 1)
    arrays = {n: a if a.ndim else np.repeat(a, length) for n, a in arrays.items()}
    found = None if LABELS in inputs else arrays.pop(LABELS, None)
    labels = None if found is None else _labels(found, "the data")
    headers = {name: Header(a.shape, a.dtype) for name, a in arrays.items()}

    @contextmanager
    def opened() -> Generator[Read]:
        position = 0

        def read(count: int) -> dict[str, Array]:
            nonlocal position
            position += count
            return {
                name: a[position - count : position].astype(a.dtype.newbyteorder("="), copy=False)
                for name, a in arrays.items()
            }

        yield read

    def digest() -> bytes:
        sha = hashlib.sha256()
        for name, array in (*arrays.items(), *([(LABELS, labels)] if labels is not None else [])):
            sha.update(f"{name}:{array.dtype.str}:{array.shape}:".encode())
            sha.update(np.ascontiguousarray(array).data)
        return sha.digest()

    return DataSource(
        "the data", _length(headers, labels, "the data"), headers, opened, digest, labels
    )


def _length(headers: Mapping[str, Header], labels: NDArray[np.int64] | None, label: str) -> int:
    """The number of samples, which all arrays must agree on."""
    if not headers:
        raise DataError(f"{label}: expected arrays named after the model's inputs, found none")
    lengths = {name: header.shape[0] for name, header in headers.items()}
    if labels is not None:
        lengths[LABELS] = labels.shape[0]
    if len(set(lengths.values())) != 1:
        counts = ", ".join(f"{name}: {count}" for name, count in lengths.items())
        raise DataError(
            f"{label}: every array must hold as many samples, found {counts} along the first axis; "
            "where another axis counts them, say so with --batch-axis NAME=AXIS"
        )
    return next(iter(lengths.values()))


def _labels(array: Array, label: str) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise DataError(
            f"{label}: labels must be one integer for each sample, found {array.dtype} of shape "
            f"{array.shape}"
        )
    return array.astype(np.int64)


def check_sources(sources: tuple[DataSource, ...]) -> None:
    """Files of one set hold the same arrays, of equal rank and type, and at least one sample."""
    first = sources[0]
    for source in sources:
        same = set(source.headers) == set(first.headers) and all(
            len(header.shape) == len(first.headers[name].shape)
            and header.dtype.newbyteorder("=") == first.headers[name].dtype.newbyteorder("=")
            for name, header in source.headers.items()
        )
        if not same:
            raise DataError(
                f"{source.label}: expected the same arrays, ranks and dtypes as in {first.label}; "
                "keep different data in different folders"
            )
        if (source.labels is None) != (first.labels is None):
            raise DataError(
                f"{source.label}: some files of the folder have labels and some do not; give all "
                "or none"
            )
    if not sum(source.length for source in sources):
        raise DataError(f"{first.label}: there is no sample in it; add at least one")


def file_digest(path: Path) -> bytes:
    """SHA-256 of the content of a file.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read ({error.strerror})") from error
