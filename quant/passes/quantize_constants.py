"""Store weights, constant operands and biases as integers with a DequantizeLinear each."""

from collections.abc import Sequence

import onnx_ir as ir

from quant.params.constants import QuantizedConstant
from quant.passes.graph_edit import (
    Names,
    add_initializer,
    linear_node,
    put_input,
    scale_and_zero_point,
)


class QuantizeConstants(ir.passes.InPlacePass):
    """Replace constant inputs of nodes by DequantizeLinear of an integer initializer.

    One initializer used in the same way by several nodes is stored once. Float initializers that
    nobody reads any more are removed.
    """

    def __init__(self, constants: Sequence[QuantizedConstant]) -> None:
        super().__init__()
        self._constants = constants

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Replace the inputs in the main graph."""
        graph = model.graph
        names = Names(graph)
        nodes = {str(node.name): node for node in graph}
        made: dict[int, ir.Value] = {}
        for item in self._constants:
            user = nodes.get(item.node)
            if user is None:
                continue
            if id(item.codes) not in made:
                made[id(item.codes)] = self._dequantized(graph, names, item, user)
            put_input(user, item.index, made[id(item.codes)])
        for name, value in list(graph.initializers.items()):
            if not value.uses() and not value.is_graph_output():
                del graph.initializers[name]
        return ir.passes.PassResult(model, modified=bool(made))

    def _dequantized(
        self, graph: ir.Graph, names: Names, item: QuantizedConstant, user: ir.Node
    ) -> ir.Value:
        qtype = item.params.spec.qtype
        codes = add_initializer(graph, names, f"{item.name}_quantized", item.codes, qtype)
        scale, zero_point = scale_and_zero_point(graph, names, item.name, item.params)
        node = linear_node("DequantizeLinear", codes, scale, zero_point, item.params)
        node.name = names.unique(f"{item.name}_DequantizeLinear")
        node.outputs[0].name = names.unique(f"{item.name}_dequantized")
        graph.insert_before(user, node)
        return node.outputs[0]
