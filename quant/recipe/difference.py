"""What one recipe asks for that another does not, in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, cast

from quant.calibrators import Calibrator
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.types import QType

_Rules = dict[tuple[str, str], dict[str, Any]]


def difference(before: Recipe, after: Recipe) -> tuple[str, ...]:
    """What changed from one recipe to another, a few words for each setting.

    Args:
        before: The recipe to begin with.
        after: The recipe that came of it.

    Returns:
        Changed defaults, then changed rules, passes and repairs, such as ``calibrator MSE instead
        of MinMax`` and ``conv1: skip yes``. Nothing where both ask for the same; names do not
        count.
    """
    return (
        *_defaults(before.defaults, after.defaults),
        *_rules(before.rules, after.rules),
        *_names("pass", before.passes, after.passes),
        *_names("repair", before.repairs, after.repairs),
    )


def in_a_line(changes: Sequence[str], most: int = 3) -> str:
    """The first changes in one line, with the number of the others; nothing for none."""
    shown = list(changes[:most])
    if changes[most:]:
        shown.append(f"{len(changes) - most:,} more")
    return "; ".join(shown)


def _defaults(before: Settings, after: Settings) -> Iterator[str]:
    for item in fields(Settings):
        old, new = getattr(before, item.name), getattr(after, item.name)
        if old != new:
            yield f"{_words(item.name)} {_value(new)} instead of {_value(old)}"


def _rules(before: Sequence[Rule], after: Sequence[Rule]) -> Iterator[str]:
    old, new = _by_target(before), _by_target(after)
    for key, values in new.items():
        yield from _rule(_target(*key), old.get(key, {}), values)
    yield from (f"{_target(*key)}: no rule" for key in old if key not in new)
    if old == new and list(old) != list(new):
        yield "the order of the rules"


def _by_target(rules: Sequence[Rule]) -> _Rules:
    """What the rules set for each target, the last that speaks of it at its place."""
    found: _Rules = {}
    for rule in rules:
        key = (rule.selector, rule.target)
        found[key] = {**found.pop(key, {}), **rule.set}
    return found


def _rule(target: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, value in new.items():
        if name not in old or old[name] != value:
            yield f"{target}: {_words(name)} {_value(value)}"
    for name in old:
        if name not in new:
            yield f"{target}: {_words(name)} no longer set"


def _names(kind: str, before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    yield from (f"with {kind} {name}" for name in after if name not in before)
    yield from (f"without {kind} {name}" for name in before if name not in after)
    if before != after and sorted(before) == sorted(after):
        yield f"each {kind} in another order"


def _target(selector: str, target: str) -> str:
    """Whom a rule is for: a node goes by its name alone."""
    return target if selector == "node" else f"{_words(selector)} {target}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Calibrator):
        return value.title
    if isinstance(value, QType):
        return value.value
    if isinstance(value, tuple | list):
        return " to ".join(f"{end:.4g}" for end in cast("Sequence[float]", value))
    return "none" if value is None else _words(str(value))
