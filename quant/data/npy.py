"""Read ``.npy`` and ``.npz`` files a few samples at a time, without trusting them.

NumPy's own loader reads a whole array of a ``.npz`` at once, and a header may claim any size. Here
each array is a stream: its header is checked against the bytes that are really there, and then
samples are read one after the other. Nothing is ever unpickled.
"""

import math
import zipfile
from collections.abc import Callable, Collection, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from quant.errors import DataError

Array = NDArray[np.generic]
Read = Callable[[int], dict[str, Array]]
"""Reads the next n samples of every array: name -> array whose axis 0 has n entries."""

MAX_SAMPLE_BYTES = 1 << 30
"""One sample of one input may take this many bytes."""

_MAX_DEFLATE_RATIO = 1040
_PIECE = 1 << 20
_MAX_HEADER_BYTES = 1 << 16

_LARGE_BYTES = 64 << 20
_MAX_LARGE_RATIO = 200
"""Real samples do not pack like this; what does would fill the memory from a file of a few MB."""


class ArrayError(DataError):
    """An array of a file cannot be read.

    Attributes:
        array: Its name, or empty where the file itself cannot be read or holds one array only.
    """

    def __init__(self, message: str, array: str) -> None:
        """Say what is wrong with which array."""
        super().__init__(message)
        self.array = array


@dataclass(frozen=True)
class Header:
    """What a stored array says of itself.

    Attributes:
        shape: Its shape; axis 0 counts the samples.
        dtype: Its element type as stored.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


def read_headers(path: Path) -> dict[str, Header]:
    """The headers of all arrays of a ``.npz``, or of the one array of a ``.npy``, called "".

    Args:
        path: The file.

    Returns:
        Array name -> header, checked against the size of the file.

    Raises:
        DataError: If the file cannot be read, is damaged, or holds what is not a plain array.
    """
    headers: dict[str, Header] = {}
    with _streams(path, None) as streams:
        for key, (file, available, ratio) in streams.items():
            with _sentence(path, key):
                header = headers[key] = _read_header(file)
                _check(header, available, file.tell(), ratio)
    return headers


@contextmanager
def open_arrays(path: Path, names: Collection[str]) -> Generator[Read]:
    """Open a file for one pass over its samples.

    Args:
        path: A ``.npz`` or ``.npy`` file.
        names: The arrays of a ``.npz`` to read; a ``.npy`` has only one, called "".

    Yields:
        A function that reads the next n samples of every array.

    Raises:
        DataError: If the file is damaged or cut short.
    """
    with _streams(path, names) as streams:
        headers: dict[str, Header] = {}
        for key, (file, _, _) in streams.items():
            with _sentence(path, key):
                headers[key] = _read_header(file)

        def read(count: int) -> dict[str, Array]:
            result: dict[str, Array] = {}
            for key, (file, _, _) in streams.items():
                with _sentence(path, key):
                    result[key] = _read_samples(file, headers[key], count)
            return result

        yield read


@contextmanager
def _streams(
    path: Path, names: Collection[str] | None
) -> Generator[dict[str, tuple[IO[bytes], int, int]]]:
    """Array name -> (open stream, bytes stored there, how far they may unpack)."""
    with ExitStack() as stack:
        streams: dict[str, tuple[IO[bytes], int, int]] = {}
        with _sentence(path):
            if path.suffix == ".npy":
                streams[""] = (stack.enter_context(path.open("rb")), path.stat().st_size, 1)
            else:
                archive = stack.enter_context(zipfile.ZipFile(path))
                for info in archive.infolist():
                    key = info.filename.removesuffix(".npy")
                    if key == info.filename or (names is not None and key not in names):
                        continue
                    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                        raise ValueError("it is packed by a method NumPy does not use")
                    ratio = 1 if info.compress_type == zipfile.ZIP_STORED else _MAX_DEFLATE_RATIO
                    with _sentence(path, key):
                        stream = stack.enter_context(archive.open(info))
                    size = min(info.compress_size, path.stat().st_size)
                    streams[key] = (stream, size, ratio)
        yield streams


@contextmanager
def _sentence(path: Path, array: str = "") -> Generator[None]:
    """Turn whatever a damaged file makes a reader raise into one sentence."""
    subject = f"{path.name}: the array {array!r}" if array else path.name
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{subject}: there is no such file; check the path") from None
    except DataError:
        raise
    except Exception as error:  # damaged bytes raise whatever a library forgot to catch
        reason = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise ArrayError(
            f"{subject}: expected data as numpy.save or numpy.savez write it, found a file that "
            f"cannot be read ({reason}); write it again",
            array,
        ) from error


def _read_header(file: IO[bytes]) -> Header:
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"format version {version[0]}.{version[1]}")
    length = file.read(2 if version == (1, 0) else 4)
    size = int.from_bytes(length, "little")
    if size > _MAX_HEADER_BYTES:
        raise ValueError(f"a header of {size:,} bytes")
    shape, fortran, dtype = readers[version](BytesIO(length + file.read(size)))
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    if dtype.kind not in "biufU":
        raise ValueError(f"it holds {dtype}, neither numbers nor strings")
    if fortran and len(shape) > 1:
        raise ValueError("its samples are interleaved; save numpy.ascontiguousarray(x)")
    if any(isinstance(size, bool) or size < 0 for size in shape):
        raise ValueError(f"shape {shape}")
    return Header(shape, dtype)


def _check(header: Header, stored: int, header_bytes: int, ratio: int) -> None:
    """Refuse a header that claims more than the file can hold."""
    claimed = math.prod(header.shape) * header.dtype.itemsize + header_bytes
    if claimed > stored * ratio:
        raise ValueError(f"its header claims {claimed:,} bytes, the file holds {stored:,}")
    if claimed > max(_LARGE_BYTES, _MAX_LARGE_RATIO * stored):
        raise ValueError(
            f"{stored:,} bytes unpack to {claimed:,}, more than {_MAX_LARGE_RATIO} times as many; "
            "save it with numpy.savez"
        )
    if header.sample_bytes > MAX_SAMPLE_BYTES:
        raise ValueError(
            f"one sample takes {header.sample_bytes:,} bytes, more than {MAX_SAMPLE_BYTES:,}"
        )


def _read_samples(file: IO[bytes], header: Header, count: int) -> Array:
    """The next ``count`` samples, in the machine's byte order."""
    samples = np.empty((count, *header.shape[1:]) if header.shape else (), header.dtype)
    view = samples.reshape(-1).view(np.uint8).data
    while view:
        piece = file.read(min(len(view), _PIECE))
        if not piece:
            raise ValueError("it is cut short")
        view[: len(piece)] = piece
        view = view[len(piece) :]
    return samples.astype(header.dtype.newbyteorder("="), copy=False)
