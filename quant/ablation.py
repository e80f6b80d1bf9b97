"""Recipes that quantize a part of what another recipe quantizes, to see what the part costs.

Each takes a recipe and gives one. It is saved, read and run like any other, so what is on disk
reproduces what was measured: ``quantized.with_recipe(weights_only(quantized.recipe))``.

A *unit* is a quantized node with the activation fused into it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from quant.pipeline import QuantizedModel
from quant.recipe.recipe import Recipe, Rule


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


def weights_only(recipe: Recipe) -> Recipe:
    """``recipe`` with every activation in float.

    Weights, constant operands and biases keep the codes, scales and zero points that they have
    under ``recipe``. Nothing is rounded at run time, so no Relu or Clip is dropped.
    """
    return _everywhere(recipe, quantize_activation=False)


def activations_only(recipe: Recipe) -> Recipe:
    """``recipe`` with weights, constant operands and biases in float.

    Activations keep the scales and zero points that they have under ``recipe``.
    """
    return _everywhere(recipe, quantize_weight=False)


def only_unit(recipe: Recipe, unit: QuantUnit) -> Recipe:
    """``recipe`` with every node but those of ``unit`` in float."""
    return _with(_everywhere(recipe, skip=True), unit.nodes, skip=False)


def without_unit(recipe: Recipe, unit: QuantUnit) -> Recipe:
    """``recipe`` with the nodes of ``unit`` in float."""
    return _with(recipe, unit.nodes, skip=True)


def only_weight(recipe: Recipe, node: str) -> Recipe:
    """``recipe`` with nothing but the stored integers of one node; activations are float.

    The node is quantized wherever it can be: on its own it would not always pay.
    """
    alone = only_unit(weights_only(recipe), QuantUnit(node, (node,)))
    return _everywhere(alone, placement="everything")


def only_tensors(recipe: Recipe, tensors: Iterable[str]) -> Recipe:
    """``recipe`` with nothing rounded but some activations, such as those of a group."""
    unrounded = weights_only(activations_only(recipe))
    rules = (Rule("tensor", name, {"quantize_activation": True}) for name in tensors)
    return replace(unrounded, rules=(*unrounded.rules, *rules))


def _everywhere(recipe: Recipe, **values: Any) -> Recipe:
    """``recipe`` with settings that no rule changes."""
    kept = [
        Rule(rule.selector, rule.target, {k: v for k, v in rule.set.items() if k not in values})
        for rule in recipe.rules
    ]
    return replace(
        recipe,
        defaults=replace(recipe.defaults, **values),
        rules=tuple(rule for rule in kept if rule.set),
    )


def _with(recipe: Recipe, nodes: Iterable[str], **values: Any) -> Recipe:
    # Added behind the others and not joined to them: no earlier rule changes its place.
    return replace(recipe, rules=(*recipe.rules, *(Rule("node", n, values) for n in nodes)))
