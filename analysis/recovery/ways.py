"""The recipes that a search measured and found worth judging."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.trying.scores import Scores
from quant.recipe.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Way:
    """A recipe that was measured, with what it leaves in int8.

    Attributes:
        name: What it is, in words.
        recipe: The recipe.
        scores: Its scores on the samples that choose.
        share: Share of multiply-adds in int8, as asked.
    """

    name: str
    recipe: Recipe
    scores: Scores
    share: float


def reason(step: str, way: Way, best: Way, floor_db: float, *, kept: bool) -> str:
    """Why a way was kept or not, in words.

    Args:
        step: What kind of thing it is.
        way: The way.
        best: What it was measured beside.
        floor_db: A gain below this is none, in dB.
        kept: Whether it was kept.
    """
    gain = way.scores.sqnr_db - best.scores.sqnr_db
    if kept and step == "back to int8":
        why = "the target holds without"
    elif kept:
        why = "the best of its kind" if gain > floor_db else "faster, and nothing is lost"
    elif step in {"float", "16 bits"}:
        why = "a point to choose from"
    elif step == "back to int8":
        why = "the target needs it in float"
    elif gain <= floor_db:
        why = f"gains no more than {floor_db:.2g} dB, which counts as none"
    elif way.scores.least_gain_db(best.scores) <= 0:
        why = "a few samples make the gain, others lose"
    else:
        why = "another one gains more"
    return why


def distinct(ways: Sequence[Way], start: Recipe) -> list[Way]:
    """Each recipe once, under the name that comes first, and no name twice.

    Args:
        ways: The ways; of two with one recipe the first stays.
        start: The recipe that the search began with, which keeps its name.
    """
    found: dict[str, Way] = {}
    for way in ways:
        found.setdefault(way.recipe.content_key, replace(way, recipe=_named(way.recipe, start)))
    names: set[str] = set()
    named: list[Way] = []
    for way in found.values():
        name, number = way.name, 2
        while name in names:
            name, number = f"{way.name} ({number})", number + 1
        names.add(name)
        named.append(way if name == way.name else replace(way, name=name))
    return named


def _named(recipe: Recipe, start: Recipe) -> Recipe:
    """A recipe under a name of its own, unless it is the one to begin with."""
    return recipe if recipe == start else replace(recipe, name="recovered")
