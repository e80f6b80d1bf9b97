"""Weights that a model keeps in files beside it: untrusted, so every path and length is checked."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnx
from onnx import external_data_helper

from quant.errors import ModelError

LARGE_BYTES: Final = 1 << 30
"""Weights of a larger model stay in their files, and are mapped into memory where they are used."""

_CHUNK_BYTES = 16 << 20


class ModelBytes(bytes):
    """Content of an ``.onnx`` file whose large weights are in files of another folder.

    Attributes:
        folder: Where those files are.
    """

    folder: Path

    @staticmethod
    def of(content: bytes, folder: Path | None) -> bytes:
        """The same content, with its folder where it has one."""
        if folder is None:
            return content
        made = ModelBytes(content)
        made.folder = folder
        return made


def folder_of(model: bytes | str | Path) -> Path | None:
    """The folder of the weights that a content leaves in files; None where it holds them all."""
    return model.folder if isinstance(model, ModelBytes) else None


def bring_in(
    proto: onnx.ModelProto, path: Path | None, name: str, digest: Callable[[bytes], object]
) -> bool:
    """Read the weights beside a model into it, in place, or leave them where they are many.

    Args:
        proto: The model. Of weights that stay in files, it then says where inside the folder.
        path: The model's file; None for a content alone, which can have nothing beside it.
        name: What to call the model.
        digest: Is given their content, in order.

    Returns:
        Whether there were any.

    Raises:
        ModelError: If a file is missing, cut short, no regular file or outside the model's folder.
    """
    outside = [t for t in _tensors(proto.graph) if external_data_helper.uses_external_data(t)]
    if not outside:
        return False
    if path is None:
        raise ModelError(
            f"{name}: the weight {outside[0].name!r} is stored in another file, which bytes "
            "alone cannot name; open the model by its path"
        )
    folder = path.parent.resolve()
    stored = [_stored(tensor, path, folder) for tensor in outside]
    large = sum(found.length for found in stored) > LARGE_BYTES
    stay = {id(tensor) for tensor in proto.graph.initializer} if large else set[int]()
    for tensor, found in zip(outside, stored, strict=True):
        if id(tensor) in stay:
            for chunk in found.chunks(path):
                digest(chunk)
            _name_file(tensor, found, folder)
            continue
        content = b"".join(found.chunks(path))
        digest(content)
        tensor.raw_data = content
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    return True


@dataclass(frozen=True)
class _Stored:
    """Where the content of a weight is.

    Attributes:
        name: The weight.
        file: The file.
        offset: Where in it, in bytes.
        length: How much of it, in bytes.
    """

    name: str
    file: Path
    offset: int
    length: int

    def chunks(self, model: Path) -> Iterator[bytes]:
        """The content, a part at a time."""
        left = self.length
        try:
            with self.file.open("rb") as file:
                file.seek(self.offset)
                while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
                    left -= len(chunk)
                    yield chunk
        except OSError as error:
            raise ModelError(
                f"{model.name}: the weight {self.name!r} needs the file {self.file.name!r}, which "
                f"cannot be read ({error.strerror}); check its permissions"
            ) from error
        if left:
            raise ModelError(
                f"{model.name}: the file {self.file.name!r} became shorter while it was read; "
                "wait until it is written and open the model again"
            )


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every tensor stored in ``graph``, its nodes' attributes and their subgraphs."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for subgraph in (attribute.g, *attribute.graphs):
                yield from _tensors(subgraph)


def _stored(tensor: onnx.TensorProto, path: Path, folder: Path) -> _Stored:
    info = {entry.key: entry.value for entry in tensor.external_data}
    location = info.get("location", "")
    try:
        target = (folder / location).resolve()
        offset, length = int(info.get("offset", "0")), int(info.get("length", "-1"))
        inside = target.is_relative_to(folder) and target != folder
        size = target.stat().st_size if inside and target.is_file() else -1
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(tensor, path, location) from error
    if not inside:
        raise ModelError(
            f"{path.name}: the weight {tensor.name!r} points to {location!r}, outside "
            "the model's folder; put the file beside the model and store a relative path"
        )
    if size < 0:
        raise _unreadable(tensor, path, location)
    needed = _bytes_of(tensor)
    length = length if length >= 0 else needed
    if length != needed or offset < 0:
        raise ModelError(
            f"{path.name}: expected {needed:,} bytes for the weight {tensor.name!r} of shape "
            f"{list(tensor.dims)}, found {length:,} from byte {offset:,} of {location!r} on; "
            "export the model again"
        )
    if offset + length > size:
        raise ModelError(
            f"{path.name}: the weight {tensor.name!r} needs {length:,} bytes of "
            f"{location!r}, found {max(size - offset, 0):,}; the file is cut short"
        )
    return _Stored(tensor.name, target, offset, length)


def _unreadable(tensor: onnx.TensorProto, path: Path, location: str) -> ModelError:
    return ModelError(
        f"{path.name}: the weight {tensor.name!r} needs the file {location!r}, "
        "which cannot be read; put it beside the model"
    )


def _bytes_of(tensor: onnx.TensorProto) -> int:
    """How many bytes the content of a tensor takes, by its shape and type; -1 if there is none."""
    kind = onnx.TensorProto.DataType
    if tensor.data_type not in kind.values() or any(size < 0 for size in tensor.dims):
        return -1
    bits = _BITS.get(kind.Name(tensor.data_type), 0)
    return -(-math.prod(tensor.dims) * bits // 8)


def _name_file(tensor: onnx.TensorProto, found: _Stored, folder: Path) -> None:
    tensor.ClearField("external_data")
    entries = {
        "location": found.file.relative_to(folder).as_posix(),
        "offset": str(found.offset),
        "length": str(found.length),
    }
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)


_BITS: Final = {
    **dict.fromkeys(("INT4", "UINT4", "FLOAT4E2M1"), 4),
    **dict.fromkeys(("INT2", "UINT2"), 2),
    **dict.fromkeys(("INT8", "UINT8", "BOOL", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ"), 8),
    **dict.fromkeys(("FLOAT8E5M2", "FLOAT8E5M2FNUZ", "FLOAT8E8M0"), 8),
    **dict.fromkeys(("INT16", "UINT16", "FLOAT16", "BFLOAT16"), 16),
    **dict.fromkeys(("INT32", "UINT32", "FLOAT"), 32),
    **dict.fromkeys(("INT64", "UINT64", "DOUBLE", "COMPLEX64"), 64),
    "COMPLEX128": 128,
}
"""Bits of one element; strings are never stored outside."""
