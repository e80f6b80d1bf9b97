"""Tables in Parquet or Arrow files: by themselves, or as a saved Hugging Face dataset."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from quant.data.dataset import Dataset
from quant.data.kinds.base import Asked, Kind
from quant.data.kinds.documents import Documents, Record, data_of
from quant.data.rows import digest_of
from quant.errors import DataError

SUFFIXES: Final = frozenset({".parquet", ".arrow"})


def _files(path: Path) -> list[Path]:
    """The table files that a path stands for, in the order of their names."""
    if path.is_file():
        return [path] if path.suffix in SUFFIXES else []
    if not path.is_dir():
        return []
    inside = [path, *(folder for folder in sorted(path.iterdir()) if folder.is_dir())]
    for folder in inside:
        files = [file for file in sorted(folder.iterdir()) if file.suffix in SUFFIXES]
        if files:
            return files
    return []


@dataclass(frozen=True)
class _Piece:
    """Rows of a file that are read together."""

    rows: int
    read: Callable[[], Any]


def _read(asked: Asked) -> Dataset:
    files = _files(asked.path)
    pieces = [piece for file in files for piece in _pieces(file)]
    ends = list(accumulate(piece.rows for piece in pieces))

    # One group of rows is kept, because records are mostly read in order.
    @lru_cache(maxsize=1)
    def load(place: int) -> Any:
        return pieces[place].read()

    def record(number: int) -> Record:
        at = bisect_right(ends, number)
        inside = number - (ends[at - 1] if at else 0)
        row: Mapping[str, Any] = load(at).slice(inside, 1).to_pylist()[0]
        return row

    total = ends[-1] if ends else 0
    return data_of(Documents(asked.path.name, total, record, partial(digest_of, files)), asked)


def _pieces(file: Path) -> list[_Piece]:
    """The groups of rows of a file; they stay on the disk until they are looked at."""
    # Slow to load, and most data is no table.
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    try:
        if file.suffix == ".parquet":
            table = pq.ParquetFile(file)
            return [
                _Piece(table.metadata.row_group(at).num_rows, partial(table.read_row_group, at))
                for at in range(table.num_row_groups)
            ]
        source = pa.memory_map(str(file))
        try:
            batches = pa.ipc.open_stream(source).read_all().to_batches()
        except pa.ArrowInvalid:
            batches = pa.ipc.open_file(source).read_all().to_batches()
        return [_Piece(batch.num_rows, partial(_itself, batch)) for batch in batches]
    except (OSError, pa.ArrowException) as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise DataError(f"{file.name}: the table cannot be read ({reason})") from error


def _itself(batch: Any) -> Any:
    return batch


TABLES: Final = Kind(lambda path: bool(_files(path)), _read)
