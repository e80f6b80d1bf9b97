"""What was asked of the app, kept as plainly as can be: a list of recipes and an index.

Recipes are JSON values here. How an edit changes one is written again, from the words on the page.
"""

import copy
from typing import Any

Json = dict[str, Any]
TENSOR_SETTINGS = {"activation_type", "activation_symmetric", "calibrator", "range"}


class PlainModel:
    """The recipes that were asked for, one after the other, and which of them stands."""

    def __init__(self, first: Json) -> None:
        self.recipes = [first]
        self.index = 0
        self.revision = 0

    @property
    def recipe(self) -> Json:
        return copy.deepcopy(self.recipes[self.index])

    def edit(self, recipe: Json) -> None:
        if recipe != self.recipes[self.index]:
            self.recipes[self.index + 1 :] = [copy.deepcopy(recipe)]
            self._go(self.index + 1)

    def undo(self) -> None:
        self._go(max(self.index - 1, 0))

    def redo(self) -> None:
        self._go(min(self.index + 1, len(self.recipes) - 1))

    def _go(self, index: int) -> None:
        self.revision += index != self.index
        self.index = index


def target(rule: Json) -> tuple[str, str]:
    """Selector and target of a rule."""
    return next((key, value) for key, value in rule.items() if key != "set")


def with_defaults(recipe: Json, **values: Any) -> Json:
    """Other settings for the whole model."""
    return {**recipe, "defaults": {**recipe["defaults"], **values}}


def without_layer(recipe: Json, node: str, tensor: str, *names: str) -> Json:
    """A layer that says nothing of the named settings, or of any."""
    rules: list[Json] = []
    for rule in recipe["rules"]:
        kept = rule["set"]
        if target(rule) in {("node", node), ("tensor", tensor)}:
            kept = {k: v for k, v in kept.items() if names and k not in names}
        if kept:
            rules.append({**rule, "set": kept})
    return {**recipe, "rules": rules}


def with_layer(recipe: Json, node: str, op_type: str, tensor: str, **values: Any) -> Json:
    """Settings for one layer; a rule for it says only what is not so anyway."""
    if "calibrator" in values:
        values["range"] = None
    recipe = without_layer(recipe, node, tensor, *values)
    settings = dict(recipe["defaults"])
    for rule in recipe["rules"]:
        if target(rule) in {("node", node), ("op_type", op_type)}:
            settings.update(rule["set"])
    needed = {name: value for name, value in values.items() if settings[name] != value}
    return with_rule(recipe, "node", node, needed) if needed else recipe


def with_calibrator_everywhere(recipe: Json, calibrator: Json) -> Json:
    """One calibrator for the whole model: no rule says another, or fixes a range."""
    rules: list[Json] = []
    for rule in recipe["rules"]:
        kept = {k: v for k, v in rule["set"].items() if k not in {"calibrator", "range"}}
        rules += [{**rule, "set": kept}] if kept else []
    return with_defaults({**recipe, "rules": rules}, calibrator=calibrator, range=None)


def with_calibrator_for_type(recipe: Json, op_type: str, tensor: str, calibrator: Json) -> Json:
    """One calibrator for a type; a rule for the tensor at hand does not stand against it."""
    recipe = without_rule(recipe, "tensor", tensor, "calibrator", "range")
    return with_rule(recipe, "op_type", op_type, {"calibrator": calibrator, "range": None})


def without_rule(recipe: Json, selector: str, name: str, *settings: str) -> Json:
    """What is left where the rules of one target do not say some settings."""
    rules: list[Json] = []
    for rule in recipe["rules"]:
        kept = rule["set"]
        if target(rule) == (selector, name):
            kept = {k: v for k, v in kept.items() if k not in settings}
        rules += [{**rule, "set": kept}] if kept else []
    return {**recipe, "rules": rules}


def with_rule(recipe: Json, selector: str, name: str, values: Json) -> Json:
    """A rule that comes last, joined by an earlier one for the same."""
    same = [rule["set"] for rule in recipe["rules"] if target(rule) == (selector, name)]
    rest = [rule for rule in recipe["rules"] if target(rule) != (selector, name)]
    joined = {key: value for found in [*same, values] for key, value in found.items()}
    return {**recipe, "rules": [*rest, {selector: name, "set": joined}]}


def layer_settings(recipe: Json, node: str, op_type: str, tensor: str) -> Json:
    """What holds for the output of a layer."""
    settings = dict(recipe["defaults"])
    for rule in recipe["rules"]:
        if target(rule) in {("node", node), ("op_type", op_type)}:
            settings.update(rule["set"])
    for rule in recipe["rules"]:
        if target(rule) == ("tensor", tensor):
            settings.update(rule["set"])
    return settings
