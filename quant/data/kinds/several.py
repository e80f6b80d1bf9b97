"""Inputs that are fed from different places: ``NAME:PATH,NAME:PATH``, as MindSpore Lite has it."""

import hashlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np

from quant.data.dataset import Dataset
from quant.data.npy import Array, Header, Read
from quant.data.sources import DataSource
from quant.errors import DataError
from quant.io.show import counted


def places_of(text: str, inputs: Sequence[str]) -> Mapping[str, Path]:
    """Input -> where its data is, of text that says it; nothing where it is a plain path.

    Args:
        text: What the user gave.
        inputs: The model's inputs; their names may have colons.
    """
    found: dict[str, Path] = {}
    for part in text.split(","):
        name = next((n for n in inputs if part.strip().startswith(f"{n}:")), None)
        if name is None:
            return {}
        found[name] = Path(part.strip()[len(name) + 1 :]).expanduser()
    return found


def together(parts: Mapping[str, Dataset]) -> Dataset:
    """Data whose inputs come from different places, sample by sample.

    Args:
        parts: Input -> the data that feeds it.

    Raises:
        DataError: If they do not have as many samples, or samples of one differ in shape.
    """
    lengths = {name: len(data) for name, data in parts.items()}
    if len(set(lengths.values())) != 1:
        counts = ", ".join(f"{name}: {counted(n, 'sample')}" for name, n in lengths.items())
        raise DataError(f"every input needs as many samples, found {counts}")
    headers = {name: _header(name, data) for name, data in parts.items()}

    @contextmanager
    def opened() -> Generator[Read]:
        with ExitStack() as stack:
            streams = {n: stack.enter_context(closing(_stream(d))) for n, d in parts.items()}

            def read(count: int) -> dict[str, Array]:
                rows = {name: [next(s) for _ in range(count)] for name, s in streams.items()}
                return {
                    name: np.concatenate(found)
                    if found
                    else np.zeros((0, *headers[name].shape[1:]), headers[name].dtype)
                    for name, found in rows.items()
                }

            yield read

    def digest() -> bytes:
        said = "".join(f"{name}:{data.digest}" for name, data in parts.items())
        return hashlib.sha256(said.encode()).digest()

    labelled = next((data for data in parts.values() if data.labels is not None), None)
    pictured = next((data for data in parts.values() if data.preprocessing is not None), None)
    source = DataSource(
        label=", ".join(parts),
        length=next(iter(lengths.values())),
        headers=headers,
        open=opened,
        digest=digest,
        labels=None if labelled is None else labelled.labels,
    )
    return Dataset(
        (source,),
        notes=tuple(note for data in parts.values() for note in data.notes),
        preprocessing=None if pictured is None else pictured.preprocessing,
        classes=() if labelled is None else labelled.classes,
    )


def _header(name: str, data: Dataset) -> Header:
    """The one array of some data."""
    found = [next(iter(source.headers.values())) for source in data.sources]
    if len({header.shape[1:] for header in found}) != 1:
        raise DataError(
            f"{name}: its samples differ in shape, and come from another place than those of other "
            "inputs; write .npz files with an array for each input"
        )
    return Header((len(data), *found[0].shape[1:]), found[0].dtype)


def _stream(data: Dataset) -> Generator[Array]:
    """The samples of the one array, each with an axis of size 1."""
    for source in data.sources:
        with source.open() as read:
            for _ in range(source.length):
                (array,) = read(1).values()
                yield array
