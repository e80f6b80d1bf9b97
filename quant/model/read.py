"""Read the bytes of an ONNX model: untrusted input, so every path and length is checked."""

import hashlib
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import onnx
from onnx import external_data_helper

from quant.errors import ModelError
from quant.model.serialize import serialized
from quant.model.weights_beside import ModelBytes, bring_in


@dataclass(frozen=True, eq=False)
class ReadModel:
    """A model as it was read.

    Attributes:
        proto: The model with its weights, but for those of a large model, which stay in files.
        fingerprint: SHA-256 over the file and its external data, as hexadecimal digits.
        path: Where it was read from, or None.
        external_data: Whether weights were kept in another file.
        complaint: What onnx.checker has against it; empty where it passes. Converters write files
            that do not pass and run all the same.
        stamp: What :func:`stamp` said of the file when it was read; None for a content.
    """

    proto: onnx.ModelProto
    fingerprint: str
    path: Path | None
    external_data: bool
    complaint: str = ""
    stamp: tuple[int, int] | None = None

    @property
    def folder(self) -> Path | None:
        """Where the weights are that stay in files; None where there are none."""
        left = any(map(external_data_helper.uses_external_data, self.proto.graph.initializer))
        return self.path.parent.resolve() if left and self.path else None

    def content(self) -> bytes:
        """The model as the bytes of an ``.onnx`` file."""
        return ModelBytes.of(serialized(self.proto, "the model"), self.folder)


def read_model(source: str | Path | bytes) -> ReadModel:
    """Read a model and the weights stored beside it.

    Args:
        source: Path of an ``.onnx`` file, or its content.

    Returns:
        The model, with all weights in memory unless they take more than a gigabyte beside it.

    Raises:
        ModelError: If there is no such file, it is not an ONNX model, it is cut short, or its
            external data is missing or lies outside the model's folder.
    """
    if isinstance(source, bytes):
        return _parse(source, "model", None)
    path = Path(source)
    try:
        if path.is_dir():
            raise ModelError(f"{path}: expected an .onnx file, found a folder; name the file in it")
        known = stamp(_regular(path))
        data = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file; check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ModelError(f"{path}: the file cannot be read ({reason})") from error
    return replace(_parse(data, path.name, path), stamp=known)


def stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is written again: its size in bytes, and when it was written in ns.

    Raises:
        OSError: If there is no such file.
    """
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _regular(path: Path) -> Path:
    """The path, if it is no pipe or device, whose reading may never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ModelError(f"{path}: expected an .onnx file, found a pipe or a device; save it first")
    return path


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
    _refuse_other_letters(proto, name)
    digest = hashlib.sha256(data)
    external = bring_in(proto, path, name, digest.update)
    return ReadModel(proto, digest.hexdigest(), path, external, _complaint(proto, path))


def _refuse_other_letters(proto: onnx.ModelProto, name: str) -> None:
    """Refuse names that are no UTF-8: protobuf reads them as bytes and cannot write them again."""
    for message in (proto, proto.graph, *proto.graph.node, *proto.functions, *proto.metadata_props):
        # None of these has a field of bytes, so bytes are a text that was no text.
        for field, value in message.ListFields():
            texts = value if field.is_repeated else [value]
            if any(isinstance(text, bytes) for text in texts):
                raise ModelError(
                    f"{name}: expected names in UTF-8, found another {field.name}; export the "
                    "model again"
                )


def is_well_formed(content: bytes) -> bool:
    """Whether onnx.checker passes a model without functions, its shapes and types included.

    Args:
        content: Bytes of an ``.onnx`` file.
    """
    try:
        cast("Any", onnx.checker).check_model(content, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return False
    return True


def _complaint(proto: onnx.ModelProto, path: Path | None) -> str:
    checker = cast("Any", onnx.checker)
    stays = any(map(external_data_helper.uses_external_data, proto.graph.initializer))
    try:
        if stays:
            checker.check_model(str(path))
        elif proto.ByteSize() < onnx.checker.MAXIMUM_PROTOBUF:
            checker.check_model(proto)
    except onnx.checker.ValidationError as error:
        return str(error).strip().splitlines()[0].rstrip(".")
    return ""
