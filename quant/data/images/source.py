"""Pictures as a source of samples: decoded when they are read, the first ones kept."""

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np

from quant.data.images.folder import ImageFolder
from quant.data.images.preprocessing import Preprocessing
from quant.data.images.reading import read_picture
from quant.data.npy import Array, Header, Read
from quant.data.sources import DataSource
from quant.errors import DataError
from quant.io.codec import to_json
from quant.io.show import counted

KEPT_BYTES: Final = 256 << 20
"""Samples that are kept, because most data is gone through many times; the rest is read anew."""


@dataclass(eq=False)
class _Samples:
    """The samples of some pictures, some of them kept."""

    files: tuple[Path, ...]
    preprocessing: Preprocessing
    kept: dict[int, Array] = field(default_factory=dict[int, Array])
    bytes: int = 0
    lock: Lock = field(default_factory=Lock)

    def __getitem__(self, place: int) -> Array:
        found = self.kept.get(place)
        if found is None:
            found = self.preprocessing.sample(read_picture(self.files[place]))
            with self.lock:
                if self.bytes + found.nbytes <= KEPT_BYTES and place not in self.kept:
                    self.kept[place] = found
                    self.bytes += found.nbytes
        return found


def image_source(folder: ImageFolder, preprocessing: Preprocessing) -> DataSource:
    """The pictures of a folder as samples for a model with one input.

    Args:
        folder: The pictures.
        preprocessing: How each becomes a sample.

    Returns:
        The source; its one array has no name.

    Raises:
        DataError: If there is no picture.
    """
    if not folder.files:
        raise DataError(f"{folder.root}: there is no picture in it; add at least one")
    samples = _Samples(folder.files, preprocessing)
    dtype = np.dtype(preprocessing.dtype)
    shape = preprocessing.shape

    @contextmanager
    def opened() -> Generator[Read]:
        position = 0

        def read(count: int) -> dict[str, Array]:
            nonlocal position
            found = [samples[place] for place in range(position, position + count)]
            position += count
            return {"": np.stack(found) if found else np.zeros((0, *shape), dtype)}

        yield read

    def digest() -> bytes:
        sha = hashlib.sha256(json.dumps(to_json(preprocessing), sort_keys=True).encode())
        for file in folder.files:
            try:
                with file.open("rb") as content:
                    sha.update(hashlib.file_digest(content, "sha256").digest())
            except OSError as error:
                raise DataError(f"{file}: the file cannot be read ({error.strerror})") from error
        if folder.labels is not None:
            sha.update(folder.labels.tobytes())
        return sha.digest()

    return DataSource(
        label=folder.root.name or str(folder.root),
        length=len(folder.files),
        headers={"": Header((len(folder.files), *shape), dtype)},
        open=opened,
        digest=digest,
        labels=folder.labels,
    )


def without_damaged(folder: ImageFolder) -> ImageFolder:
    """The pictures that can be read, and a note that names the others.

    Every picture is decoded once for that.
    """
    lost: dict[int, str] = {}
    for place, file in enumerate(folder.files):
        try:
            read_picture(file)
        except DataError as error:
            lost[place] = str(error)
    if not lost:
        return folder
    keep = [place for place in range(len(folder.files)) if place not in lost]
    note = f"{counted(len(lost), 'picture')} left out: {next(iter(lost.values()))}"
    return replace(
        folder,
        files=tuple(folder.files[place] for place in keep),
        labels=None if folder.labels is None else folder.labels[keep],
        notes=(*folder.notes, note),
    )
