"""For each of the noisiest activations the rule that gives the least noise at the outputs.

Each rule is really applied to one group of activations, nothing else being quantized; only what
depends on them is run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analysis.recovery.parts import Parts
from analysis.recovery.trials import Noise, Trials
from analysis.trying.cures import CALIBRATORS
from quant.ablation import only_tensors
from quant.recipe.recipe import Recipe, Rule

TENSORS: Final = 12
"""The noisiest groups of activations, whose ranges are tried one by one."""

WORTH: Final = 0.8
"""A range by another rule is taken if its noise is below this share of that in use."""


@dataclass(frozen=True)
class ChosenRanges:
    """The rules for ranges that are better than those in use.

    Attributes:
        rules: One for each group that gets another range.
        groups: Group -> its noise alone with these rules.
    """

    rules: tuple[Rule, ...]
    groups: Mapping[str, Noise]


def chosen_ranges(trials: Trials, recipe: Recipe, parts: Parts) -> ChosenRanges:
    """Choose the ranges of the noisiest activations.

    Args:
        trials: Measures.
        recipe: The recipe.
        parts: What its parts do alone.

    Raises:
        Cancelled: If the trials' heartbeat raised it.
    """
    plan = parts.plan
    noisy = sorted(parts.groups, key=lambda name: -parts.weight_of(parts.groups[name]))[:TENSORS]
    rules: dict[str, dict[str, Rule]] = {group: {} for group in noisy}
    variants: dict[str, Recipe] = {}
    for group in noisy:
        tensor, members = plan.groups[group].decided_by, plan.groups[group].members
        used = (plan.tensors.get(tensor) or plan.float_tensors[tensor]).settings.calibrator
        for words, calibrator in CALIBRATORS.items():
            if calibrator == used:
                continue
            rule = Rule("tensor", tensor, {"calibrator": calibrator})
            rules[group][f"{group}: range by {words}"] = rule
            variants[f"{group}: range by {words}"] = only_tensors(recipe.with_rule(rule), members)
    found = trials.noises(recipe, variants)
    chosen: list[Rule] = []
    groups = dict(parts.groups)
    for group, options in rules.items():
        least = min(options, key=lambda name: parts.weight_of(found[name]))
        if parts.weight_of(found[least]) < WORTH * parts.weight_of(groups[group]):
            chosen.append(options[least])
            groups[group] = found[least]
    return ChosenRanges(tuple(chosen), groups)
