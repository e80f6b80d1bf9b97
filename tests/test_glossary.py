"""The glossary has a meaning, a unit and a source for each term; a recipe of 0.1 still loads."""

from pathlib import Path

import quant

ROOT = Path(__file__).parents[1]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| Term", "| ---"))
]


def test_every_row_has_a_meaning_a_unit_and_a_source():
    for row in ROWS:
        assert len(row) == 4, row
        assert all(row), row


def test_each_term_is_there_once():
    terms = [term for row in ROWS for term in row[0].split(", ")]
    assert len(terms) == len(set(terms))


def test_the_terms_of_the_design_are_there():
    terms = {term for row in ROWS for term in row[0].split(", ")}
    assert terms >= {
        "scale",
        "zero point",
        "axis",
        "range",
        "recipe",
        "plan",
        "params",
        "calibrate",
    }
    assert terms >= {"sqnr", "clip rate", "skip", "fuse", "drop", "consumer", "noise gain"}
    assert terms >= {"local error", "cumulative error", "sensitivity", "benefit", "ablation"}


def test_a_recipe_of_version_0_1_loads():
    path = ROOT / "tests" / "data" / "v0_1" / "recommended.recipe.json"
    recipe = quant.Recipe.loads(path.read_text(encoding="utf-8"), path.name)
    assert recipe.defaults == quant.preset("everything").defaults
    assert [rule.label for rule in recipe.rules] == ["op_type Conv", "tensor x"]
    assert recipe.rules[1].set["range"] == (-1.0, 2.0)
