"""The glossary has a meaning, a unit and a source for each term, and each term once."""

from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
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
