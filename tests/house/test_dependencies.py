"""What the packages import is what pyproject.toml declares, no more and no less."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
OWN = {"quant", "analysis", "app", "sample_models"}
NOT_SHIPPED = {ROOT / "sample_models/build.py", *(ROOT / "sample_models/training").rglob("*.py")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CORE = [Requirement(text) for text in PROJECT["dependencies"]]
FINDERS = {"import_module", "distribution"}


def imported(path: Path) -> set[str]:
    """The top-level names that a module imports, by statement or by a call with a literal."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[0]
            if called in FINDERS and isinstance(first, ast.Constant):
                found.add(str(first.value))
    return {name.split(".")[0] for name in found}


def distributions() -> dict[str, set[str]]:
    """Distribution -> the files that import it; own packages and Python's are left out."""
    owners = packages_distributions()
    found: dict[str, set[str]] = {}
    for package in sorted(OWN):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path in NOT_SHIPPED:
                continue
            for name in imported(path) - OWN - set(sys.stdlib_module_names):
                for owner in owners.get(name, [name]):
                    where = str(path.relative_to(ROOT))
                    found.setdefault(canonicalize_name(owner), set()).add(where)
    return found


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    used = distributions()
    declared = {canonicalize_name(requirement.name) for requirement in CORE}
    assert {name: files for name, files in used.items() if name not in declared} == {}
    assert declared - set(used) == set()


def test_a_library_that_may_be_missing_is_in_the_extra_that_its_sentence_names():
    calls = re.compile(r'library\("([\w.]+)", "[^"]+", "(\w+)"\)')
    extras = PROJECT["optional-dependencies"]
    found = {
        call
        for package in sorted(OWN)
        for path in (ROOT / package).rglob("*.py")
        for call in calls.findall(path.read_text(encoding="utf-8"))
    }
    assert len(found) > 2
    for name, extra in found:
        assert name.split(".")[0] in {Requirement(text).name for text in extras[extra]}


@pytest.mark.parametrize("requirement", CORE, ids=lambda r: r.name)
def test_a_dependency_has_a_floor_and_an_upper_major(requirement):
    bounds = {specifier.operator: specifier.version for specifier in requirement.specifier}
    assert set(bounds) == {">=", "<"}
    assert bounds["<"].isdecimal()


def test_the_names_that_a_module_imports_are_found(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import a.b\nfrom c.d import e\nfrom . import f\n"
        "def late():\n    import g\n    import_module('h.i')\n    metadata.distribution('j')\n"
    )
    assert imported(path) == {"a", "c", "g", "h", "j"}
