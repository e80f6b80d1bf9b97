"""One graph in which every unit of an int8 model is quantized alone, beside the float model.

It holds the float model and a copy of the int8 model whose every quantized tensor is taken from the
float model again, so that one run measures all units and no error reaches the next.
"""

from collections.abc import Mapping

import onnx
import onnx_ir as ir

from quant.model.opset import raise_opset
from quant.model.weights_beside import ModelBytes, folder_of
from quant.pipeline import QuantizedModel

_PREFIX = "local/"


def local_graph(quantized: QuantizedModel) -> tuple[bytes, Mapping[str, str]]:
    """The float model beside its units, each quantized alone.

    Args:
        quantized: The int8 model.

    Returns:
        The content of an ``.onnx`` file with the outputs of the float model, and float tensor ->
        the tensor that holds it with the local error.
    """
    float_model = _float_model(quantized)
    graph = float_model.graph
    int8 = onnx.load_model_from_string(quantized.to_bytes()).graph
    shared = {value.name for value in graph.input}
    tensor_of = {seen: name for name, seen in quantized.tensor_map.items()}
    dequantize = {n.input[0]: n for n in int8.node if n.op_type == "DequantizeLinear"}
    seen_as: dict[str, str] = {}
    for initializer in int8.initializer:
        initializer.name = _PREFIX + initializer.name
        graph.initializer.append(initializer)
    for node in int8.node:
        copy = _renamed(node, _PREFIX, shared)
        if node.op_type != "QuantizeLinear":
            graph.node.append(copy)
            continue
        after = dequantize[node.output[0]]
        tensor = tensor_of[after.output[0]]
        seen_as[tensor] = _PREFIX + after.output[0]
        if quantized.plan.tensors[tensor].produced:
            # The unit's own result is quantized apart from what the next units read.
            own = onnx.NodeProto()
            own.CopyFrom(copy)
            own.output[0] = f"{copy.output[0]}/own"
            result = _renamed(after, _PREFIX, shared)
            result.input[0] = own.output[0]
            result.output[0] = seen_as[tensor] = f"{result.output[0]}/own"
            own.name, result.name = f"{own.name}/own", f"{result.name}/own"
            graph.node.extend((own, result))
        copy.input[0] = tensor
        graph.node.append(copy)
    folder = folder_of(quantized.float_model.to_bytes())
    content = ModelBytes.of(float_model.SerializeToString(), folder)
    return content, {name: seen_as[name] for name in quantized.plan.tensors if name in seen_as}


def _float_model(quantized: QuantizedModel) -> onnx.ModelProto:
    """The float model in the opset of the int8 one."""
    model = quantized.float_model
    opset = quantized.graph.opset_imports.get("", 0)
    if opset <= model.graph.opset_imports.get("", 0):
        return onnx.load_model_from_string(model.to_bytes())
    raised = model.graph.clone()
    raise_opset(raised, opset, model.name)
    return ir.to_proto(raised)


def _renamed(node: onnx.NodeProto, prefix: str, shared: set[str]) -> onnx.NodeProto:
    """The node under other names, reading and giving other tensors than those that are shared."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = prefix + node.name
    for names in (copy.input, copy.output):
        for index, name in enumerate(names):
            if name and name not in shared:
                names[index] = prefix + name
    return copy
