"""How deep in the network each tensor is, and which of them it is computed from."""

from collections.abc import Iterable
from dataclasses import dataclass

from quant.model import Model


@dataclass(frozen=True)
class Depths:
    """Some tensors of a model as a graph of their own.

    Attributes:
        depth: Tensor -> nodes on the longest way to it from an input, in topological order.
        edges: (from, to): tensors with a way between them that passes no other of these tensors.
    """

    depth: dict[str, int]
    edges: tuple[tuple[str, str], ...]


def tensor_depths(model: Model, tensors: Iterable[str]) -> Depths:
    """Place tensors along the network.

    Args:
        model: The float model.
        tensors: The tensors of interest; others are passed over.

    Returns:
        Their depths, and the ways between them.
    """
    wanted = set(tensors)
    place = {info.name: 0 for info in model.inputs}
    before = {name: frozenset({name} & wanted) for name in place}
    edges: list[tuple[str, str]] = []
    for node in model.nodes:
        sources = [name for name in node.inputs if name in place]
        depth = 1 + max((place[name] for name in sources), default=0)
        origins = frozenset[str]().union(*(before[name] for name in sources))
        for output in (name for name in node.outputs if name):
            place[output] = depth
            before[output] = frozenset({output}) if output in wanted else origins
            if output in wanted:
                edges += [(name, output) for name in sorted(origins, key=place.__getitem__)]
    return Depths({name: depth for name, depth in place.items() if name in wanted}, tuple(edges))
