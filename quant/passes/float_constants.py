"""Put other float constants in, and add what has no input of its own."""

from collections.abc import Sequence

import onnx_ir as ir

from quant.passes.graph_edit import Names, add_initializer, put_input
from quant.repairs.draft import FloatConstant, Shift


class ReplaceFloatConstants(ir.passes.InPlacePass):
    """Give nodes other float constants, also as inputs that they did not have."""

    def __init__(self, constants: Sequence[FloatConstant]) -> None:
        super().__init__()
        self._constants = constants

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Replace the inputs in the main graph."""
        names = Names(model.graph)
        nodes = {str(node.name): node for node in model.graph}
        for item in self._constants:
            value = add_initializer(model.graph, names, item.name, item.values, None)
            put_input(nodes[item.node], item.index, value)
        return ir.passes.PassResult(model, modified=bool(self._constants))


class AddShifts(ir.passes.InPlacePass):
    """Add a constant to what nodes compute; the sum takes the name of what it replaces."""

    def __init__(self, shifts: Sequence[Shift]) -> None:
        super().__init__()
        self._shifts = shifts

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Add the nodes to the main graph."""
        graph = model.graph
        names = Names(graph)
        nodes = {str(node.name): node for node in graph}
        for item in self._shifts:
            node = nodes[item.node]
            before = node.outputs[0]
            name = str(before.name)
            values = add_initializer(graph, names, f"{item.node}_bias", item.values, None)
            add = ir.Node("", "Add", [before, values], num_outputs=1)
            add.name = names.unique(f"{item.node}_bias_Add")
            after = add.outputs[0]
            after.type, after.shape = before.type, before.shape
            graph.insert_after(node, add)
            before.replace_all_uses_with(after, replace_graph_outputs=True)
            add.replace_input_with(0, before)
            before.name = names.unique(f"{name}_unshifted")
            after.name = name
        return ir.passes.PassResult(model, modified=bool(self._shifts))
