import sys

import pytest

from quant.errors import RecipeError
from quant.registry import Registry

NAMES = iter(range(1_000))


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Installs a module as an entry point of a group of its own; its registry."""

    def install(source: str) -> Registry[int]:
        name = f"brought_{next(NAMES)}"
        (tmp_path / f"{name}.py").write_text(source.replace("NAME", name))
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[quantlens.{name}]\nany = {name}\n")
        registry: Registry[int] = Registry("thing", name, RecipeError)
        module = type(sys)(f"registry_of_{name}")
        module.registry = registry
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return registry

    monkeypatch.syspath_prepend(tmp_path)
    return install


def test_what_a_plugin_registers_is_there_at_the_first_look_and_behind_our_own(plugin):
    found = plugin(
        "from registry_of_NAME import registry\n"
        "assert registry['ours'] == 1\n"
        "registry.add('brought', 2)\n"
    )
    found.add("ours", 1)
    assert dict(found) == {"ours": 1, "brought": 2}
    assert found.names() == ("brought", "ours")
    assert len(found) == 2
    assert "brought" in found


def test_a_plugin_that_cannot_be_imported_is_named_each_time(plugin):
    found = plugin("import no_module_of_this_name\n")
    for _ in range(2):
        with pytest.raises(
            RecipeError, match=r"thing: the plug-in 'any' \(brought_\d+, group"
        ) as e:
            found.names()
    assert "no_module_of_this_name" in str(e.value)
    assert "mend it or uninstall it" in str(e.value)


def test_a_name_is_given_once_and_an_unknown_one_is_told_with_the_closest():
    found: Registry[int] = Registry("thing", "no_such_folder", RecipeError)
    found.add("percentile", 1)
    with pytest.raises(ValueError, match="a thing named 'percentile' is registered already"):
        found.add("percentile", 2)
    assert found.named("percentile") == 1
    message = (
        r"thing: unknown name 'percentil' \(did you mean 'percentile'\?\); "
        r"choose one of percentile, other or a file"
    )
    with pytest.raises(RecipeError, match=message):
        found.named("percentil", others=["other"], hint=" or a file")
