"""Resolve a recipe on a model."""

from collections.abc import Mapping
from dataclasses import replace

from quant.errors import RecipeError, did_you_mean
from quant.model.model import Model, Node
from quant.model.op_roles import CLAMPS, INPUT_OP_TYPE, Kind
from quant.planning.groups import decide, shared, source_of
from quant.planning.near_zero import needs_relative_precision
from quant.planning.placement import placed
from quant.planning.plan import Group, NodePlan, Plan, TensorPlan
from quant.planning.sizes import deciding
from quant.planning.unheld import touching, unheld_tensors
from quant.recipe.recipe import Recipe, Rule, Selector
from quant.recipe.settings import Settings
from quant.statistics.calibration import Calibration
from quant.types import QuantSpec


def plan(model: Model, recipe: Recipe, calibration: Calibration | None = None) -> Plan:
    """Resolve ``recipe`` on ``model``.

    A supported node that is not skipped is a unit: its inputs and its output are quantized. A node
    that only moves values joins when what it moves is quantized, and shares its parameters. A
    fused activation reads the float result of the node before it.

    Args:
        model: The prepared model.
        recipe: What to do.
        calibration: Statistics of its tensors; without them every tensor is taken for one whose
            values integers can hold.

    Returns:
        What each node and tensor gets.

    Raises:
        RecipeError: If a rule names a node or tensor that the model does not have.
    """
    warnings = _check_rules(model, recipe)
    settings = {n.name: recipe.settings(n.name, n.op_type) for n in model.nodes}
    unheld = {} if calibration is None else touching(model, unheld_tensors(model, calibration))
    small = {} if calibration is None else needs_relative_precision(model, calibration)
    of_nodes = {name: found for name, (found, _) in settings.items()}
    placement = placed(model, of_nodes, {**unheld, **deciding(model)}, small)
    nodes = _plan_nodes(model, settings, placement.float_nodes)
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
    decided = decide(model, recipe, shared(model, nodes, names))
    tensors: dict[bool, dict[str, TensorPlan]] = {True: {}, False: {}}
    groups: dict[bool, dict[str, Group]] = {True: {}, False: {}}
    for name in names:
        group, own, sources = decided.of_tensor[name]
        why = placement.float_tensors.get(name, "")
        rounded = own.quantize_activation and not why
        made = TensorPlan(name, own, sources, name in produced, group.name, why)
        tensors[rounded][name] = made
        groups[rounded][group.name] = group
    return Plan(
        recipe,
        nodes,
        tensors=tensors[True],
        groups=groups[True],
        float_tensors=tensors[False],
        float_groups=groups[False],
        warnings=(*warnings, *decided.warnings, *_nothing_quantized(nodes)),
    )


def tensor_spec(model: Model, recipe: Recipe, tensor: str) -> QuantSpec:
    """How ``tensor`` would be quantized under ``recipe`` if it shared its scale with no other."""
    settings, _ = recipe.tensor_settings(tensor, *source_of(model, tensor))
    return QuantSpec(settings.activation_type, settings.activation_symmetric)


def matching(model: Model, selector: Selector, target: str) -> tuple[str, ...]:
    """The nodes and inputs of ``model`` that a selector matches.

    Raises:
        RecipeError: If the pattern is not a regular expression.
    """
    rule = Rule(selector, target, {})
    inputs = [(info.name, INPUT_OP_TYPE) for info in model.inputs]
    nodes = [(node.name, node.op_type) for node in model.nodes if node.quantizable]
    return tuple(name for name, op_type in inputs + nodes if rule.matches_node(name, op_type))


def _plan_nodes(
    model: Model,
    found_settings: Mapping[str, tuple[Settings, Mapping[str, str]]],
    not_worth: Mapping[str, str],
) -> dict[str, NodePlan]:
    found: dict[str, NodePlan] = {}
    quantized_outputs: set[str] = set()
    for node in model.nodes:
        settings, sources = found_settings[node.name]
        item = NodePlan(node, settings, sources, quantized=True)
        if not node.quantizable:
            item = replace(item, quantized=False, why=node.reason)
        elif settings.skip:
            rule = sources.get("skip", "the recipe's defaults")
            item = replace(item, quantized=False, why=f"skipped by {rule}")
        elif node.name in not_worth:
            item = replace(item, quantized=False, why=not_worth[node.name])
        elif node.kind is Kind.SAME_SCALE and node.inputs[node.data[0]] not in quantized_outputs:
            item = replace(item, quantized=False, why="what it moves is not quantized")
        elif node.kind is Kind.ACTIVATION:
            item = replace(item, fused_into=_fused_into(model, node, settings, found))
        if item.quantized:
            quantized_outputs.update(model.float_outputs(node))
        found[node.name] = item
    return found


def _nothing_quantized(nodes: Mapping[str, NodePlan]) -> tuple[str, ...]:
    """Say so, and why, where a recipe skips nothing and all the same leaves all in float."""
    able = [item for item in nodes.values() if item.node.quantizable]
    if not able or any(item.quantized or item.settings.skip for item in able):
        return ()
    example = next((item for item in able if item.node.weight is not None), able[0])
    return (
        f"Nothing is quantized. {example.node.op_type} {example.node.name!r} stays in float: "
        f"{example.why}. A rule with placement everything quantizes a node wherever it stands.",
    )


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
