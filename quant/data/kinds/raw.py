"""Files of nothing but numbers, as their input has them: MindSpore Lite's ``.bin``."""

import math
from bisect import bisect_right
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Final

import numpy as np

from quant.data.dataset import Dataset
from quant.data.kinds.base import Asked, Kind
from quant.data.npy import Header
from quant.data.rows import Row, digest_of, rows_source
from quant.errors import DataError
from quant.types import ONNX_DTYPES

SUFFIXES: Final = frozenset({".bin", ".raw"})


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix.lower() in SUFFIXES else []
    if not path.is_dir():
        return []
    return sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)


def _read(asked: Asked) -> Dataset:
    asked.needed_model("a file of numbers alone says neither type nor shape")
    info = asked.only_input("files of numbers alone")
    files = _files(asked.path)
    name = ONNX_DTYPES.get(info.dtype)
    inner = None if info.shape is None else info.shape[1:]
    if name is None or inner is None or not all(isinstance(size, int) for size in inner):
        raise DataError(
            f"input {info.name!r} takes {info.dtype.lower()} of shape "
            f"{tuple(d or 'any' for d in info.shape or ())}, so {files[0].name} does not tell its "
            "shape; give a .npz of arrays instead"
        )
    dtype, shape = np.dtype(name), tuple(int(size) for size in inner if isinstance(size, int))
    size = dtype.itemsize * math.prod(shape)
    ends = list(accumulate(_count(file, size, f"{dtype} of shape {shape}") for file in files))

    def row(at: int) -> Row:
        place = bisect_right(ends, at)
        inside = at - (ends[place - 1] if place else 0)
        count = math.prod(shape)
        values = np.fromfile(files[place], dtype, count, offset=inside * size)
        if len(values) != count:
            raise DataError(f"{files[place].name}: the file became shorter; open it again")
        return {"": values.reshape(shape)}

    digest = partial(digest_of, files, f"{dtype}/{shape}")
    label = asked.path.name or str(asked.path)
    header = Header((ends[-1], *shape), dtype)
    return Dataset((rows_source(label, {"": header}, row, digest),))


def _count(path: Path, sample: int, what: str) -> int:
    """How many samples of so many bytes a file holds."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read ({error.strerror})") from error
    if not size or size % sample:
        raise DataError(
            f"{path.name}: expected samples of {sample:,} bytes ({what}), found {size:,} bytes; "
            "write the raw values of whole samples"
        )
    return size // sample


RAW: Final = Kind(lambda path: bool(_files(path)), _read)
