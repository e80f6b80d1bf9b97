"""Put QuantizeLinear and DequantizeLinear pairs on activations."""

from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir

from quant.passes.graph_edit import Names, linear_node, scale_and_zero_point
from quant.planning.plan import Plan, TensorPlan
from quant.types import QuantParams


@dataclass
class InsertedQdq(ir.passes.PassResult):
    """What :class:`InsertQdq` did.

    Attributes:
        tensor_map: For each quantized tensor the name that its quantized consumers read.
    """

    tensor_map: Mapping[str, str]


class InsertQdq(ir.passes.InPlacePass):
    """Quantize the activations of a plan.

    Where a quantized node computes the tensor, everyone reads the dequantized values, which keep
    the tensor's name (so graph outputs keep theirs); the float result before them is called
    ``<name>_raw``. Otherwise only the quantized consumers read ``<name>_dequantized``, and float
    consumers the float tensor.
    """

    def __init__(self, plan: Plan, params: Mapping[str, QuantParams]) -> None:
        super().__init__()
        self._plan = plan
        self._params = params

    def call(self, model: ir.Model) -> InsertedQdq:
        """Insert the pairs in the main graph."""
        graph = model.graph
        names = Names(graph)
        values = {str(v.name): v for v in (*graph.inputs, *(o for n in graph for o in n.outputs))}
        tensor_map = {
            tensor.name: self._insert(graph, names, values[tensor.name], tensor)
            for tensor in self._plan.tensors.values()
            if tensor.name in values
        }
        return InsertedQdq(model, bool(tensor_map), tensor_map)

    def _insert(self, graph: ir.Graph, names: Names, value: ir.Value, tensor: TensorPlan) -> str:
        params = self._params[tensor.name]
        consumers = [] if tensor.produced else self._quantized_consumers(graph, value)
        scale, zero_point = scale_and_zero_point(graph, names, tensor.name, params)
        quantize = linear_node("QuantizeLinear", value, scale, zero_point, params)
        quantize.name = names.unique(f"{tensor.name}_QuantizeLinear")
        quantize.outputs[0].name = names.unique(f"{tensor.name}_quantized")
        dequantize = linear_node("DequantizeLinear", quantize.outputs[0], scale, zero_point, params)
        dequantize.name = names.unique(f"{tensor.name}_DequantizeLinear")
        output = dequantize.outputs[0]
        producer = value.producer()
        if producer is None:
            graph.insert_before(graph[0], [quantize, dequantize])
        else:
            graph.insert_after(producer, [quantize, dequantize])
        if tensor.produced:
            value.name = names.unique(f"{tensor.name}_raw")
            output.name = tensor.name
            value.replace_all_uses_with(output, replace_graph_outputs=True)
            quantize.replace_input_with(0, value)
        else:
            output.name = names.unique(f"{tensor.name}_dequantized")
            for node, index in consumers:
                node.replace_input_with(index, output)
        return str(output.name)

    def _quantized_consumers(self, graph: ir.Graph, value: ir.Value) -> list[tuple[ir.Node, int]]:
        """The places where a quantized node of the main graph reads ``value`` as data."""
        found: list[tuple[ir.Node, int]] = []
        for use in value.uses():
            item = self._plan.nodes.get(str(use.node.name)) if use.node.graph is graph else None
            if item is not None and item.quantized and use.idx in item.node.data:
                found.append((use.node, use.idx))
        return found
