"""Models in half precision, computed in float32 inside, with inputs and outputs as they were."""

from typing import Final

import numpy as np
import onnx_ir as ir

_HALVES: Final = frozenset({ir.DataType.FLOAT16, ir.DataType.BFLOAT16})
_TYPE_ATTRIBUTES: Final = ("to", "dtype")
_WIDE: Final = int(ir.DataType.FLOAT)


def widen(model: ir.Model) -> str:
    """Compute everything that is in half precision in float32, in place.

    Widening a number changes nothing, so the model computes what it did but for the roundings that
    it no longer makes.

    Returns:
        The types found, such as ``float16``; empty where there was none.
    """
    graphs = list(model.graphs())
    found = {
        value.dtype
        for graph in graphs
        for value in (*graph.inputs, *graph.initializers.values(), *_outputs(graph))
        if value.dtype in _HALVES
    }
    if not found:
        return ""
    for graph in graphs:
        for value in graph.initializers.values():
            if value.const_value is not None and value.const_value.dtype in _HALVES:
                wide = value.const_value.numpy().astype(np.float32)
                value.const_value = ir.tensor(wide, name=value.name)
                value.dtype = ir.DataType.FLOAT
        for node in graph:
            _widen_attributes(node)
    for graph in graphs:
        ends = graph is model.graph
        outputs = {id(v): v.dtype for v in graph.outputs if v.dtype in _HALVES} if ends else {}
        for value in _outputs(graph):
            if value.dtype in _HALVES:
                value.dtype = ir.DataType.FLOAT
        if ends:
            _cast_inputs(graph)
            _cast_outputs(graph, outputs)
    return " and ".join(sorted(kind.name.lower() for kind in found if kind is not None))


def _outputs(graph: ir.Graph) -> list[ir.Value]:
    return [value for node in graph for value in node.outputs]


def _widen_attributes(node: ir.Node) -> None:
    for name, attribute in list(node.attributes.items()):
        if attribute.type == ir.AttributeType.TENSOR:
            tensor = attribute.as_tensor()
            if tensor.dtype in _HALVES:
                wide = ir.tensor(tensor.numpy().astype(np.float32))
                node.attributes[name] = ir.AttrTensor(name, wide)
        elif (
            name in _TYPE_ATTRIBUTES
            and attribute.type == ir.AttributeType.INT
            and ir.DataType(attribute.as_int()) in _HALVES
        ):
            node.attributes[name] = ir.AttrInt64(name, _WIDE)


def _cast(value: ir.Value, output: ir.Value, to: ir.DataType) -> ir.Node:
    output.dtype = to
    return ir.Node(
        "",
        "Cast",
        [value],
        {"to": ir.AttrInt64("to", int(to))},
        name=f"{output.name}:cast",
        outputs=[output],
    )


def _cast_inputs(graph: ir.Graph) -> None:
    for value in graph.inputs:
        if value.dtype in _HALVES:
            wide = ir.Value(name=f"{value.name}:float32", shape=value.shape)
            value.replace_all_uses_with(wide)
            graph.insert_before(graph[0], _cast(value, wide, ir.DataType.FLOAT))


def _cast_outputs(graph: ir.Graph, kinds: dict[int, ir.DataType | None]) -> None:
    for index, value in enumerate(graph.outputs):
        kind = kinds.get(id(value))
        producer = value.producer()
        if kind is None or producer is None:
            continue
        narrow = ir.Value(name=value.name, shape=value.shape)
        value.name = f"{narrow.name}:float32"
        graph.outputs[index] = narrow
        graph.insert_after(producer, _cast(value, narrow, kind))
