"""Squeeze-and-excite gates: what is computed of pooled values and multiplies whole channels.

A gate takes next to no multiply-adds, as each channel is one number, while every rounding error in
it reaches all of a channel.

Source: J. Hu, L. Shen, G. Sun, "Squeeze-and-Excitation Networks" (2018).
"""

from collections.abc import Iterator
from typing import Final

from quant.model.model import Model, Node
from quant.model.op_roles import Kind

_POOLS: Final = frozenset({"GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax"})
_POINTWISE: Final = frozenset({"Add", "BatchNormalization", "Div", "Max", "Min", "Mul", "Sub"})
"""Beside activations, what such a gate is written in."""


def gates(model: Model) -> frozenset[str]:
    """The nodes with weights that compute gates.

    Args:
        model: The model.

    Returns:
        Their names: all that lies between a pool and one side of a Mul whose other side is not
        computed of pooled values alone.
    """
    found: set[str] = set()
    for node in model.nodes:
        if node.op_type != "Mul" or len(node.data) < 2:
            continue
        sides = [_pooled(model, node.inputs[index]) for index in node.data]
        if any(side is None for side in sides):
            found.update(name for side in sides if side is not None for name in side)
    return frozenset(found)


def _pooled(model: Model, tensor: str) -> list[str] | None:
    """The nodes with weights between pools and a tensor; None where other values count too."""
    weights: list[str] = []
    for node in _back(model, tensor):
        if node is None:
            return None
        if node.weight is not None:
            weights.append(node.name)
    return weights


def _back(model: Model, tensor: str) -> Iterator[Node | None]:
    """The nodes between pools and a tensor; None where a way back ends in anything else."""
    waiting, seen = [tensor], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name in model.graph.graph.initializers:
            continue
        seen.add(name)
        node = model.producers.get(name)
        if node is not None and node.op_type in _POOLS:
            continue
        if node is None or not _goes_on(node):
            yield None
            return
        yield node
        waiting += [source for source in node.inputs if source]


def _goes_on(node: Node) -> bool:
    if node.weight is not None and node.op_type in {"Conv", "Gemm", "MatMul"}:
        return True
    return node.kind in {Kind.ACTIVATION, Kind.SAME_SCALE} or node.op_type in _POINTWISE
