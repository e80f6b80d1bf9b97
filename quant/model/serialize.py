"""Between a model's file and its graph, with the types that the graph cannot hold."""

from typing import Any, cast

import onnx
import onnx_ir as ir

_KEPT = "types of outputs"


def to_graph(proto: onnx.ModelProto) -> ir.Model:
    """The graph of a file. Outputs that are maps lose their type until they are written again.

    Args:
        proto: The file's content; such types are taken out of it.
    """
    kept: dict[str, onnx.TypeProto] = {}
    for value in (*proto.graph.output, *proto.graph.value_info):
        if _holds_map(value.type):
            kept[value.name] = onnx.TypeProto.FromString(value.type.SerializeToString())
            value.ClearField("type")
    graph = ir.from_proto(proto)
    graph.graph.meta[_KEPT] = kept
    return graph


def to_bytes(graph: ir.Model) -> bytes:
    """The content of an ``.onnx`` file; equal graphs give equal bytes."""
    proto = ir.to_proto(graph)
    kept = cast("dict[str, onnx.TypeProto]", cast("Any", graph.graph.meta).get(_KEPT, {}))
    for value in proto.graph.output:
        if value.name in kept:
            value.type.CopyFrom(kept[value.name])
    return proto.SerializeToString(deterministic=True)


def _holds_map(kind: onnx.TypeProto) -> bool:
    match kind.WhichOneof("value"):
        case "map_type":
            return True
        case "sequence_type":
            return _holds_map(kind.sequence_type.elem_type)
        case "optional_type":
            return _holds_map(kind.optional_type.elem_type)
        case _:
            return False
