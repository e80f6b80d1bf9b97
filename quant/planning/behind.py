"""The way back through a graph, from a tensor to what computes it."""

from collections.abc import Callable, Iterator

from quant.model.model import Model, Node


def behind(model: Model, tensor: str, goes_on: Callable[[Node], bool]) -> Iterator[Node]:
    """The nodes that compute a tensor, each before those that it reads.

    Args:
        model: The model.
        tensor: Where to begin.
        goes_on: Whether to look at what a node reads as well.
    """
    waiting, seen = [tensor], set[str]()
    while waiting:
        name = waiting.pop()
        node = model.producers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        yield node
        if goes_on(node):
            waiting += [source for source in node.inputs if source]
