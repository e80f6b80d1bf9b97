"""Cures for the whole model, cheapest first. Each gives recipes to try; the best one may stay."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from quant.calibrators import Calibrator
from quant.calibrators.balanced import Balanced
from quant.calibrators.kl import Kl
from quant.calibrators.minmax import MinMax
from quant.calibrators.mse import Mse
from quant.calibrators.percentile import Percentile
from quant.recipe.presets import preset
from quant.recipe.recipe import Recipe
from quant.recipe.settings import Settings
from quant.repairs import REPAIRS, SLOW, SMALLER
from quant.types import QType

CALIBRATORS: Final[Mapping[str, Calibrator]] = {
    "balanced": Balanced(),
    "least squared error": Mse(),
    "99.99 % of the values": Percentile(),
    "99.999 % of the values": Percentile(99.999),
    "observed range": MinMax(),
    "KL divergence": Kl(),
}
"""Rules for a range that are tried, in words."""


@dataclass(frozen=True)
class Cure:
    """A cure for the whole model.

    Attributes:
        step: What kind of thing it is.
        cause: What is wrong where it helps.
        recipes: From a recipe to what to try: in words -> the recipe.
        pays_in_time: Whether it makes a model faster, so that it stays unless it loses accuracy.
        costs: Whether it makes a model slower: it is offered, and no search takes it by itself.
        slow: Whether it takes seconds to make, so that only a search tries it.
    """

    step: str
    cause: str
    recipes: Callable[[Recipe], Mapping[str, Recipe]]
    pays_in_time: bool = False
    costs: bool = False
    slow: bool = False


def _with(recipe: Recipe, words: str, defaults: Settings) -> dict[str, Recipe]:
    """The recipe with other defaults, unless it has them."""
    return {} if defaults == recipe.defaults else {words: replace(recipe, defaults=defaults)}


def _unsigned(recipe: Recipe, words: str, qtype: QType) -> dict[str, Recipe]:
    """Another type for 8-bit activations, with a zero point; wider ones stay as they are."""
    if recipe.defaults.activation_type.bits > QType.UINT8.bits:
        return {}
    defaults = replace(recipe.defaults, activation_type=qtype, activation_symmetric=False)
    return _with(recipe, words, defaults)


def _recommended(recipe: Recipe) -> Mapping[str, Recipe]:
    """The recommended settings at once, for what they give only together; rules stay.

    Where rules fix ranges, as those of a recipe like another tool's file do, also without any rule:
    no other cure gets past them.
    """
    wanted = preset("recommended")
    better = replace(recipe, defaults=wanted.defaults, repairs=wanted.repairs)
    found = {} if better == recipe else {"the recommended settings": better}
    if any(rule.set.get("range") is not None for rule in recipe.rules):
        found["the recommended settings in place of every rule"] = wanted
    return found


def _with_repairs(recipe: Recipe, names: Iterable[str]) -> Mapping[str, Recipe]:
    """Each of some repairs that the recipe does not have, ahead of what takes their rest back."""
    known = recipe.repairs
    last = known.index("bias_correction") if "bias_correction" in known else len(known)
    return {
        name.replace("_", " "): replace(recipe, repairs=(*known[:last], name, *known[last:]))
        for name in names
        if name not in recipe.repairs and name not in SMALLER
    }


def _repairs(recipe: Recipe) -> Mapping[str, Recipe]:
    return _with_repairs(recipe, (name for name in REPAIRS.names() if name not in SLOW))


def slow_repairs(recipe: Recipe) -> Mapping[str, Recipe]:
    """Each repair that takes seconds, where the recipe does not have it."""
    return _with_repairs(recipe, (name for name in REPAIRS.names() if name in SLOW))


def wider(recipe: Recipe) -> Mapping[str, Recipe]:
    """The limit of 8 bits, shown by 16-bit activations; ONNX Runtime's CPU computes them slowly."""
    return _unsigned(recipe, "16-bit activations", QType.UINT16)


def _placement(recipe: Recipe) -> Mapping[str, Recipe]:
    defaults = replace(recipe.defaults, placement="integer_kernels")
    return _with(recipe, "integers only where they pay", defaults)


def _signedness(recipe: Recipe) -> Mapping[str, Recipe]:
    return _unsigned(recipe, "unsigned asymmetric activations", QType.UINT8)


def _granularity(recipe: Recipe) -> Mapping[str, Recipe]:
    return _with(recipe, "a scale for each channel", replace(recipe.defaults, per_channel=True))


def _calibrators(recipe: Recipe) -> Mapping[str, Recipe]:
    found: dict[str, Recipe] = {}
    for words, calibrator in CALIBRATORS.items():
        defaults = replace(recipe.defaults, calibrator=calibrator)
        found |= _with(recipe, f"ranges by {words}", defaults)
    return found


CURES: Final = (
    Cure("settings", "Other settings lose less", _recommended),
    Cure(
        "placement",
        "Operators without multiply-adds compute on integers",
        _placement,
        pays_in_time=True,
    ),
    Cure("signedness", "Activations are signed", _signedness, pays_in_time=True),
    Cure("granularity", "All channels of a weight share one scale", _granularity),
    Cure("repair", "Rounding leaves errors that scales, parts or biases take back", _repairs),
    Cure("rounding", "Weights are rounded each by itself", slow_repairs, slow=True),
    Cure("wider", "8 bits are few for these activations", wider, costs=True),
    Cure("calibrator", "Another rule for ranges loses less", _calibrators),
)
