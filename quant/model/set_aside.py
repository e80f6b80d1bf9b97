"""Outputs that no node computes, kept away from steps that would rename or lose them."""

from dataclasses import dataclass

import onnx_ir as ir


@dataclass(frozen=True)
class OutputsSetAside:
    """The outputs of a graph as they were listed.

    Attributes:
        names: All of them, in order; one may be listed twice.
        constants: Those that are initializers.
    """

    names: tuple[str, ...]
    constants: tuple[ir.Value, ...]

    def put_back(self, graph: ir.Graph) -> None:
        """List the outputs of ``graph`` as they were, in place."""
        found = {str(value.name): value for value in graph.inputs}
        found |= {str(value.name): value for value in graph.outputs}
        for constant in self.constants:
            name = str(constant.name)
            if name not in graph.initializers:
                graph.register_initializer(constant)
            found[name] = graph.initializers[name]
        graph.outputs.clear()
        graph.outputs.extend(found[name] for name in self.names)


def set_aside(graph: ir.Graph) -> OutputsSetAside:
    """Leave in ``graph`` the outputs that nodes compute, each once, in place.

    Returns:
        What lists them all again.
    """
    outputs = list(graph.outputs)
    initializers = {id(value) for value in graph.initializers.values()}
    graph.outputs.clear()
    graph.outputs.extend({id(v): v for v in outputs if v.producer() is not None}.values())
    return OutputsSetAside(
        tuple(str(value.name) for value in outputs),
        tuple({id(v): v for v in outputs if id(v) in initializers}.values()),
    )
