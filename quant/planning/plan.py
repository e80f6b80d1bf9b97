"""Resolve a recipe on a graph: what each node and tensor gets, and which rule said so."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from quant.errors import RecipeError, did_you_mean
from quant.model.model import Model, Node
from quant.model.op_roles import CLAMPS, Kind
from quant.recipe.recipe import Recipe, Rule, Settings
from quant.types import PerChannel, PerTensor, QuantSpec

INPUT_OP_TYPE = "Input"
"""The operator type under which rules speak of the graph's inputs."""


@dataclass(frozen=True)
class NodePlan:
    """What one node gets.

    Attributes:
        node: The node.
        settings: Its settings.
        sources: For each setting that a rule changed, that rule's label.
        quantized: Whether it computes on quantized values.
        why: Why it does not; empty where it does.
        fused_into: For a fused activation, the node before it; otherwise empty.
    """

    node: Node
    settings: Settings
    sources: Mapping[str, str]
    quantized: bool
    why: str = ""
    fused_into: str = ""

    @property
    def weight_spec(self) -> QuantSpec | None:
        """How its weight is quantized: symmetric, narrow range; None without a weight."""
        weight = self.node.weight
        if weight is None or not self.quantized or not self.settings.quantize_weight:
            return None
        per_channel = self.settings.per_channel and weight.channel_axis is not None
        granularity = PerChannel(weight.channel_axis or 0) if per_channel else PerTensor()
        return QuantSpec(
            self.settings.weight_type, symmetric=True, granularity=granularity, narrow_range=True
        )


@dataclass(frozen=True)
class TensorPlan:
    """What one quantized activation tensor gets.

    Attributes:
        name: The tensor.
        settings: The settings that decide its type, calibrator and range.
        sources: For each setting that a rule changed, that rule's label.
        produced: Whether a quantized node computes it, so that every consumer reads the quantized
            values; otherwise only quantized consumers do.
        group: The name of the tensors' group that shares parameters.
    """

    name: str
    settings: Settings
    sources: Mapping[str, str]
    produced: bool
    group: str

    @property
    def spec(self) -> QuantSpec:
        """How the tensor is quantized when it stands alone."""
        return QuantSpec(self.settings.activation_type, self.settings.activation_symmetric)


@dataclass(frozen=True)
class Group:
    """Tensors that share one scale and zero point.

    Attributes:
        name: Its first tensor in topological order, whose settings decide.
        members: All its tensors.
        ranges_from: The tensors whose ranges, taken together, make the group's range.
    """

    name: str
    members: tuple[str, ...]
    ranges_from: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """A recipe resolved on a model.

    Attributes:
        recipe: The recipe.
        nodes: What each node gets, in topological order.
        tensors: What each quantized activation gets, in topological order.
        groups: The groups of tensors that share parameters, by name.
        warnings: Rules that matched nothing, as sentences.
    """

    recipe: Recipe
    nodes: Mapping[str, NodePlan]
    tensors: Mapping[str, TensorPlan]
    groups: Mapping[str, Group]
    warnings: tuple[str, ...]

    @cached_property
    def min_opset(self) -> int:
        """The opset that the types in use need."""
        types = {tensor.settings.activation_type for tensor in self.tensors.values()}
        types |= {spec.qtype for node in self.nodes.values() if (spec := node.weight_spec)}
        return max((qtype.min_opset for qtype in types), default=13)


def plan(model: Model, recipe: Recipe) -> Plan:
    """Resolve ``recipe`` on ``model``.

    A supported node that is not skipped is a unit: its inputs and its output are quantized. A node
    that only moves values joins when what it moves is quantized, and shares its parameters. A
    fused activation reads the float result of the node before it.

    Args:
        model: The prepared model.
        recipe: What to do.

    Returns:
        What each node and tensor gets.

    Raises:
        RecipeError: If a rule names a node or tensor that the model does not have.
    """
    warnings = _check_rules(model, recipe)
    nodes = _plan_nodes(model, recipe)
    raw = {p.node.inputs[p.node.data[0]] for p in nodes.values() if p.fused_into}
    produced = {
        name
        for p in nodes.values()
        if p.quantized
        for name in model.float_outputs(p.node)
        if name not in raw
    }
    consumed = {
        p.node.inputs[index]
        for p in nodes.values()
        if p.quantized
        for index in p.node.data
        if p.node.inputs[index] not in raw
    }
    names = [name for name in model.tensors if name in produced or name in consumed]
    groups = _share(model, nodes, names)
    group_of = {member: group.name for group in groups.values() for member in group.members}
    tensors: dict[str, TensorPlan] = {}
    for name in names:
        settings, sources = tensor_settings(model, recipe, name)
        tensors[name] = TensorPlan(name, settings, sources, name in produced, group_of[name])
    return Plan(recipe, nodes, tensors, groups, warnings)


def tensor_settings(
    model: Model, recipe: Recipe, tensor: str
) -> tuple[Settings, Mapping[str, str]]:
    """The settings of a tensor under ``recipe``, and which rules changed them."""
    producer = model.producers.get(tensor)
    if producer is None:
        return recipe.tensor_settings(tensor, tensor, INPUT_OP_TYPE)
    return recipe.tensor_settings(tensor, producer.name, producer.op_type)


def tensor_spec(model: Model, recipe: Recipe, tensor: str) -> QuantSpec:
    """How ``tensor`` would be quantized under ``recipe``."""
    settings, _ = tensor_settings(model, recipe, tensor)
    return QuantSpec(settings.activation_type, settings.activation_symmetric)


def _plan_nodes(model: Model, recipe: Recipe) -> dict[str, NodePlan]:
    found: dict[str, NodePlan] = {}
    quantized_outputs: set[str] = set()
    for node in model.nodes:
        settings, sources = recipe.settings(node.name, node.op_type)
        item = NodePlan(node, settings, sources, quantized=True)
        if not node.quantizable:
            item = replace(item, quantized=False, why=node.reason)
        elif settings.skip:
            rule = sources.get("skip", "the recipe's defaults")
            item = replace(item, quantized=False, why=f"skipped by {rule}")
        elif node.kind is Kind.SAME_SCALE and node.inputs[node.data[0]] not in quantized_outputs:
            item = replace(item, quantized=False, why="what it moves is not quantized")
        elif node.kind is Kind.ACTIVATION:
            item = replace(item, fused_into=_fused_into(model, node, settings, found))
        if item.quantized:
            quantized_outputs.update(model.float_outputs(node))
        found[node.name] = item
    return found


def _fused_into(
    model: Model, activation: Node, settings: Settings, before: Mapping[str, NodePlan]
) -> str:
    """The quantized node that ``activation`` fuses into, or an empty name.

    It must compute values of its own, and nothing else may read them.
    """
    wanted = settings.fuse_activation
    if wanted == "never" or (wanted == "clamps" and activation.op_type not in CLAMPS):
        return ""
    source = activation.inputs[activation.data[0]]
    producer = model.producers.get(source)
    if producer is None or model.consumers[source] != (activation.name,):
        return ""
    computes = producer.kind in {Kind.COMPUTE, Kind.ELEMENTWISE}
    return producer.name if computes and before[producer.name].quantized else ""


def _share(model: Model, nodes: Mapping[str, NodePlan], names: list[str]) -> dict[str, Group]:
    """Join the tensors that share parameters.

    The output of a node that only moves values joins its input. Where a recipe aligns a node's
    inputs, they join each other, and the range comes from the largest or from the output.
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

    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(root(name), []).append(name)
    return {
        name: Group(name, tuple(found), tuple(ranges_from[name])) for name, found in members.items()
    }


def _check_rules(model: Model, recipe: Recipe) -> tuple[str, ...]:
    """Refuse rules for unknown nodes and tensors; say which others match nothing."""
    names = {node.name for node in model.nodes} | {info.name for info in model.inputs}
    for rule in recipe.rules:
        known = names if rule.selector == "node" else set(model.tensors)
        if rule.selector in {"node", "tensor"} and rule.target not in known:
            raise RecipeError(
                f"rule for {rule.label}: {model.name} has no such {rule.selector}"
                f"{did_you_mean(rule.target, known)}; correct the name or remove the rule"
            )
    return tuple(
        f"The rule for {rule.label} matches nothing in {model.name}."
        for rule in recipe.rules
        if rule.selector in {"op_type", "pattern"} and not _matches_any(model, rule)
    )


def _matches_any(model: Model, rule: Rule) -> bool:
    return any(rule.matches_node(node.name, node.op_type) for node in model.nodes) or any(
        rule.matches_node(info.name, INPUT_OP_TYPE) for info in model.inputs
    )
