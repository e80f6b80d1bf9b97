"""Remove Relu and Clip nodes whose work the quantization after them does."""

import onnx_ir as ir


class DropActivations(ir.passes.InPlacePass):
    """Remove the named nodes; what they fed reads their input instead.

    The output keeps the activation's name, so that the tensor the recipe speaks of is still there.
    """

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._names = names

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Remove the nodes from the main graph."""
        graph = model.graph
        doomed = [node for node in graph if node.name in self._names]
        for node in doomed:
            source, output = node.inputs[0], node.outputs[0]
            if source is None:
                continue
            name = output.name
            output.replace_all_uses_with(source, replace_graph_outputs=True)
            graph.remove(node, safe=True)
            source.name = name
        return ir.passes.PassResult(model, modified=bool(doomed))
