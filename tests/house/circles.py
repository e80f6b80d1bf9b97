"""Import circles between modules, function-level and lazy imports included.

``python -m tests.house.circles`` prints their number and the modules of each.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("quant", "analysis", "app")
_LAZY = re.compile(r"^(?:quant|analysis|app)(?:\.\w+)+$")


def modules() -> dict[str, Path]:
    """Every module of the three packages by its dotted name; a package goes by its own."""
    found: dict[str, Path] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(tree: ast.AST, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules that a module names, wherever it does so: also as text for ``import_module``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module
        elif isinstance(node, ast.Constant) and _LAZY.match(str(node.value)):
            yield str(node.value)


def arrows() -> dict[str, set[str]]:
    """Module -> the modules of the house that it imports. A package's own siblings are no arrow."""
    known = modules()
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        to = {other for other in imported(ast.parse(path.read_text()), known) if other in known}
        found[name] = to - {name}
    return found


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected parts of more than one module (R. Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(part) > 1:
                found.append(sorted(part))

    for name in graph:
        if name not in index:
            visit(name)
    return found


if __name__ == "__main__":
    every = circles(arrows())
    print(len(every))
    for part in every:
        print("  " + ", ".join(part))
