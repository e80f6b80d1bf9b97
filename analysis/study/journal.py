"""What a long analysis knows already, on disk as soon as it is known."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from analysis.study.keys import Part, Result, StudyKey
from analysis.study.store import MemoryStore, Store
from analysis.study.sweeping import EFFECTS
from analysis.sweep.unit_effects import Kind, UnitEffect
from quant.errors import DataError
from quant.io.codec import from_json, to_json
from quant.io.lines import append_line, read_lines, write_lines

VERSION = 2

T = TypeVar("T")


class Journal:
    """A store that keeps the effects of units in a file, and everything else in memory.

    The file has one line for each effect, behind a line that says what they are of. A line is
    written and synced at once. One that a crash cut short is dropped when the file is opened again,
    so that every effect is there whole or not at all.
    """

    def __init__(self, path: Path, about: Mapping[Part, str], memory: Store | None = None) -> None:
        """Open a journal, or start it.

        Args:
            path: The file; its folder must exist.
            about: What the effects depend on, in words -> its digest or value: that of the key of
                a sweep.
            memory: Where everything else is kept.

        Raises:
            DataError: If the file is of something else, or is no journal.
            ExportError: If it cannot be written.
        """
        self._path = path
        self._about = tuple(about.items())
        self._memory = MemoryStore() if memory is None else memory
        self._written = 0
        header = {"version": VERSION, "about": dict(about)}
        lines = read_lines(path, "the state of an analysis")
        if lines:
            self._check(lines[0], about)
        for at, line in enumerate(lines[1:], 2):
            self._learn(at, line)
        # Written anew, so that what follows a line that was cut short stands on its own.
        write_lines(path, [header, *lines[1:]])

    @property
    def written(self) -> int:
        """How many effects the file holds."""
        return self._written

    def get(self, result: Result[T], key: StudyKey) -> T | None:
        """What is kept under a key, or None."""
        return self._memory.get(result, key)

    def put(self, result: Result[T], key: StudyKey, value: T) -> None:
        """Keep a result; the effect of a unit is in the file when this returns.

        Raises:
            ExportError: If it cannot be written.
        """
        if isinstance(value, UnitEffect) and key == self._key(value.unit, result.name):
            append_line(self._path, {"kind": result.name, **to_json(value)})
            self._written += 1
        self._memory.put(result, key, value)

    def _key(self, unit: str, kind: str) -> StudyKey:
        return StudyKey(kind, (*self._about, ("unit", unit)))

    def _check(self, header: Mapping[str, Any], about: Mapping[Part, str]) -> None:
        try:
            version, found = header["version"], dict(cast("dict[str, str]", header["about"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self._path}: expected the state of an analysis, found something else; choose "
                "another folder"
            ) from error
        other = [name for name, value in about.items() if found.get(name) != value]
        if version != VERSION or other:
            what = ", ".join(other) or "version"
            raise DataError(
                f"{self._path}: expected the state of this analysis, found that of another (of "
                f"another {what}); choose another folder, or delete this file to start anew"
            )

    def _learn(self, at: int, line: Mapping[str, Any]) -> None:
        try:
            kind = cast("Kind", line["kind"])
            document = {name: value for name, value in line.items() if name != "kind"}
            effect = from_json(UnitEffect, document, "the effect of a unit")
            self._memory.put(EFFECTS[kind], self._key(effect.unit, kind), effect)
            self._written += 1
        except (ValueError, KeyError, TypeError, DataError) as error:
            raise DataError(
                f"{self._path}: expected the effect of a unit in line {at}, found something else; "
                "delete this file to start anew"
            ) from error
