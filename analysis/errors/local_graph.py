"""One graph in which every unit of an int8 model is quantized alone, beside the float model.

It holds the float model and a copy of the int8 model whose every quantized tensor is taken from the
float model again, so that one run measures all units and no error reaches the next.
"""

from collections.abc import Collection, Mapping, Sequence, Set

import onnx
import onnx_ir as ir

from quant.model.opset import raise_opset
from quant.model.subgraphs import stored_bodies
from quant.model.weights_beside import ModelBytes, folder_of
from quant.pipeline import QuantizedModel

_PREFIX = "local/"


def local_graph(quantized: QuantizedModel) -> tuple[bytes, Mapping[str, str]]:
    """The float model beside its units, each quantized alone.

    Args:
        quantized: The int8 model.

    Returns:
        The content of an ``.onnx`` file with the outputs of the float model, and float tensor ->
        the tensor that holds it with the local error. A tensor that is read in parts has none.
    """
    float_model = _float_model(quantized)
    graph = float_model.graph
    int8 = onnx.load_model_from_string(quantized.tapped_bytes()).graph
    shared = {value.name for value in graph.input}
    pairs = _pairs(quantized, int8)
    seen_as: dict[str, str] = {}
    for initializer in int8.initializer:
        initializer.name = _PREFIX + initializer.name
        graph.initializer.append(initializer)
    parts = _making_parts(quantized, {node.name for node in graph.node}, int8)
    for node in int8.node:
        if node.name in parts:
            read_in_float = {*shared, *quantized.draft.splits}
            graph.node.append(_renamed(node, _PREFIX, read_in_float))
            continue
        if node.op_type != "QuantizeLinear":
            graph.node.append(_renamed(node, _PREFIX, shared))
            continue
        tensor, behind = pairs[node.name]
        seen_as[tensor] = _PREFIX + behind[-1].output[0]
        if quantized.plan.tensors[tensor].produced:
            # The unit's own result is quantized apart from what the next units read.
            own = [_own(_renamed(item, _PREFIX, shared)) for item in (node, *behind)]
            own[0].input[0] = _PREFIX + node.input[0]
            seen_as[tensor] = own[-1].output[0]
            graph.node.extend(own)
        copy = _renamed(node, _PREFIX, shared)
        copy.input[0] = tensor
        if len(behind) > 1:
            copy.input[0] = _in_kernel_units(graph, behind[1:], tensor)
        graph.node.append(copy)
    folder = folder_of(quantized.float_model.to_bytes())
    content = ModelBytes.of(float_model.SerializeToString(), folder)
    return content, {name: seen_as[name] for name in quantized.plan.tensors if name in seen_as}


def _making_parts(
    quantized: QuantizedModel, known: Collection[str], int8: onnx.GraphProto
) -> set[str]:
    """The nodes that take tensors apart, up to the QuantizeLinear of the parts."""
    values, nodes = set(quantized.draft.splits), set[str]()
    for node in int8.node:
        if node.name not in known and not values.isdisjoint(node.input):
            nodes.add(node.name)
            if node.op_type != "QuantizeLinear":
                values.update(node.output)
    return nodes


def _pairs(
    quantized: QuantizedModel, int8: onnx.GraphProto
) -> dict[str, tuple[str, list[onnx.NodeProto]]]:
    """QuantizeLinear -> the tensor it rounds, and the nodes up to that in real units."""
    maker = {output: node for node in int8.node for output in node.output}
    found: dict[str, tuple[str, list[onnx.NodeProto]]] = {}
    for tensor, seen in quantized.tensor_map.items():
        if tensor in quantized.draft.splits:
            continue
        node, behind = maker[seen], list[onnx.NodeProto]()
        while node.op_type != "QuantizeLinear":
            behind.insert(0, node)
            node = maker[node.input[0]]
        found[node.name] = tensor, behind
    return found


def _own(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node on a branch of its own."""
    node.name, node.input[0], node.output[0] = (
        f"{name}/own" for name in (node.name, node.input[0], node.output[0])
    )
    return node


def _in_kernel_units(graph: onnx.GraphProto, behind: Sequence[onnx.NodeProto], tensor: str) -> str:
    """What a float tensor is before the Mul and Add that are behind its pair, undone in a copy."""
    undo = {"Mul": "Div", "Add": "Sub"}
    value = tensor
    for node in reversed(behind):
        made = onnx.NodeProto(op_type=undo[node.op_type], name=f"{_PREFIX}{node.name}/undone")
        made.input.extend((value, _PREFIX + node.input[1]))
        value = f"{_PREFIX}{node.output[0]}/undone"
        made.output.append(value)
        graph.node.append(made)
    return value


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
    _rename_captured(copy, prefix, shared)
    return copy


def _rename_captured(node: onnx.NodeProto, prefix: str, known: Set[str]) -> None:
    """Rename what the subgraphs of a node read of the graph around it, but for what is known."""
    for graph in stored_bodies(node):
        inside = known | {value.name for value in (*graph.input, *graph.initializer)}
        inside |= {name for inner in graph.node for name in inner.output}
        for inner in graph.node:
            inner.input[:] = [n if not n or n in inside else prefix + n for n in inner.input]
            _rename_captured(inner, prefix, inside)
        for output in graph.output:
            output.name = output.name if output.name in inside else prefix + output.name
