"""Give tensors that a graph has only divided by factors in real units as well."""

from collections.abc import Mapping

import onnx_ir as ir

from quant.params.equalized import Factors
from quant.passes.graph_edit import Names
from quant.passes.own_units import multiplied


class RealUnits(ir.passes.InPlacePass):
    """Multiply what kernels read by the factors again, for whoever looks into the graph."""

    def __init__(
        self, factors: Factors, unmultiplied: Mapping[str, str], names: Mapping[str, str]
    ) -> None:
        """Add nodes that nothing in the graph reads.

        Args:
            factors: What the channels of tensors are divided by.
            unmultiplied: Tensor -> what the graph has of it.
            names: Tensor -> what it is to be called.
        """
        super().__init__()
        self._factors = factors
        self._unmultiplied = unmultiplied
        self._names = names

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Add the nodes to the main graph."""
        graph, names = model.graph, Names(model.graph)
        values = {str(value.name): value for node in graph for value in node.outputs}
        for tensor, divided in self._unmultiplied.items():
            node = multiplied(graph, names, values[divided], tensor, self._factors[tensor])
            node.outputs[0].name = self._names[tensor]
            graph.append(node)
        return ir.passes.PassResult(model, modified=bool(self._unmultiplied))
