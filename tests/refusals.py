"""Every sentence that refuses a model or data, with a test that provokes it.

``python -m tests.refusals`` runs the tests without a browser, notes where each ModelError and
DataError was made, and prints the table. The exit code is 1 where no test provokes a sentence.
"""

import ast
import json
import os
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quant.errors import DataError, ModelError

ROOT = Path(__file__).resolve().parents[1]
FOLDER = "QUANTLENS_REFUSALS"
PACKAGES = ("quant", "analysis", "app")


@dataclass(frozen=True, order=True)
class Site:
    """Where a sentence is made.

    Attributes:
        path: The file, from the project's root.
        line: Its first line.
        last: Its last line.
    """

    path: str
    line: int
    last: int


def sites() -> list[Site]:
    """Every place that makes a ModelError or a DataError."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _named(node.func) in {"ModelError", "DataError"}:
                    name = path.relative_to(ROOT).as_posix()
                    found.append(Site(name, node.lineno, node.end_lineno or node.lineno))
    return sorted(found)


def _named(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else ""


def pytest_configure() -> None:
    """As a plugin: note every such error with the test that is running."""
    folder = Path(os.environ[FOLDER])
    noted: set[tuple[str, int]] = set()

    def note(self: Exception, *parts: Any) -> None:
        Exception.__init__(self, *parts)
        frame = sys._getframe(1)
        path = Path(frame.f_code.co_filename)
        if not path.is_relative_to(ROOT) or (str(path), frame.f_lineno) in noted:
            return
        noted.add((str(path), frame.f_lineno))
        line = {
            "path": path.relative_to(ROOT).as_posix(),
            "line": frame.f_lineno,
            "sentence": str(parts[0]) if parts else "",
            "test": os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0],
        }
        with (folder / f"{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    for kind in (ModelError, DataError):
        kind.__init__ = note


def main() -> int:
    """Run the tests and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER] = folder
        arguments = ["-q", "--no-header", "-p", "tests.refusals", "-n", "2", "--dist", "loadfile"]
        pytest.main([*arguments, "-m", "not e2e and not slow and not bench", *sys.argv[1:]])
        lines = [
            json.loads(line)
            for path in Path(folder).iterdir()
            for line in path.read_text().splitlines()
        ]
    provoked: dict[Site, list[dict[str, Any]]] = defaultdict(list)
    known = sites()
    for line in lines:
        for site in known:
            if site.path == line["path"] and site.line <= line["line"] <= site.last:
                provoked[site].append(line)
    for site in known:
        if found := sorted(provoked[site], key=lambda line: line["test"]):
            print(f"{site.path}:{site.line}\n    {found[0]['sentence']}\n    {found[0]['test']}")
    missing = [site for site in known if not provoked[site]]
    print(f"\n{len(known) - len(missing)} of {len(known)} sentences are provoked by a test")
    print(*(f"no test: {site.path}:{site.line}" for site in missing), sep="\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
