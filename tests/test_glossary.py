"""The glossary defines each term once; a recipe of version 0.1 reads as it did."""

from pathlib import Path

import quant

ROOT = Path(__file__).parents[1]


def test_each_term_is_defined_once():
    lines = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|")[1] for line in lines if line.startswith("| ")][2:]
    terms = [term.strip() for row in rows for term in row.split(",")]
    assert len(terms) > 20
    assert len(terms) == len(set(terms))


def test_a_recipe_of_version_0_1_loads():
    path = ROOT / "tests" / "data" / "v0_1" / "recommended.recipe.json"
    recipe = quant.Recipe.loads(path.read_text(encoding="utf-8"), path.name)
    assert recipe.defaults == quant.preset("recommended").defaults
    assert [rule.label for rule in recipe.rules] == ["op_type Conv", "tensor x"]
    assert recipe.rules[1].set["range"] == (-1.0, 2.0)
