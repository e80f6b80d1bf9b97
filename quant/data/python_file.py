"""Samples that a Python file makes: ``def samples()`` yields a mapping of arrays for each.

The file is the user's own program and runs as such, so only the command line opens one.
"""

import hashlib
import runpy
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from quant.data.dataset import Dataset
from quant.data.npy import Array, Header, Read
from quant.data.sources import LABELS, DataSource
from quant.errors import DataError
from quant.io.show import counted

FUNCTION: Final = "samples"

Made = Callable[[], Iterator[Mapping[str, Any]]]


def open_python(path: Path) -> Dataset:
    """Run a Python file and take the samples that its ``samples()`` yields.

    They are made anew for each pass and never held together; the first pass counts them.

    Args:
        path: The file. A sample is a mapping from input to array, without the axis that counts
            samples, and may have a whole number under ``labels``.

    Raises:
        DataError: If it fails, has no such function, or yields something else.
    """
    made = _function(path)
    sha = hashlib.sha256()
    headers: dict[str, Header] = {}
    labels: list[int] = []
    count = 0
    for sample in _samples(made, path):
        label = sample.pop(LABELS, None)
        found = {name: Header((0, *a.shape), a.dtype) for name, a in sample.items()}
        headers = headers or found
        if found != headers:
            raise DataError(
                f"{path.name}: sample {count + 1}: expected the arrays, shapes and types of the "
                "first one; yield samples of one kind"
            )
        if label is not None:
            labels.append(int(label))
        for name, array in sample.items():
            sha.update(f"{name}:{array.dtype.str}:{array.shape}:".encode())
            sha.update(np.ascontiguousarray(array).data)
        count += 1
    if not count:
        raise DataError(f"{path.name}: {FUNCTION}() yields no sample; yield at least one")
    if labels and len(labels) != count:
        raise DataError(
            f"{path.name}: {counted(len(labels), 'sample')} of {count:,} have labels; give all or "
            "none"
        )
    content = sha.digest() + np.array(labels, np.int64).tobytes()

    @contextmanager
    def opened() -> Generator[Read]:
        running = _samples(made, path)

        def read(wanted: int) -> dict[str, Array]:
            rows: list[dict[str, Array]] = []
            for _ in range(wanted):
                sample = next(running, None)
                if sample is None:
                    raise DataError(
                        f"{path.name}: {FUNCTION}() yielded {count:,} samples at first and fewer "
                        "now; make it yield the same each time"
                    )
                rows.append(sample)
            return {
                name: np.stack([row[name] for row in rows])
                if rows
                else np.zeros(header.shape, header.dtype)
                for name, header in headers.items()
            }

        yield read

    source = DataSource(
        label=path.name,
        length=count,
        headers={n: Header((count, *h.shape[1:]), h.dtype) for n, h in headers.items()},
        open=opened,
        digest=lambda: hashlib.sha256(content).digest(),
        labels=np.array(labels, np.int64) if labels else None,
    )
    return Dataset((source,))


def _function(path: Path) -> Made:
    try:
        found = runpy.run_path(str(path)).get(FUNCTION)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # it may even leave the program
        raise _failed(path, error) from error
    if not callable(found):
        raise DataError(
            f"{path.name}: expected a function {FUNCTION}() that yields a mapping of arrays for "
            "each sample, found none; write one"
        )
    return cast("Made", found)


def _samples(made: Made, path: Path) -> Iterator[dict[str, Array]]:
    try:
        for sample in made():
            yield {str(name): np.asarray(array) for name, array in dict(sample).items()}
    except (KeyboardInterrupt, MemoryError, GeneratorExit):
        raise
    except Exception as error:
        raise _failed(path, error) from error


def _failed(path: Path, error: BaseException) -> DataError:
    reason = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
    return DataError(
        f"{path.name}: it failed ({type(error).__name__}: {reason}); run it by itself to see where"
    )
