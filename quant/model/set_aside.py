"""Outputs that no node computes, kept away from steps that would rename or lose them."""

from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir


@dataclass(frozen=True)
class OutputsSetAside:
    """The outputs of a graph as they were listed.

    Attributes:
        names: All of them, in order; one may be listed twice.
        shapes: What the file declares of what nodes compute, in branches too. Exporters get it
            wrong, and folding would make it true, so it is hidden from that step.
        constants: Those that are initializers.
    """

    names: tuple[str, ...]
    shapes: Mapping[str, ir.Shape | None]
    constants: tuple[ir.Value, ...]

    def put_back(self, graph: ir.Graph) -> None:
        """List the outputs of ``graph`` as they were, in place."""
        found = {str(value.name): value for value in graph.inputs}
        found |= {str(value.name): value for value in graph.outputs}
        for value in (value for node in graph.all_nodes() for value in node.outputs):
            declared = self.shapes.get(str(value.name))
            if value.shape is None:
                value.shape = declared
            elif declared is not None and len(value.shape) == len(declared):
                pairs = zip(value.shape, declared, strict=True)
                value.shape = ir.Shape(a if _known(a) else b for a, b in pairs)
        for constant in self.constants:
            name = str(constant.name)
            if name not in graph.initializers:
                graph.register_initializer(constant)
            found[name] = graph.initializers[name]
        graph.outputs.clear()
        graph.outputs.extend(found[name] for name in self.names)


def _known(size: int | ir.SymbolicDim) -> bool:
    return isinstance(size, int) or size.value is not None


def set_aside(graph: ir.Graph) -> OutputsSetAside:
    """Leave in ``graph`` the outputs that nodes compute, each once, in place.

    Returns:
        What lists them all again.
    """
    outputs = list(graph.outputs)
    initializers = {id(value) for value in graph.initializers.values()}
    graph.outputs.clear()
    graph.outputs.extend({id(v): v for v in outputs if v.producer() is not None}.values())
    computed = [value for node in graph.all_nodes() for value in node.outputs]
    shapes = {str(value.name): value.shape for value in computed}
    for value in computed:
        value.shape = None
    return OutputsSetAside(
        tuple(str(value.name) for value in outputs),
        shapes,
        tuple({id(v): v for v in outputs if id(v) in initializers}.values()),
    )
