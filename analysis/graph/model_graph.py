"""The float graph as a drawing: which nodes there are, what leads where, and how to lay it out."""

from collections.abc import Collection
from dataclasses import dataclass

from analysis.graph.layout import GraphLayout, graph_layout
from analysis.graph.wrapping import wrapped
from quant.model.model import Model
from quant.model.op_roles import INPUT_OP_TYPE


@dataclass(frozen=True)
class ModelGraph:
    """The inputs and nodes of a float model, placed. Q/DQ pairs are none of its nodes.

    Attributes:
        names: Inputs, then nodes in topological order; the names that rows and rules go by.
        op_types: Their operators; ``Input`` for an input.
        outputs: For each, the model outputs it gives, joined by commas; empty for most.
        layout: Where they are and what leads where.
    """

    names: tuple[str, ...]
    op_types: tuple[str, ...]
    outputs: tuple[str, ...]
    layout: GraphLayout


def model_graph(model: Model) -> ModelGraph:
    """Lay out the graph of ``model``."""
    names = [info.name for info in model.inputs]
    made_by = {name: index for index, name in enumerate(names)}
    op_types = [INPUT_OP_TYPE] * len(names)
    edges: list[tuple[int, int]] = []
    for node in model.nodes:
        place = len(names)
        edges += [(made_by[name], place) for name in node.inputs if name in made_by]
        made_by |= {name: place for name in node.outputs if name}
        names.append(node.name)
        op_types.append(node.op_type)
    outputs: list[list[str]] = [[] for _ in names]
    for info in model.outputs:
        if info.name in made_by:
            outputs[made_by[info.name]].append(info.name)
    return ModelGraph(
        names=tuple(names),
        op_types=tuple(op_types),
        outputs=tuple(", ".join(given) for given in outputs),
        layout=wrapped(graph_layout(len(names), edges)),
    )


def measured_edges(model: Model, tensors: Collection[str]) -> tuple[tuple[str, str], ...]:
    """What leads from tensor to tensor, over those in between that are not wanted.

    Args:
        model: The model.
        tensors: The tensors that are wanted.

    Returns:
        Pairs of a tensor and one that is computed from it, in topological order of the second.
    """
    before: dict[str, tuple[str, ...]] = {}
    edges: list[tuple[str, str]] = []
    for node in model.nodes:
        nearest = dict.fromkeys(
            source
            for name in node.inputs
            for source in ((name,) if name in tensors else before.get(name, ()))
        )
        for name in node.outputs:
            before[name] = tuple(nearest)
            if name in tensors:
                edges += [(source, name) for source in nearest]
    return tuple(edges)
