"""What a long analysis knows already, on disk as soon as it is known."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

from analysis.sweep.unit_effects import UnitEffect
from quant.errors import DataError, ExportError
from quant.io.atomic import write_file

VERSION = 1
Kind = Literal["sensitivity", "benefit"]
KINDS: tuple[Kind, ...] = ("sensitivity", "benefit")


class Journal:
    """The effects of units, one line of a file each, behind a line that says what they are of.

    A line is written and synced at once. One that a crash cut short is dropped when the file is
    opened again, so that every effect is there whole or not at all.
    """

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        """Open a journal, or start it.

        Args:
            path: The file; its folder must exist.
            about: What the effects depend on, in words -> its digest or value.

        Raises:
            DataError: If the file is of something else, or is no journal.
            ExportError: If it cannot be written.
        """
        self._path = path
        self._known: dict[Kind, dict[str, UnitEffect]] = {kind: {} for kind in KINDS}
        header = json.dumps({"version": VERSION, "about": dict(about)}, sort_keys=True)
        lines = _lines(path)
        if lines:
            self._check(lines[0], about)
        for line in lines[1:]:
            self._learn(line)
        # Written anew, so that what follows a line that was cut short stands on its own.
        write_file(path, "".join(f"{line}\n" for line in [header, *lines[1:]]).encode())

    def known(self, kind: Kind) -> Mapping[str, UnitEffect]:
        """The effects so far, by unit."""
        return dict(self._known[kind])

    def written(self) -> int:
        """How many effects the file holds, as the next one to open it will find."""
        return max(len(_lines(self._path)) - 1, 0)

    def add(self, kind: Kind, effect: UnitEffect) -> None:
        """Write one effect.

        Raises:
            ExportError: If it cannot be written.
        """
        line = json.dumps({"kind": kind, **effect.to_json()}, allow_nan=False)
        try:
            with self._path.open("ab") as file:
                file.write(f"{line}\n".encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ExportError(
                f"{self._path}: the results so far cannot be written ({error.strerror}); make room "
                "or check its permissions and run the command again"
            ) from error
        self._known[kind][effect.unit] = effect

    def _check(self, line: str, about: Mapping[str, str]) -> None:
        try:
            header = cast("dict[str, Any]", json.loads(line))
            version, found = header["version"], cast("dict[str, str]", header["about"])
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

    def _learn(self, line: str) -> None:
        try:
            document = cast("dict[str, Any]", json.loads(line))
            kind = cast("Kind", document["kind"])
            effect = UnitEffect.from_json(document)
            self._known[kind][effect.unit] = effect
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{self._path}: expected the effect of a unit in every line, found {line[:60]!r}; "
                "delete this file to start anew"
            ) from error


def _lines(path: Path) -> list[str]:
    """The lines that were written to their end."""
    try:
        text = path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(
            f"{path}: the state of the analysis cannot be read ({error.strerror}); check its "
            "permissions or choose another folder"
        ) from error
    return text.split("\n")[:-1]
