"""The files of a folder, a sample each, in a fixed order, with their classes if it tells them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quant.errors import DataError, did_you_mean
from quant.io.show import counted

LABELS: Final = "labels.csv"
"""A file of the folder with a line ``file,label`` for each sample."""

CLASSES: Final = "classes.txt"
"""A file of the folder with the name of a class a line, in the order of the model's outputs."""


@dataclass(frozen=True)
class FileKind:
    """What the files of a folder are.

    Attributes:
        name: One of them, in words.
        suffixes: What their names end in, in small letters.
    """

    name: str
    suffixes: frozenset[str]

    def __contains__(self, path: Path) -> bool:
        hidden = path.name.startswith(".")
        return path.suffix.lower() in self.suffixes and not hidden and path.is_file()


@dataclass(frozen=True, eq=False)
class LabelledFolder:
    """Files with their classes.

    Attributes:
        root: The folder.
        kind: What they are.
        files: The files, in the order of their paths.
        labels: int64, shape (len(files),), or None where nothing tells the classes.
        classes: Their names by number; empty where they have none.
        notes: What was taken for what, as sentences.
    """

    root: Path
    kind: FileKind
    files: tuple[Path, ...]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def holds(path: Path, kind: FileKind) -> bool:
    """Whether a path is a file of a kind, or a folder with such in it or one folder below."""
    try:
        if path.is_file():
            return path.suffix.lower() in kind.suffixes
        if not path.is_dir():
            return False
        folders = [path, *(f for f in path.iterdir() if f.is_dir())]
        return any(file in kind for folder in folders for file in folder.iterdir())
    except OSError:
        return False


def labelled_folder(path: Path, kind: FileKind) -> LabelledFolder:
    """Find the files of a folder, and their classes.

    A ``labels.csv`` beside the files tells the class of each; otherwise files in sub-folders
    are of the class that their folder is called by. Classes that are numbers are those numbers;
    names are numbered by ``classes.txt``, or without it in the order of the names.

    Args:
        path: The folder, or one file.
        kind: What the files are.

    Raises:
        DataError: If it cannot be read, or its classes contradict one another.
    """
    if path.is_file():
        return LabelledFolder(path.parent, kind, (path,))
    try:
        loose = sorted(file for file in path.iterdir() if file in kind)
        folders = sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
        inside = {f.name: sorted(p for p in f.iterdir() if p in kind) for f in folders}
    except OSError as error:
        raise DataError(f"{path}: the folder cannot be read ({error.strerror})") from error
    inside = {name: files for name, files in inside.items() if files}
    known = _class_names(path / CLASSES)
    if (path / LABELS).is_file():
        return _labelled_by_csv(path, kind, known)
    if not inside:
        return LabelledFolder(path, kind, tuple(loose))
    if loose:
        raise DataError(
            f"{path}: found {counted(len(loose), kind.name)} beside folders of {kind.name}s "
            f"such as {next(iter(inside))!r}; put each into the folder of its class, or "
            f"give {LABELS}"
        )
    numbers = _numbered(tuple(inside), known, path)
    files = tuple(file for found in inside.values() for file in found)
    labels = np.concatenate([np.full(len(f), numbers[n], np.int64) for n, f in inside.items()])
    told = _told(numbers, known)
    return LabelledFolder(path, kind, files, labels, known or _names(numbers), told)


def _labelled_by_csv(path: Path, kind: FileKind, known: tuple[str, ...]) -> LabelledFolder:
    """What ``labels.csv`` lists, in its order."""
    rows = _rows(path / LABELS)
    files: list[Path] = []
    words: list[str] = []
    for number, row in enumerate(rows, start=1):
        if len(row) < 2:
            raise DataError(
                f"{LABELS}: line {number}: expected file,label, found {','.join(row)!r}"
            )
        file = path / row[0].strip()
        if not file.is_file():
            if number == 1 and file.suffix.lower() not in kind.suffixes:
                continue  # a heading
            raise DataError(f"{LABELS}: line {number}: there is no file {row[0]!r} in the folder")
        if not file.resolve().is_relative_to(path.resolve()):
            raise DataError(f"{LABELS}: line {number}: {row[0]!r} is outside the folder")
        files.append(file)
        words.append(row[1].strip())
    if not files:
        raise DataError(f"{LABELS}: expected a line file,label for each {kind.name}, found none")
    numbers = _numbered(tuple(sorted(set(words))), known, path)
    labels = np.array([numbers[word] for word in words], np.int64)
    told = _told(numbers, known)
    return LabelledFolder(path, kind, tuple(files), labels, known or _names(numbers), told)


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [row for row in csv.reader(file) if row and any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name}: the file cannot be read ({error})") from error


def _class_names(path: Path) -> tuple[str, ...]:
    """The lines of ``classes.txt``; nothing where there is none."""
    if not path.is_file():
        return ()
    try:
        return tuple(path.read_text(encoding="utf-8-sig").strip().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name}: the file cannot be read ({error})") from error


def _numbered(words: Sequence[str], known: tuple[str, ...], path: Path) -> dict[str, int]:
    """The number of each class."""
    if known:
        places = {name.strip(): place for place, name in enumerate(known)}
        lost = next((word for word in words if word not in places), None)
        if lost is not None and not all(word.isdecimal() for word in words):
            raise DataError(
                f"{path}: {CLASSES} has no class {lost!r}{did_you_mean(lost, places)}; give the "
                "names of all classes, one a line"
            )
        if lost is None:
            return {word: places[word] for word in words}
    if all(word.isdecimal() for word in words):
        return {word: int(word) for word in words}
    return {word: place for place, word in enumerate(words)}


def _names(numbers: dict[str, int]) -> tuple[str, ...]:
    """The names by number, where they were numbered here."""
    return () if all(word.isdecimal() for word in numbers) else tuple(numbers)


def _told(numbers: dict[str, int], known: tuple[str, ...]) -> tuple[str, ...]:
    if known or all(word.isdecimal() for word in numbers):
        return ()
    listed = ", ".join(f"{number} {word}" for word, number in list(numbers.items())[:3])
    more = " and so on" if len(numbers) > 3 else ""
    return (
        f"The {len(numbers):,} classes are numbered in the order of their names ({listed}"
        f"{more}); where the model numbers them otherwise, list them in {CLASSES}.",
    )
