"""Where quantizing pays: operators with multiply-adds, and what stands between two of them.

With ``placement: integer_kernels`` a node computes on integers if it has multiply-adds, or if it
has an integer kernel (:mod:`quant.planning.integer_kernels`), reads only what quantized nodes
compute and gives it to at least one of them. A Concat of integers and floats is one of these where
nothing but quantized nodes reads it: all it joins is rounded in any case, and behind a float Concat
the integers would be rounded twice. All else stays in float: a LayerNorm, Gelu, SiLU or
squeeze-and-excite, the few products of its gate among them (:mod:`quant.planning.gates`), as one
operator or written out by hand, the last steps to an output of the model, an Add of a constant
behind a MatMul, a first Conv of three channels.

What a quantized node gives is rounded where a quantized node reads it, or where its integer kernel
can give nothing but integers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from quant.model.model import Model, Node
from quant.model.op_roles import CLAMPS
from quant.planning.gates import gates
from quant.planning.integer_kernels import (
    FEW_CHANNELS,
    FEW_GROUPS,
    FEW_PRODUCTS,
    KERNELS,
    Kernel,
)
from quant.recipe.settings import Settings

SMALL: Final = 1 << 21
"""Multiply-adds for one sample under which a model takes so little time that none is spared."""

_QUICKER: Final = "a float kernel takes less time"

_GATE: Final = (
    "it computes a gate of pooled values: next to no multiply-adds, and its error reaches whole "
    "channels"
)


@dataclass(frozen=True)
class Placed:
    """What stays in float, and why.

    Attributes:
        float_nodes: Nodes that could be quantized and are not -> why, in words.
        float_tensors: Outputs of quantized nodes that are not rounded -> why, in words.
    """

    float_nodes: Mapping[str, str]
    float_tensors: Mapping[str, str]


def placed(
    model: Model,
    settings: Mapping[str, Settings],
    unheld: Mapping[str, str] | None = None,
    delicate: Mapping[str, str] | None = None,
) -> Placed:
    """Decide what is worth quantizing.

    Args:
        model: The model.
        settings: What the recipe says of each node. Which it skips is of no account: to skip a
            node changes nothing about the others.
        unheld: Nodes that stay in float under any placement -> why, in words.
        delicate: Nodes that do under ``placement: integer_kernels`` alone -> why.

    Returns:
        What stays in float.
    """
    forced = dict(unheld or {})
    asked = {n.name: n for n in model.nodes if n.quantizable and n.name not in forced}
    free = {name for name in asked if settings[name].placement == "integer_kernels"}
    why = {name: reason for name in free if (reason := _without_kernel(asked[name]))}
    why |= {name: reason for name, reason in (delicate or {}).items() if name in free}
    why |= dict.fromkeys(gates(model) & free, _GATE)
    early = {name: reason for name, reason in _too_early(model, asked).items() if name in free}
    # In a small model, or one that does half of its work early, int8 is wanted for something else
    # than its time.
    work = {name: _products(model, node) for name, node in asked.items() if _multiplies(node)}
    known = {name: products or 0 for name, products in work.items()}
    small = None not in work.values() and sum(known.values()) < SMALL
    if not small and 2 * sum(known[name] for name in early) < sum(known.values()):
        why = early | why
    kept = asked.keys() - why.keys()
    open_to_doubt = [
        asked[name]
        for name in asked
        if name in free & kept and (not _multiplies(asked[name]) or _in_groups(model, asked[name]))
    ]
    while lost := {
        node.name: reason
        for node in open_to_doubt
        if node.name in kept and (reason := _alone(model, node, kept))
    }:
        why.update(lost)
        kept -= lost.keys()
    unrounded = {
        output: reason
        for name in free & kept
        for output, reason in _unrounded(model, asked[name], kept)
    }
    return Placed(forced | why, unrounded)


def _products(model: Model, node: Node) -> int | None:
    """The multiply-adds of a node for one sample; None where a size is not known."""
    shape = model.tensors[node.outputs[0]].shape
    if shape is None or any(not isinstance(size, int) for size in shape[1:]):
        return None
    sizes = [size for size in shape[1:] if isinstance(size, int)]
    if node.weight is None:
        return math.prod(sizes)
    channels = node.weight.channel_axis
    summed = math.prod(n for axis, n in enumerate(node.weight.shape) if axis != channels)
    return math.prod(sizes) * summed


def _multiplies(node: Node) -> bool:
    return KERNELS.get(node.op_type) in {Kernel.MULTIPLIES, Kernel.MULTIPLIES_TO_FLOAT}


def _without_kernel(node: Node) -> str:
    """Why no integer kernel is worth using for a node; empty where one is."""
    if node.op_type not in KERNELS:
        return f"{node.op_type} has no integer kernel worth its rounding"
    return ""


def _too_early(model: Model, asked: Mapping[str, Node]) -> dict[str, str]:
    """The nodes with multiply-adds at which it is too early to go over to integers -> why.

    Before them nothing is computed in integers, so whatever they gain must pay for rounding their
    input.
    """
    why: dict[str, str] = {}
    behind_integers: set[str] = set()
    for node in model.nodes:
        behind = any(name in behind_integers for name in node.inputs)
        if node.name in asked and _multiplies(node):
            reason = "" if behind else _gains_little(model, node)
            if reason:
                why[node.name] = reason
                continue
            behind = True
        if behind:
            behind_integers.update(node.outputs)
    return why


def _gains_little(model: Model, node: Node) -> str:
    """Why integers save a node too little time to pay for rounding its input; empty otherwise."""
    if node.op_type != "Conv" or node.weight is None:
        return ""
    channels, products = node.weight.shape[1], math.prod(node.weight.shape[1:])
    of_input = model.tensors[node.inputs[0]].shape
    why = ""
    if of_input is None or of_input[1] != channels:
        why = "it is a Conv in groups" if channels < FEW_CHANNELS else ""
    elif products < FEW_PRODUCTS or (channels < FEW_CHANNELS and products < 2 * FEW_PRODUCTS):
        why = f"it sums only {products} products for an output"
    return why and f"{why}, too few to begin with integers here: {_QUICKER}"


def _alone(model: Model, node: Node, kept: frozenset[str] | set[str]) -> str:
    """Why a node does not stand between two quantized ones; empty where it does."""
    if _ends_kernel(model, node, kept):
        return ""
    if _multiplies(node):
        return _between_floats(model, node, kept)
    if node.constants:
        return "it combines one tensor with a constant, which costs as little in float"
    producers = (model.producers.get(node.inputs[index]) for index in node.data)
    fed = [producer is not None and producer.name in kept for producer in producers]
    if not all(fed) and not (any(fed) and _joins_for_integers(model, node, kept)):
        return "it reads what is computed in float"
    if not any(_read_by(model, output, kept) for output in node.outputs if output):
        return "no quantized operator reads what it gives"
    return ""


def _in_groups(model: Model, node: Node) -> bool:
    """Whether a node is a Conv of a few channels in each of several groups, or of one channel."""
    if node.op_type != "Conv" or node.weight is None or node.weight.shape[1] >= FEW_CHANNELS:
        return False
    of_input = model.tensors[node.inputs[0]].shape
    grouped = of_input is None or of_input[1] != node.weight.shape[1]
    return grouped or node.weight.shape[:2] == (1, 1)


def _between_floats(model: Model, node: Node, kept: frozenset[str] | set[str]) -> str:
    """Why a Conv in groups is left to the float operators around it; empty elsewhere."""
    producer = model.producers.get(node.inputs[0])
    fed = producer is not None and producer.name in kept
    output = node.outputs[0]
    clamp = next((n for n in model.nodes if model.consumers[output] == (n.name,)), None)
    if clamp is not None and clamp.op_type in CLAMPS:
        output = clamp.outputs[0]
    if _read_by(model, output, kept):
        return ""
    if not fed:
        return (
            "it is a Conv in groups between float operators: too few products to pay for rounding"
        )
    channels = node.weight.shape[0] if node.weight is not None else FEW_GROUPS
    if channels < FEW_GROUPS:
        return f"it is a Conv in groups of {channels} channels, read in float: {_QUICKER}"
    return ""


def _ends_kernel(model: Model, node: Node, kept: frozenset[str] | set[str]) -> bool:
    """Whether a node clamps in the kernel before it, which gives nothing but integers."""
    producer = model.producers.get(node.inputs[node.data[0]])
    return (
        node.op_type in CLAMPS
        and producer is not None
        and producer.name in kept
        and KERNELS.get(producer.op_type) is Kernel.MULTIPLIES
        and model.consumers[node.inputs[0]] == (node.name,)
    )


def _joins_for_integers(model: Model, node: Node, kept: frozenset[str] | set[str]) -> bool:
    """Whether a node is a Concat that nothing but quantized nodes reads."""
    return node.op_type == "Concat" and kept >= set(model.consumers[node.outputs[0]])


def _read_by(model: Model, tensor: str, kept: frozenset[str] | set[str]) -> bool:
    return any(consumer in kept for consumer in model.consumers.get(tensor, ()))


def _unrounded(model: Model, node: Node, kept: frozenset[str] | set[str]) -> list[tuple[str, str]]:
    """The outputs of a kept node that need not be rounded, each with the reason."""
    if KERNELS[node.op_type] is not Kernel.MULTIPLIES_TO_FLOAT:
        return []
    why = f"only float operators read it, and an integer {node.op_type} gives floats as well"
    return [(name, why) for name in node.outputs if name and not _read_by(model, name, kept)]
