"""Read the bytes of an ONNX model: untrusted input, so every path and length is checked."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import onnx
from onnx import external_data_helper

from quant.errors import ModelError


@dataclass(frozen=True, eq=False)
class ReadModel:
    """A model as it was read.

    Attributes:
        proto: The model with all weights in memory.
        fingerprint: SHA-256 over the file and its external data, as hexadecimal digits.
        path: Where it was read from, or None.
        external_data: Whether weights were kept in another file.
        complaint: What onnx.checker has against it; empty where it passes. Converters write files
            that do not pass and run all the same.
    """

    proto: onnx.ModelProto
    fingerprint: str
    path: Path | None
    external_data: bool
    complaint: str = ""


def read_model(source: str | Path | bytes) -> ReadModel:
    """Read a model and the weights stored beside it.

    Args:
        source: Path of an ``.onnx`` file, or its content.

    Returns:
        The model with all weights in memory.

    Raises:
        ModelError: If there is no such file, it is not an ONNX model, it is cut short, or its
            external data is missing or lies outside the model's folder.
    """
    if isinstance(source, bytes):
        return _parse(source, "model", None)
    path = Path(source)
    if path.is_dir():
        raise ModelError(f"{path}: expected an .onnx file, found a folder; name the file in it")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise ModelError(f"{path}: the file cannot be read ({error.strerror})") from error
    return _parse(data, path.name, path)


def _parse(data: bytes, name: str, path: Path | None) -> ReadModel:
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except Exception as error:  # protobuf's DecodeError has moved between its versions
        raise ModelError(
            f"{name}: expected an ONNX model, found {len(data):,} bytes that do not parse as one; "
            "the file is of another kind or cut short"
        ) from error
    if not proto.graph.node or not proto.opset_import:
        raise ModelError(
            f"{name}: expected an ONNX model, found no graph with nodes in {len(data):,} bytes; "
            "the file is of another kind or cut short"
        )
    digest, external = hashlib.sha256(data), False
    for tensor in _tensors(proto.graph):
        if external_data_helper.uses_external_data(tensor):
            if path is None:
                raise ModelError(
                    f"{name}: the weight {tensor.name!r} is stored in another file, which bytes "
                    "alone cannot name; open the model by its path"
                )
            content = _external_data(tensor, path)
            external = True
            digest.update(content)
            tensor.raw_data = content
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
    return ReadModel(proto, digest.hexdigest(), path, external, _complaint(proto))


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every tensor stored in ``graph``, its nodes' attributes and their subgraphs."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for subgraph in (attribute.g, *attribute.graphs):
                yield from _tensors(subgraph)


def _external_data(tensor: onnx.TensorProto, path: Path) -> bytes:
    """Read one tensor's external data, from inside the model's folder only."""
    info = {entry.key: entry.value for entry in tensor.external_data}
    folder = path.parent.resolve()
    target = (folder / info.get("location", "")).resolve()
    if not target.is_relative_to(folder) or target == folder:
        raise ModelError(
            f"{path.name}: the weight {tensor.name!r} points to {info.get('location')!r}, outside "
            "the model's folder; put the file beside the model and store a relative path"
        )
    try:
        offset, length = int(info.get("offset", "0")), int(info.get("length", "-1"))
        with target.open("rb") as file:
            file.seek(offset)
            content = file.read() if length < 0 else file.read(length)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path.name}: the weight {tensor.name!r} needs the file {info.get('location')!r}, "
            "which cannot be read; put it beside the model"
        ) from error
    if length >= 0 and len(content) != length:
        raise ModelError(
            f"{path.name}: the weight {tensor.name!r} needs {length:,} bytes of "
            f"{info.get('location')!r}, found {len(content):,}; the file is cut short"
        )
    return content


def _complaint(proto: onnx.ModelProto) -> str:
    try:
        if proto.ByteSize() < onnx.checker.MAXIMUM_PROTOBUF:
            cast("Any", onnx.checker).check_model(proto)
    except onnx.checker.ValidationError as error:
        return str(error).strip().splitlines()[0].rstrip(".")
    return ""
