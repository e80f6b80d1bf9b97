"""Pick rows of integer tables, and turn only those into real numbers."""

from collections.abc import Mapping

import onnx_ir as ir

from quant.params.constants import QuantizedConstant
from quant.passes.graph_edit import Names, add_initializer


class GatherRows(ir.passes.InPlacePass):
    """Replace each Gather of a float table by Gathers of its integers and its rows' scales.

    A DequantizeLinear before the Gather would turn the whole table into floats, and one behind it
    cannot know which rows were picked. The float tables are left behind, read by nobody.
    """

    def __init__(self, tables: Mapping[str, QuantizedConstant]) -> None:
        super().__init__()
        self._tables = tables

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Replace the nodes in the main graph."""
        graph = model.graph
        names = Names(graph)
        stored: dict[str, tuple[ir.Value, ir.Value]] = {}
        for node in [node for node in graph if node.name in self._tables]:
            item = self._tables[str(node.name)]
            if item.name not in stored:
                codes = add_initializer(
                    graph, names, f"{item.name}_quantized", item.codes, item.params.spec.qtype
                )
                rows = item.params.scale.reshape(-1, 1)
                scale = add_initializer(graph, names, f"{item.name}_scale", rows, None)
                stored[item.name] = codes, scale
            _replace(graph, names, node, *stored[item.name])
        return ir.passes.PassResult(model, modified=bool(stored))


def _replace(
    graph: ir.Graph, names: Names, node: ir.Node, codes: ir.Value, scale: ir.Value
) -> None:
    indices, after = node.inputs[1], node.outputs[0]
    base = str(node.name)

    def made(op_type: str, inputs: list[ir.Value | None], *attributes: ir.Attr) -> ir.Node:
        found = ir.Node("", op_type, inputs, attributes, num_outputs=1)
        found.name = names.unique(f"{base}_{op_type}")
        found.outputs[0].name = names.unique(f"{found.name}_out")
        return found

    picked = made("Gather", [codes, indices], ir.AttrInt64("axis", 0))
    real = made("Cast", [picked.outputs[0]], ir.AttrInt64("to", ir.DataType.FLOAT.value))
    scales = made("Gather", [scale, indices], ir.AttrInt64("axis", 0))
    product = made("Mul", [real.outputs[0], scales.outputs[0]])
    graph.insert_before(node, [picked, real, scales, product])
    result = product.outputs[0]
    result.type, result.shape, name = after.type, after.shape, after.name
    after.replace_all_uses_with(result, replace_graph_outputs=True)
    graph.remove(node, safe=True)
    product.name, result.name = base, name
