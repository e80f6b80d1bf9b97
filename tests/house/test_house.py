"""What keeps the house one that one can find things in."""

import ast
import statistics

import pytest

from tests.house.circles import PACKAGES, ROOT, arrows, circles, modules
from tests.house.tree import drawn, first_line, lines, rooms, root_files, sources

ROOT_FILES = {"quant": 8, "analysis": 8, "app": 6}
VAGUE = {"utils", "helpers", "common", "manager", "misc", "base_utils"}


def bound(tree: ast.Module) -> set[str]:
    """The names that a module binds at its top."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_few_files_lie_at_the_root_of_a_package(package):
    assert len(root_files(package)) <= ROOT_FILES[package]


def test_no_module_has_the_name_of_something_that_its_package_exports():
    for name, path in modules().items():
        if path.name == "__init__.py":
            siblings = {other.stem for other in path.parent.glob("*.py")} | {
                other.parent.name for other in path.parent.glob("*/__init__.py")
            }
            assert not bound(ast.parse(path.read_text())) & siblings, name


def test_no_file_is_called_by_what_could_be_in_it():
    assert not [path for path in sources() if path.stem in VAGUE]


def test_half_of_the_files_have_less_than_200_lines():
    assert statistics.median(lines(path) for path in sources()) < 200


def test_no_file_has_more_than_300_lines():
    scripts = sorted((ROOT / "app" / "components").rglob("*.js"))
    assert not [path for path in (*sources(), *scripts) if lines(path) > 300]


def test_no_module_imports_itself_round_a_circle_lazily_or_not():
    assert circles(arrows()) == []


def test_a_circle_is_found_also_through_a_function_and_a_name_as_text(tmp_path):
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert circles(graph) == [["a", "b", "c"]]
    assert circles({**graph, "c": set()}) == []
    assert "quant.calibrators" in arrows()["quant.pipeline"] | arrows()["quant.params.ranges"]


def test_the_tree_names_every_room_with_a_line():
    text = "\n".join(drawn())
    for package in PACKAGES:
        for room in rooms(package):
            assert f"{room.name}/" in text
            assert first_line(ROOT / package / room.name / "__init__.py") in text
