"""The recipe that asks for what an int8 file of another tool does, as far as one can say it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from quant.calibrators.minmax import MinMax
from quant.foreign.configs.base import FileRecipe
from quant.foreign.doubts import scaled_weights
from quant.foreign.int8_file import FileNode
from quant.foreign.matching import Match
from quant.io.show import counted
from quant.model.model import Node
from quant.model.op_roles import CLAMPS, Kind
from quant.planning.plan import Plan
from quant.planning.resolve import plan
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.types import QType

_ACTIVATIONS: Final = {q.value: q for q in (QType.INT8, QType.UINT8, QType.INT16, QType.UINT16)}
_WEIGHTS: Final = {
    **{q.value: q for q in (QType.INT4, QType.INT8, QType.INT16)},
    "uint8": QType.INT8,
    "uint4": QType.INT4,
}


def recipe_of(match: Match) -> FileRecipe:
    """The recipe that quantizes a float model as an int8 file has it.

    Args:
        match: The file beside the float model.

    Returns:
        The recipe: a range and a type for each tensor that the file rounds, and rules for nodes
        that have their weights otherwise than most.
    """
    defaults = _defaults(match)
    base = Recipe(f"like {match.file.name}", defaults)
    planned = plan(match.model, base)
    base = replace(base, rules=tuple(_of_nodes(match, planned, defaults)))
    # Which tensors there are to round depends on what nodes fuse.
    planned = plan(match.model, base)
    rules = (*base.rules, *_of_tensors(match, planned, defaults))
    return FileRecipe(replace(base, rules=rules), tuple(_notes(match, planned)))


def _defaults(match: Match) -> Settings:
    """What most tensors and weights have."""
    kinds = Counter((c.dtype.name, c.symmetric) for c in match.activations.values())
    (name, symmetric), _ = (kinds.most_common(1) or [(("uint8", False), 0)])[0]
    weights = [w for w in map(match.weight, match.model.nodes) if w is not None]
    types = Counter(w.dtype.name for w in weights).most_common(1) or [("int8", 0)]
    kind = _ACTIVATIONS.get(name, QType.UINT8)
    return Settings(
        activation_type=kind,
        activation_symmetric=symmetric and kind.signed,
        weight_type=_WEIGHTS.get(types[0][0], QType.INT8),
        per_channel=2 * sum(w.axis is not None for w in weights) > len(weights),
        calibrator=MinMax(),
    )


def _of_nodes(match: Match, planned: Plan, defaults: Settings) -> Iterator[Rule]:
    """What nodes have otherwise than by default."""
    for name, item in planned.nodes.items():
        found, node = match.nodes[name], item.node
        if not item.quantized or node.kind is Kind.SAME_SCALE:
            continue
        values: dict[str, Any] = {}
        if found is None:
            if node.op_type in CLAMPS:
                values["drop_activation"] = "always"
        elif node.weight is not None:
            values |= _of_weight(match, node, found, defaults)
        elif not any(found.codes) and not any(o in match.activations for o in node.outputs):
            values["skip"] = True
        if item.fused_into and node.inputs[node.data[0]] in match.activations:
            values["fuse_activation"] = "never"
        if values:
            yield Rule("node", name, values)


def _of_weight(match: Match, node: Node, found: FileNode, defaults: Settings) -> dict[str, Any]:
    weight, values = match.weight(node), dict[str, Any]()
    if weight is None:
        rounded = any(o in match.activations for o in (*found.operands, *node.outputs))
        return {"quantize_weight": False} if rounded else {"skip": True}
    if (weight.axis is not None) != defaults.per_channel:
        values["per_channel"] = weight.axis is not None
    kind = _WEIGHTS.get(weight.dtype.name, QType.INT8)
    if kind is not defaults.weight_type:
        values["weight_type"] = kind
    if node.bias is not None and match.bias(node) is None:
        values["quantize_bias"] = False
    return values


def _of_tensors(match: Match, planned: Plan, defaults: Settings) -> Iterator[Rule]:
    """Range and type of each group of tensors; what the file does not round stays float."""
    for group in planned.groups.values():
        known = next((m for m in group.members if m in match.activations), None)
        if known is None:
            yield Rule("tensor", group.members[0], {"quantize_activation": False})
            continue
        codes = match.activations[known]
        kind = _ACTIVATIONS.get(codes.dtype.name, defaults.activation_type)
        low, high = codes.range
        # A zero point that is 0 by chance is said as well by a range that is not symmetric.
        symmetric = defaults.activation_symmetric and codes.symmetric and kind.signed
        ends = (-high if symmetric else low, high)
        yield tensor_rule(known, ends, kind, symmetric=symmetric, defaults=defaults)


def tensor_rule(
    tensor: str, ends: tuple[float, float], qtype: QType, *, symmetric: bool, defaults: Settings
) -> Rule:
    """The rule for a tensor whose range and type a file says.

    Args:
        tensor: The tensor.
        ends: What the codes stand for, in real units.
        qtype: Their type.
        symmetric: Whether 0 is in their middle.
        defaults: What needs no rule.
    """
    values: dict[str, Any] = {"range": (min(ends[0], 0.0), max(ends[1], 0.0))}
    if qtype is not defaults.activation_type:
        values["activation_type"] = qtype
    if symmetric != defaults.activation_symmetric:
        values["activation_symmetric"] = symmetric
    return Rule("tensor", tensor, values)


def _notes(match: Match, planned: Plan) -> Iterator[str]:
    """What the recipe cannot say."""
    for name, count in match.file.unread.items():
        yield f"{counted(count, name)} cannot be read; what they compute is taken for float."
    lost = [
        name
        for name, item in planned.nodes.items()
        if item.quantized and match.nodes[name] is None and item.node.weight is not None
    ]
    if lost:
        yield f"{_listed(tuple(lost), 'layer')} of the float model cannot be found in the file."
    if match.unmatched:
        lost = _listed(match.unmatched, "tensor")
        yield f"{lost} of the file cannot be found in the float model."
    scaled = scaled_weights(match)
    if scaled:
        yield (
            f"{_listed(scaled, 'weight')} in the file have factors of their own for each channel "
            "(folded or equalized); the recipe rounds those of the float model."
        )
    uneven = sum(w is not None and not w.symmetric for w in map(match.weight, match.model.nodes))
    if uneven:
        found = counted(uneven, "weight")
        yield f"{found} with a zero point: the recipe rounds them symmetrically."
    many = sum(codes.axis is not None for codes in match.activations.values())
    if many:
        found = counted(many, "activation")
        yield f"{found} with a scale for each channel: the recipe gives them one."


def _listed(names: tuple[str, ...], what: str) -> str:
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{counted(len(names), what)} ({', '.join(names[:3])}{more})"
