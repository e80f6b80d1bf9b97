"""Keep float weights float in the hands of ONNX Runtime."""

import onnx_ir as ir

from quant.passes.graph_edit import Names


class ShieldFloat(ir.passes.InPlacePass):
    """Put a Max of one input, which changes nothing, between DequantizeLinear and the named nodes.

    From the level "basic" on ONNX Runtime stores the float weight of a Conv, ConvTranspose or Gemm
    that reads a DequantizeLinear as int8, with one scale for the whole weight (its transformer
    WeightBiasQuantization, seen in 1.31). A node that a recipe leaves in float would lose
    more than quantized per channel. An AveragePool with dilations between DequantizeLinear and
    QuantizeLinear becomes an integer one that does not load (seen in 1.32). An Identity would be
    removed before; a Max is not.
    """

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._names = names

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Shield the nodes in the main graph."""
        graph = model.graph
        names = Names(graph)
        shielded: dict[ir.Value, ir.Value] = {}
        for node in [node for node in graph if node.name in self._names]:
            for index, value in enumerate(node.inputs):
                if value is None or not _dequantized(value):
                    continue
                if value not in shielded:
                    shielded[value] = self._shield(graph, names, value)
                node.replace_input_with(index, shielded[value])
        return ir.passes.PassResult(model, modified=bool(shielded))

    def _shield(self, graph: ir.Graph, names: Names, value: ir.Value) -> ir.Value:
        shield = ir.Node("", "Max", [value], num_outputs=1)
        shield.name = names.unique(f"{value.name}_Max")
        output = shield.outputs[0]
        output.name = names.unique(f"{value.name}_float")
        output.type, output.shape = value.type, value.shape
        producer = value.producer()
        assert producer is not None
        graph.insert_after(producer, shield)
        return output


def _dequantized(value: ir.Value) -> bool:
    producer = value.producer()
    return producer is not None and producer.op_type == "DequantizeLinear"
