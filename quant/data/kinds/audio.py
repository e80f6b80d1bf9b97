"""A folder of recordings in ``.wav`` files, classes in sub-folders, as rows of levels."""

from functools import partial
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from quant.data.dataset import Dataset
from quant.data.kinds.base import Asked, Kind
from quant.data.kinds.libraries import library
from quant.data.labelled_folder import FileKind, holds, labelled_folder
from quant.data.npy import Header
from quant.data.rows import Row, digest_of, rows_source
from quant.errors import DataError
from quant.types import ONNX_DTYPES, TensorInfo

RECORDINGS: Final = FileKind("recording", frozenset({".wav", ".flac"}))
MOST_FRAMES: Final = 100_000_000
"""Levels of a recording, at most."""

Levels = NDArray[np.float32]


def _levels(path: Path, rate: int) -> Levels:
    """A recording as one channel of levels from -1 to 1 at a rate."""
    soundfile = library("soundfile", "recordings", "audio")
    try:
        levels, own = soundfile.read(path, dtype="float32", always_2d=True, frames=MOST_FRAMES)
    except (OSError, soundfile.SoundFileError) as error:
        raise DataError(f"{path.name}: the recording cannot be read ({error})") from error
    mono = cast("Levels", levels.mean(axis=1, dtype=np.float32))
    if own == rate:
        return mono
    soxr = library("soxr", "recordings of another rate", "audio")
    return cast("Levels", soxr.resample(mono, own, rate))


def _axis(shape: tuple[int | str | None, ...]) -> int:
    """The axis that counts levels: the last, or the one before a last one of one channel."""
    return -2 if len(shape) > 2 and shape[-1] == 1 else -1


def _frames(info: TensorInfo) -> int | None:
    """How many levels an input takes, where it says."""
    size = None if not info.shape else info.shape[_axis(info.shape)]
    return size if isinstance(size, int) else None


def _read(asked: Asked) -> Dataset:
    info = asked.only_input("recordings") if asked.inputs else None
    if info is not None and np.dtype(ONNX_DTYPES.get(info.dtype, "bool")).kind not in "fi":
        raise DataError(
            f"input {info.name!r} takes {info.dtype.lower()}, expected numbers for recordings"
        )
    folder = labelled_folder(asked.path, RECORDINGS)
    soundfile = library("soundfile", "recordings", "audio")
    try:
        found = [soundfile.info(str(file)) for file in folder.files]
    except (OSError, soundfile.SoundFileError) as error:
        raise DataError(f"{folder.root}: a recording cannot be read ({error})") from error
    rates = sorted({int(item.samplerate) for item in found})
    rate = asked.reading.audio_rate or rates[-1]
    seconds = asked.reading.audio_seconds
    longest = max(round(item.frames * rate / item.samplerate) for item in found)
    length = round(seconds * rate) if seconds else (info and _frames(info)) or longest
    shape = _shape(info, length)
    dtype = np.dtype("float32" if info is None else ONNX_DTYPES[info.dtype])

    def row(at: int) -> Row:
        levels = _levels(folder.files[at], rate)[:length]
        levels = np.pad(levels, (0, length - len(levels)))
        if dtype.kind == "i":
            most = np.iinfo(dtype).max
            levels = np.clip(np.rint(levels.astype(np.float64) * (most + 1)), -most - 1, most)
        return {"": levels.astype(dtype).reshape(shape)}

    said = f"Recordings are fed as {length:,} levels at {rate:,} Hz, {length / rate:.3g} s"
    resampled = ", resampled" if rates != [rate] else ""
    source = rows_source(
        folder.root.name or str(folder.root),
        {"": Header((len(folder.files), *shape), dtype)},
        row,
        partial(digest_of, folder.files, f"{rate}/{length}/{dtype}/{shape}"),
        folder.labels,
    )
    notes = (*folder.notes, f"{said}{resampled}, channels averaged.")
    return Dataset((source,), notes=notes, classes=folder.classes)


def _shape(info: TensorInfo | None, length: int) -> tuple[int, ...]:
    """The shape of a sample: what the input has beside samples and levels is 1."""
    if info is None or info.shape is None or len(info.shape) < 2:
        return (length,)
    found: list[int] = [size if isinstance(size, int) else 1 for size in info.shape]
    found[0] = found[_axis(info.shape)] = 1
    if any(size != 1 for size in found):
        raise DataError(
            f"input {info.name!r} takes shape {tuple(d or 'any' for d in info.shape)}, expected "
            "one axis of levels and one channel; give a .npz of arrays instead"
        )
    found[_axis(info.shape)] = length
    return tuple(found[1:])


AUDIO: Final = Kind(lambda path: holds(path, RECORDINGS), _read)
