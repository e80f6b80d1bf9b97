"""One unit of a quantized model changed: only it quantized, or everything but it.

A *unit* is a quantized node with the activation fused into it. Both variants are ordinary recipes,
so that they can be built, exported and run like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from quant.pipeline import QuantizedModel, quantize
from quant.recipe.recipe import Recipe, Rule
from quant.statistics.collect import Calibration


@dataclass(frozen=True)
class QuantUnit:
    """A quantized node with the activation fused into it.

    Attributes:
        name: The node's name.
        nodes: The node, and the activation where one is fused.
    """

    name: str
    nodes: tuple[str, ...]


def units(quantized: QuantizedModel) -> tuple[QuantUnit, ...]:
    """The units of a quantized model in topological order."""
    found: dict[str, tuple[str, ...]] = {}
    for name, item in quantized.plan.nodes.items():
        if item.quantized and item.fused_into:
            found[item.fused_into] = (*found[item.fused_into], name)
        elif item.quantized:
            found[name] = (name,)
    return tuple(QuantUnit(name, nodes) for name, nodes in found.items())


def float_recipe(recipe: Recipe) -> Recipe:
    """``recipe`` with every node in float."""
    return _with(recipe, [Rule("pattern", ".*", {"skip": True})])


def only_unit(recipe: Recipe, unit: QuantUnit) -> Recipe:
    """``recipe`` with every node but those of ``unit`` in float."""
    return _with(float_recipe(recipe), [Rule("node", n, {"skip": False}) for n in unit.nodes])


def without_unit(recipe: Recipe, unit: QuantUnit) -> Recipe:
    """``recipe`` with the nodes of ``unit`` in float."""
    return _with(recipe, [Rule("node", name, {"skip": True}) for name in unit.nodes])


def only_quantized(
    quantized: QuantizedModel, calibration: Calibration, unit: QuantUnit
) -> QuantizedModel:
    """The model with only ``unit`` quantized, as ``quantized`` quantizes it."""
    return quantize(quantized.float_model, calibration, only_unit(quantized.recipe, unit))


def all_quantized_but(
    quantized: QuantizedModel, calibration: Calibration, unit: QuantUnit
) -> QuantizedModel:
    """The model quantized like ``quantized``, but for ``unit``, which is float."""
    return quantize(quantized.float_model, calibration, without_unit(quantized.recipe, unit))


def _with(recipe: Recipe, rules: Sequence[Rule]) -> Recipe:
    # Added behind the others and not joined to them: no earlier rule changes its place.
    return replace(recipe, rules=(*recipe.rules, *rules))
