"""Files of JSON lines that grow while work goes on, each line with a checksum of its own."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from quant.errors import DataError, ExportError
from quant.io.atomic import write_file

_SUM: Final = "sum"


def write_lines(path: Path, documents: Iterable[Mapping[str, Any]]) -> None:
    """Write a file anew, whole or not at all.

    Args:
        path: The file.
        documents: What each line holds: JSON values by name, numbers finite.

    Raises:
        ExportError: If it cannot be written.
    """
    write_file(path, b"".join(map(_line, documents)))


def append_line(path: Path, document: Mapping[str, Any]) -> None:
    """Add a line, which the death of this process cannot take back when this returns.

    Nothing waits for the disk: a machine that loses power may lose the last lines, never part of
    the others.

    Args:
        path: The file; it is made where there is none.
        document: What the line holds: JSON values by name, numbers finite.

    Raises:
        ExportError: If it cannot be written.
    """
    line = _line(document)
    try:
        with path.open("ab") as file:
            file.write(line)
    except OSError as error:
        raise ExportError(
            f"{path}: the results so far cannot be written ({error.strerror}); make room or check "
            "its permissions and run the command again"
        ) from error


def read_lines(path: Path, what: str) -> list[dict[str, Any]]:
    """Read the lines that were written to their end; a last one that was cut short is dropped.

    Args:
        path: The file.
        what: What it is, for the sentence: "the state of an analysis".

    Returns:
        What each line holds; nothing where there is no file. Of a file that begins without a
        checksum, as those of version 0.1 do, the first line alone.

    Raises:
        DataError: If the file cannot be read, or a line is not as it was written.
    """
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: expected {what}, found no file; choose another folder")
        text = path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"{path}: {what} cannot be read ({reason}); check its permissions or choose "
            "another folder"
        ) from error
    return list(_read(path, what, text.split("\n")[:-1]))


def _read(path: Path, what: str, lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    for at, line in enumerate(lines, 1):
        document: dict[str, Any] = {}
        try:
            document = dict(cast("dict[str, Any]", json.loads(line)))
            whole = document.pop(_SUM, None) == _sum(document)
        except (ValueError, TypeError, RecursionError) as error:
            if at == 1:
                raise DataError(
                    f"{path}: expected {what}, found something else; choose another folder"
                ) from error
            whole = False
        if at == 1 and not whole and f'"{_SUM}"' not in line:
            yield document
            return
        if not whole:
            raise DataError(
                f"{path}: line {at} is not as it was written; delete that line to measure again "
                "what it held, or the file to start anew"
            )
        yield document


def _line(document: Mapping[str, Any]) -> bytes:
    return f"{json.dumps({**document, _SUM: _sum(document)}, allow_nan=False)}\n".encode()


def _sum(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
