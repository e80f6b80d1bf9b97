"""Which tensors share one scale and zero point, and whose settings decide about it.

A group is one tensor to a recipe: *a rule that speaks of one member speaks of all*. Rules win in
the order in which they win for a single tensor: over the defaults, the rules for nodes and inputs;
over those, the rules for tensors; the later over the earlier. So the order of the graph decides
nothing.

- The type, the symmetry and whether the group is rounded at all are as the winning rule that says
  so, for whichever member, has it.
- A fixed range that a rule sets for any member is the range of all. A rule that sets no range for
  one member (``range: null``, back to the calibrator) does not take it from another. A fixed range
  of the recipe's defaults holds where no rule frees one of the tensors that make the range.
- Without a fixed range, the calibrators of ``ranges_from`` choose, each as the rules for its own
  tensor say, and the group's range holds what they chose.

Rules that ask different things of one group contradict each other; the loser is named in a warning.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Final

from quant.model.model import Model, Node
from quant.model.op_roles import INPUT_OP_TYPE, Kind
from quant.planning.plan import Group, NodePlan, Plan
from quant.recipe.recipe import Recipe
from quant.recipe.settings import Settings
from quant.types import QType

SHARED_SETTINGS: Final = (
    "activation_type",
    "activation_symmetric",
    "quantize_activation",
    "range",
)
"""What a group can have only once."""


@dataclass(frozen=True)
class Shared:
    """Tensors that share parameters.

    Attributes:
        members: The tensors, in topological order.
        ranges_from: Those whose ranges make the range.
    """

    members: tuple[str, ...]
    ranges_from: tuple[str, ...]


@dataclass(frozen=True)
class Decided:
    """What groups were told.

    Attributes:
        of_tensor: Tensor -> its group, its settings, and the label of the rule for each setting
            that a rule changed.
        warnings: The contradictions, as sentences.
    """

    of_tensor: Mapping[str, tuple[Group, Settings, Mapping[str, str]]]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Asked:
    """What a rule asks of a member, with the rule's place in the order of winning."""

    place: int
    tensor: str
    label: str
    value: Any


def source_of(model: Model, tensor: str) -> tuple[str, str]:
    """Name and operator of the node that computes ``tensor``, or of the input that it is."""
    producer = model.producers.get(tensor)
    return (tensor, INPUT_OP_TYPE) if producer is None else (producer.name, producer.op_type)


def sharing(model: Model, plan: Plan, tensor: str) -> tuple[tuple[str, str, str], ...]:
    """Who gives the tensors that share the scale of a quantized ``tensor``, itself left out.

    Returns:
        Name and operator of each node or input, and its tensor.
    """
    members = plan.groups[plan.tensors[tensor].group].members
    return tuple((*source_of(model, name), name) for name in members if name != tensor)


def shared(model: Model, nodes: Mapping[str, NodePlan], names: Sequence[str]) -> list[Shared]:
    """Join the tensors that share parameters.

    The output of a node that only moves values joins its input. Where a recipe aligns a node's
    inputs, they join each other, and the range comes from the largest or from the output. Where
    nothing is computed on integers but what pays, what only a Concat reads joins its output: the
    Concat would round it to that in any case.

    Args:
        model: The model.
        nodes: What its nodes get.
        names: The tensors that quantized nodes read or compute, in topological order.

    Returns:
        The groups in the order of their first members.
    """
    parent = {name: name for name in names}
    order = {name: index for index, name in enumerate(names)}
    ranges_from = {name: [name] for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    def join(one: str, other: str, sources: list[str]) -> None:
        first, second = sorted((root(one), root(other)), key=order.__getitem__)
        parent[second] = first
        ranges_from[first] = sources

    for item in nodes.values():
        node = item.node
        inputs = [node.inputs[index] for index in node.data if node.inputs[index] in parent]
        if not item.quantized or not inputs:
            continue
        outputs = [name for name in model.float_outputs(node) if name in parent]
        if node.kind is Kind.SAME_SCALE:
            for output in outputs:
                join(inputs[0], output, ranges_from[root(inputs[0])])
        elif node.op_type in {"Add", "Concat"} and item.settings.align == "largest":
            joined = [*inputs, *outputs] if node.op_type == "Concat" else inputs
            sources = [s for name in inputs for s in ranges_from[root(name)]]
            for name in joined[1:]:
                join(joined[0], name, list(dict.fromkeys(sources)))
        elif node.op_type in {"Add", "Concat"} and item.settings.align == "output" and outputs:
            for name in inputs:
                join(outputs[0], name, [outputs[0]])
        elif node.op_type == "Concat" and item.settings.placement == "integer_kernels" and outputs:
            for name in (n for n in inputs if set(model.consumers[n]) == {node.name}):
                found = {other for other in parent if root(other) == root(name)}
                if _read_only_by(model, node, found):
                    join(outputs[0], name, [outputs[0]])

    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(root(name), []).append(name)
    return [Shared(tuple(found), tuple(ranges_from[name])) for name, found in members.items()]


def _read_only_by(model: Model, node: Node, members: Set[str]) -> bool:
    """Whether all that reads tensors gives one of them, or is a node."""
    readers = {reader for name in members for reader in model.consumers.get(name, ())}
    givers = {model.producers[name].name for name in members if name in model.producers}
    return readers <= givers | {node.name}


def decide(model: Model, recipe: Recipe, groups: Iterable[Shared]) -> Decided:
    """Settle what each group gets by the rule at the top of this module.

    Args:
        model: The model.
        recipe: What was asked.
        groups: Its groups.

    Returns:
        The groups with who decides, and what each tensor gets.
    """
    of_tensor: dict[str, tuple[Group, Settings, Mapping[str, str]]] = {}
    contradictions: dict[str, list[Shared]] = {}
    for group in groups:
        own = {n: recipe.tensor_settings(n, *source_of(model, n)) for n in group.members}
        asked = [_asked(recipe, name, *source_of(model, name)) for name in group.members]
        values: dict[str, Any] = {}
        labels: dict[str, str] = {}
        decided_by, fixed = group.ranges_from[0], tuple[str, ...]()
        for setting in SHARED_SETTINGS:
            said = [
                member[setting]
                for member in asked
                if setting in member and member[setting].value is not None
            ]
            if not said:
                values[setting] = _default(recipe, setting, [own[n][0] for n in group.ranges_from])
                continue
            winner = max(said, key=lambda found: found.place)
            values[setting], labels[setting] = winner.value, winner.label
            if setting == "range":
                decided_by, fixed = winner.tensor, tuple(found.tensor for found in said)
            losers = {found.label: found for found in said if found.value != winner.value}
            for loser in losers.values():
                text = _contradiction(recipe, setting, loser, winner)
                contradictions.setdefault(text, []).append(group)
        made = Group(group.members[0], group.members, group.ranges_from, decided_by, fixed)
        for name, (settings, sources) in own.items():
            kept = {key: label for key, label in sources.items() if key not in SHARED_SETTINGS}
            of_tensor[name] = made, replace(settings, **values), {**kept, **labels}
    return Decided(of_tensor, tuple(_sharing(g) + text for text, g in contradictions.items()))


def _default(recipe: Recipe, setting: str, sources: Sequence[Settings]) -> Any:
    """What holds where no rule asks anything."""
    if setting == "range" and any(settings.range is None for settings in sources):
        return None
    return getattr(recipe.defaults, setting)


def _asked(recipe: Recipe, tensor: str, node: str, op_type: str) -> dict[str, _Asked]:
    """What rules ask of a tensor, by setting: for each the rule that wins."""
    found: dict[str, _Asked] = {}
    ordered = sorted(recipe.rules, key=lambda rule: rule.selector == "tensor")
    for place, rule in enumerate(ordered):
        names_it = rule.selector == "tensor" and rule.target == tensor
        if names_it or rule.matches_node(node, op_type):
            for setting, value in rule.set.items():
                found[setting] = _Asked(place, tensor, rule.label, value)
    return found


def _sharing(groups: Sequence[Shared]) -> str:
    members = groups[0].members
    listed = ", ".join(members[:-1]) + f" and {members[-1]}"
    if len(members) > 3:
        listed = f"{members[0]}, {members[1]} and {len(members) - 2} more tensors"
    more = len(groups) - 1
    also = f" (and the tensors of {more} more group{'s' if more > 1 else ''})" if more else ""
    return f"{listed}{also} share one scale, but "


def _contradiction(recipe: Recipe, setting: str, loser: _Asked, winner: _Asked) -> str:
    labels = [rule.label for rule in recipe.rules if rule.selector == "tensor"]
    why = "it comes later"
    if winner.label in labels and loser.label not in labels:
        why = "it names the tensor"
    return (
        f"the rule for {loser.label} asks for {_words(setting, loser.value)} and the rule for "
        f"{winner.label} for {_words(setting, winner.value)}; the rule for {winner.label} holds, "
        f"because {why}."
    )


def _words(setting: str, value: Any) -> str:
    if setting == "range":
        return f"the range {value[0]:g} to {value[1]:g}"
    if isinstance(value, QType):
        return f"the type {value.value}"
    return f"{setting} {str(value).lower()}"
