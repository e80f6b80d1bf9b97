"""A metric from the user's own Python file, which is run because he names it."""

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib.abc import SourceLoader
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.base import MetricError, Outputs, WholeMetric

LONGEST: Final = 1_000_000
"""Bytes that a metric's file may have."""


@dataclass(frozen=True, eq=False)
class FileMetric(WholeMetric):
    """The function ``metric`` of a Python file.

    Attributes:
        name: The file's name without its ending.
        key: Identifies the file's content.
        label: Its ``label``, or the name.
        unit: Its ``unit``, or nothing.
        higher_is_better: Its ``higher_is_better``.
        path: The file.
        function: Its ``metric``.
        needs_labels: No: the function is given what labels there are, or None.
    """

    name: str
    key: str
    label: str
    unit: str
    higher_is_better: bool
    path: Path
    function: Callable[[Outputs, NDArray[np.int64] | None], Any]
    needs_labels: bool = False

    def __call__(self, outputs: Outputs, labels: NDArray[np.int64] | None) -> float:
        """What the function says of the outputs."""
        try:
            value = self.function(outputs, labels)
        except (Exception, SystemExit) as error:
            raise MetricError(
                f"{self.path}: metric(outputs, labels) raised {_said(error, self.path)}; "
                "correct the function"
            ) from error
        number = _number(value)
        if number is None:
            raise MetricError(
                f"{self.path}: metric(outputs, labels) must return a finite number, found "
                f"{_short(value)}; correct the function"
            )
        return number


@dataclass(frozen=True)
class MetricFile:
    """A Python file as it was read. Nothing of it has been run.

    Attributes:
        path: Where it was read.
        content: What it holds.
    """

    path: Path
    content: bytes

    @classmethod
    def read(cls, path: str | Path) -> "MetricFile":
        """Read a file.

        Raises:
            MetricError: If it cannot be read, is no file, or is longer than 1 MB.
        """
        file = Path(path)
        try:
            if file.exists() and not file.is_file():
                raise MetricError(
                    f"{file}: expected a Python file with a metric, found a folder or a device; "
                    "check the path"
                )
            with file.open("rb") as opened:
                content = opened.read(LONGEST + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise MetricError(
                f"{file}: expected a Python file with a metric, and it cannot be read "
                f"({reason[:1].lower()}{reason[1:]}); check the path"
            ) from error
        if len(content) > LONGEST:
            raise MetricError(
                f"{file}: expected a Python file with a metric, found one of more than "
                f"{LONGEST:,} bytes; check the path"
            )
        return cls(file, content)

    @property
    def digest(self) -> str:
        """SHA-256 of the content, as hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()

    def run(self) -> FileMetric:
        """Run what was read and take its metric, whatever the file holds by now.

        Raises:
            MetricError: If it cannot be run, or lacks something.
        """
        module = _run(self.path, self.content, f"quantlens_metric_{self.digest[:16]}")
        function = getattr(module, "metric", None)
        if not callable(function):
            raise MetricError(
                f"{self.path}: expected a function metric(outputs, labels), found "
                f"{'none' if function is None else _short(function)}; define it"
            )
        better = getattr(module, "higher_is_better", None)
        if not isinstance(better, bool):
            raise MetricError(
                f"{self.path}: expected higher_is_better = True or False, found "
                f"{'none' if better is None else _short(better)}; add the line"
            )
        return FileMetric(
            name=self.path.stem,
            key=f"file:{self.digest}",
            label=str(getattr(module, "label", self.path.stem)),
            unit=str(getattr(module, "unit", "")),
            higher_is_better=better,
            path=self.path,
            function=function,
        )


def metric_from_file(path: str | Path) -> FileMetric:
    """Run a Python file and take its metric.

    The file has a function ``metric(outputs, labels) -> float`` and ``higher_is_better = True`` or
    ``False``; ``label`` and ``unit`` are optional. ``outputs`` maps each output's name to its
    values for all samples (axis 0), ``labels`` is the data's int64 array or None.

    Args:
        path: The file. It is the user's own code and runs with his rights.

    Returns:
        The metric.

    Raises:
        MetricError: If the file cannot be read or run, or lacks something.
    """
    return MetricFile.read(path).run()


class _Source(SourceLoader):
    """Loads the content that was read; nothing is cached beside the user's file."""

    def __init__(self, name: str, path: Path, content: bytes) -> None:
        self._name, self._path, self._content = name, path, content

    def get_filename(self, fullname: str) -> str:
        if fullname != self._name:
            raise ImportError(fullname)
        return str(self._path)

    def get_data(self, path: str) -> bytes:
        return self._content if path == str(self._path) else Path(path).read_bytes()


def _run(file: Path, content: bytes, name: str) -> ModuleType:
    loader = _Source(name, file, content)
    spec = importlib.util.spec_from_loader(name, loader, origin=str(file))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise MetricError(
            f"{file}: expected a Python file with a metric, and running it raised "
            f"{_said(error, file)}; correct the file"
        ) from error
    return module


def _said(error: BaseException, file: Path) -> str:
    """The error in a few words, with the last line of the file that it came through."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    if isinstance(error, SyntaxError) and error.lineno:
        lines = [error.lineno]
    place = f" in line {lines[-1]}" if lines else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' + text[:200] if text else ''}{place}"


def _number(value: object) -> float | None:
    """The value as a finite number, or None."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    if array.ndim or array.dtype.kind not in "biuf" or not np.isfinite(array):
        return None
    return float(array)


def _short(value: object) -> str:
    return " ".join(repr(value).split())[:80]
