"""Text with a sample a line: plain, or JSON with texts, token ids or any numbers by name."""

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from quant.data.dataset import Dataset
from quant.data.kinds.base import Asked, Kind
from quant.data.kinds.documents import Documents, Record, data_of
from quant.data.rows import digest_of
from quant.errors import DataError

PLAIN: Final = ".txt"
JSON_LINES: Final = frozenset({".jsonl", ".ndjson"})


def _documents(path: Path) -> Documents:
    """The lines of a file that hold something; each is read from the file when it is needed."""
    places: list[int] = []
    at = 0
    try:
        with path.open("rb") as file:
            for line in file:
                if line.strip():
                    places.append(at)
                at += len(line)
        found = np.array(places, np.int64)
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read ({error.strerror})") from error

    def record(number: int) -> Record:
        with path.open("rb") as file:
            file.seek(int(found[number]))
            return _record(file.readline(), path, number)

    return Documents(path.name, len(found), record, partial(digest_of, (path,)))


def _record(line: bytes, path: Path, number: int) -> Record:
    try:
        text = line.decode().strip()
        if path.suffix == PLAIN:
            return {"text": text}
        value: Any = json.loads(text)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path.name}, line {number + 1} of those with text: it cannot be read ({error}); "
            "write UTF-8, a record a line"
        ) from error
    if not isinstance(value, dict):
        raise DataError(
            f"{path.name}, line {number + 1} of those with text: expected a JSON object such as "
            '{"text": "...", "label": 0}'
        )
    return value  # pyright: ignore[reportUnknownVariableType]


def _read(asked: Asked) -> Dataset:
    return data_of(_documents(asked.path), asked)


LINES: Final = Kind(
    lambda path: path.suffix.lower() in {PLAIN, *JSON_LINES} and path.is_file(), _read
)
