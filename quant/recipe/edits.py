"""Changes of a recipe, as the pages make them: pure functions from recipe to recipe."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from quant.calibrators import Calibrator
from quant.errors import RecipeError
from quant.recipe.presets import preset, preset_names
from quant.recipe.recipe import Recipe, Rule, Selector


def preset_of(recipe: Recipe) -> str:
    """The preset that asks for the same as ``recipe``, or an empty name."""
    key = recipe.content_key
    return next((name for name in preset_names() if preset(name).content_key == key), "")


def with_defaults(recipe: Recipe, **values: Any) -> Recipe:
    """The recipe with other settings for every node that no rule speaks of."""
    return replace(recipe, defaults=replace(recipe.defaults, **values))


def with_everywhere(recipe: Recipe, calibrator: Calibrator) -> Recipe:
    """The recipe with one calibrator for the whole model: no rule says another or fixes a range."""
    for rule in recipe.rules:
        recipe = recipe.without(rule.selector, rule.target, "calibrator", "range")
    return with_defaults(recipe, calibrator=calibrator, range=None)


def with_layer(recipe: Recipe, name: str, op_type: str, tensor: str, **values: Any) -> Recipe:
    """The recipe with settings for one node or input of the model.

    A setting that is what the rest of the recipe says anyway needs no rule. A calibrator takes the
    place of a fixed range.

    Args:
        recipe: The recipe before.
        name: The node's or input's name.
        op_type: Its operator, or ``Input``.
        tensor: The tensor it gives; rules for it would win over those for the node.
        values: The settings to change.
    """
    if "calibrator" in values:
        values.setdefault("range", None)
    recipe = without_layer(recipe, name, tensor, *values)
    settings, _ = recipe.settings(name, op_type)
    needed = {key: value for key, value in values.items() if getattr(settings, key) != value}
    return recipe.with_rule(Rule("node", name, needed)) if needed else recipe


def with_shared(
    recipe: Recipe,
    layer: tuple[str, str, str],
    others: Iterable[tuple[str, str, str]],
    **values: Any,
) -> Recipe:
    """The recipe with settings for a layer whose tensor shares its scale with others.

    What rules ask of the others' types goes where this asks for a type. A range or a calibrator
    takes the place of every fixed range among them.

    Args:
        recipe: The recipe before.
        layer: Name, operator and tensor of the layer, as for :func:`with_layer`.
        others: The same of the nodes and inputs that give the other tensors of its group.
        values: The settings to change.
    """
    types = [name for name in ("activation_type", "activation_symmetric") if name in values]
    for name, op_type, tensor in others:
        if types:
            recipe = without_layer(recipe, name, tensor, *types)
        fixed = recipe.tensor_settings(tensor, name, op_type)[1].get("range")
        if fixed is not None and {"calibrator", "range"} & values.keys():
            recipe = with_layer(recipe, name, op_type, tensor, range=None)
    return with_layer(recipe, *layer, **values)


def without_layer(recipe: Recipe, name: str, tensor: str, *settings: str) -> Recipe:
    """The recipe without what its rules for one node and its tensor say of the named settings.

    Without names, everything that those rules say goes.
    """
    return recipe.without("node", name, *settings).without("tensor", tensor, *settings)


def with_bulk(recipe: Recipe, selector: Selector, target: str, values: Mapping[str, Any]) -> Recipe:
    """The recipe with one rule for every node that a selector matches; it wins over earlier ones.

    Raises:
        RecipeError: If nothing is to be changed, or the pattern is not a regular expression.
    """
    if not values:
        raise RecipeError("bulk edit: expected at least one setting to change, found none")
    changed = dict(values)
    if "calibrator" in changed:
        changed.setdefault("range", None)
    return recipe.with_rule(Rule(selector, target, changed))
