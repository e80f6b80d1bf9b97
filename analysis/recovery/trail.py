"""What a recovery has measured by now: in memory, or in a file that a later run goes on from.

Each entry knows what it cost, so a run that goes on decides like one that was never interrupted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from quant.errors import DataError
from quant.io.codec import from_json, to_json
from quant.io.lines import append_line, read_lines, write_lines

VERSION: Final = 3
_FIELDS: Final = {"key", "seconds", "result"}

T = TypeVar("T")


@dataclass(eq=False)
class Trail:
    """Results by key, with the seconds that each took. It keeps them in memory.

    Attributes:
        seconds: What all results that were asked for took, whenever they were measured.
    """

    seconds: float = 0.0
    _lines: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    _told: set[str] = field(default_factory=set[str])

    def known(self, key: str, cls: type[T]) -> T | None:
        """The result under a key, or None; its seconds count from now on.

        Raises:
            DataError: If what is kept there is something else.
        """
        line = self._lines.get(key)
        if line is None:
            return None
        if key not in self._told:
            self._told.add(key)
            self.seconds += float(line["seconds"])
        return from_json(cls, line["result"], f"trail: {key}")

    def keep(self, key: str, result: object, seconds: float) -> None:
        """Keep a result, and count the seconds that it took.

        Raises:
            ExportError: If it cannot be written.
        """
        line = {"key": key, "seconds": seconds, "result": to_json(result)}
        self._lines[key] = line
        self._told.add(key)
        self.seconds += seconds
        self._write(line)

    def _write(self, line: Mapping[str, Any]) -> None:
        """In memory there is nothing to write."""
        del line


@dataclass(eq=False)
class TrailFile(Trail):
    """A trail that is in a file too, each result as soon as it is known.

    Attributes:
        path: The file; its folder must exist.
        about: What the results are of, in words -> its digest or value.
    """

    path: Path = field(kw_only=True)
    about: Mapping[str, str] = field(kw_only=True)

    def __post_init__(self) -> None:
        """Read the file where there is one.

        A last line that was cut short is dropped.

        Raises:
            DataError: If the file is of something else.
            ExportError: If it cannot be written.
        """
        header = {"version": VERSION, "about": dict(self.about)}
        lines = read_lines(self.path, "the trail of a recovery")
        if lines and lines[0] != header:
            raise DataError(
                f"{self.path}: expected the trail of this model, data and version, found that of "
                "another; choose another folder, or delete this file to start anew"
            )
        for at, line in enumerate(lines[1:], 2):
            if line.keys() != _FIELDS:
                raise DataError(
                    f"{self.path}: expected a result in line {at}, found something else; delete "
                    "this file to start anew"
                )
            self._lines[str(line["key"])] = line
        write_lines(self.path, [header, *lines[1:]])

    def _write(self, line: Mapping[str, Any]) -> None:
        append_line(self.path, line)
