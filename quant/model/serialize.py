"""Between a model's file and its graph, with the types that the graph cannot hold."""

from pathlib import Path
from typing import Any, cast

import onnx
import onnx_ir as ir

from quant.errors import ModelError
from quant.model.sparse import densify
from quant.model.weights_beside import ModelBytes

_KEPT = "types of outputs"


def to_graph(proto: onnx.ModelProto, folder: Path | None = None) -> ir.Model:
    """The graph of a file. Outputs that are maps lose their type until they are written again.

    Args:
        proto: The file's content; such types are taken out of it, and sparse weights written out.
        folder: Where the files of weights are that it leaves outside.
    """
    densify(proto.graph)
    kept: dict[str, onnx.TypeProto] = {}
    for value in (*proto.graph.output, *proto.graph.value_info):
        if _holds_map(value.type):
            kept[value.name] = onnx.TypeProto.FromString(value.type.SerializeToString())
            value.ClearField("type")
    graph = ir.from_proto(proto)
    graph.graph.meta[_KEPT] = kept
    if folder is not None:
        cast("Any", ir.external_data).set_base_dir(graph.graph, folder)
    return graph


def to_bytes(graph: ir.Model) -> bytes:
    """The content of an ``.onnx`` file; equal graphs give equal bytes.

    Weights of a large model stay in its files, and the content knows their folder.

    Raises:
        ModelError: If the graph holds what no file can, or more than 2 GB.
    """
    try:
        proto = ir.to_proto(graph)
    except Exception as error:  # whatever odd parts of a file make the library raise
        raise ModelError(
            f"{graph.graph.name!s}: the model cannot be written again "
            f"({_first_cause(error)}); check it with onnx.checker and export it again"
        ) from error
    kept = cast("dict[str, onnx.TypeProto]", cast("Any", graph.graph.meta).get(_KEPT, {}))
    for value in proto.graph.output:
        if value.name in kept:
            value.type.CopyFrom(kept[value.name])
    return ModelBytes.of(serialized(proto, str(proto.graph.name or "model")), _folder(graph))


def _first_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def serialized(proto: onnx.ModelProto, name: str) -> bytes:
    """The bytes of a model; equal models give equal bytes.

    Args:
        proto: The model.
        name: What to call it in messages.

    Raises:
        ModelError: If it holds more than 2 GB, which no such file can.
    """
    try:
        return proto.SerializeToString(deterministic=True)
    except Exception as error:  # protobuf's own have moved between its versions
        raise ModelError(
            f"{name}: expected at most 2 GB in one .onnx file, found more; export the model with "
            "its weights beside it (external data)"
        ) from error


def _folder(graph: ir.Model) -> Path | None:
    """Where the weights are that ``graph`` leaves in files."""
    stored = (value.const_value for value in graph.graph.initializers.values())
    bases = (cast("Any", t).base_dir for t in stored if isinstance(t, ir.ExternalTensor))
    return next(map(Path, bases), None)


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
