"""The three packages two levels deep, a line a room: ``python -m tests.house.tree``.

The line is the first of the room's docstring. At the end: files at each root, and the lines of a
file (median and longest), Python and JavaScript, tests and generated data aside.
"""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.house.circles import PACKAGES, ROOT


def sources() -> list[Path]:
    """Every source file of the packages."""
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*"))
    return sorted(path for path in found if path.suffix in {".py", ".js"})


def lines(path: Path) -> int:
    """The number of lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def first_line(path: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def root_files(package: str) -> list[Path]:
    """The modules that lie at the root of a package, its ``__init__`` among them."""
    return sorted((ROOT / package).glob("*.py"))


def rooms(package: str) -> list[Path]:
    """The folders of a package that are packages themselves."""
    return sorted(path.parent for path in (ROOT / package).glob("*/__init__.py"))


def drawn() -> Iterator[str]:
    """The tree, line by line."""
    for package in PACKAGES:
        yield f"{package}/  {first_line(ROOT / package / '__init__.py')}"
        for room in rooms(package):
            count = sum(path.is_relative_to(room) for path in sources())
            yield f"  {room.name + '/':<14} {count:>3} files  {first_line(room / '__init__.py')}"
        for path in root_files(package):
            if path.name != "__init__.py":
                yield f"  {path.name:<14} {lines(path):>3} lines  {first_line(path)}"
    for package in PACKAGES:
        yield f"{package}: {len(root_files(package))} files at the root"
    sizes = {path: lines(path) for path in sources()}
    longest = max(sizes, key=sizes.__getitem__)
    yield (
        f"{len(sizes)} files, median {statistics.median(sizes.values()):.0f} lines, longest "
        f"{sizes[longest]} ({longest.relative_to(ROOT)})"
    )


if __name__ == "__main__":
    for line in drawn():
        print(line)
