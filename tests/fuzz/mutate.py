"""Damage: a sound file and a seed give a file that is a little or very wrong.

Half of the damage is blind, of bytes; the other half knows the format, so that it gets past the
parser: fields of an ONNX model, values of a JSON document, members and headers of a ``.npz``.
"""

import contextlib
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from quant.statistics.calibration_file import checksum

INTEGERS: Final = (
    0, 1, -1, 2, 7, 127, 128, 255, 65_536, 2**31 - 1, -(2**31), 2**32, 2**40, 2**62, 2**63 - 1,
    -(2**63),
)  # fmt: skip
FLOATS: Final = (0.0, -0.0, 1e-45, 1e-20, 1e20, 3.4e38, -3.4e38, float("inf"), float("nan"))
TEXTS: Final = (
    "", "x", "\0", "../../../etc/passwd", "/etc/passwd", "a" * 300, "a" * 70_000, "é" * 100,
    "![m](http://example.invalid/x.png)", "\x1b[2J\x1b[31m", "\r\n", "=1+1", "%s%n{0}", "Relu",
    "Conv", "DequantizeLinear", "If", "ai.onnx.ml", "com.microsoft", "x" * 65,
)  # fmt: skip
TYPES: Final = tuple(range(24))


def mutated(form: str, content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A damaged copy.

    Args:
        form: What the file is: "onnx", "json", "lines", "npz" or "bytes".
        content: A sound file.
        others: More sound files of its form, to mix in.
        rng: Decides.
    """
    knowing = {"onnx": _onnx, "json": _json, "lines": _lines, "npz": _npz}.get(form)
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        if knowing is not None and rng.random() < 0.85:
            content = knowing(content, rng)
        else:
            content = _bytes(content, others, rng)
    return content[: 4 << 20]


def _bytes(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    if not content:
        return rng.randbytes(rng.randrange(64))
    data = bytearray(content)
    at = rng.randrange(len(data))
    match rng.randrange(7):
        case 0:
            data[at] ^= 1 << rng.randrange(8)
        case 1:
            data[at : at + rng.randrange(1, 16)] = rng.randbytes(rng.randrange(16))
        case 2:
            del data[at:]
        case 3:
            del data[at : at + rng.randrange(1, 200)]
        case 4:
            number = rng.choice(INTEGERS) & (2**64 - 1)
            size = rng.choice((1, 2, 4, 8))
            data[at : at + size] = struct.pack("<Q", number)[:size]
        case 5:
            data[at:at] = data[at : at + rng.randrange(1, 200)] * rng.randrange(1, 50)
        case _:
            other = rng.choice(others)
            data[at:] = other[rng.randrange(len(other) + 1) :]
    return bytes(data)


def _onnx(content: bytes, rng: random.Random) -> bytes:
    """Change some fields of a model."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        return content
    for _ in range(rng.choice((1, 1, 2, 4))):
        messages = list(_messages(model, 0))
        with contextlib.suppress(ValueError, TypeError):  # protobuf takes no such value
            _change(rng.choice(messages), rng)
    try:
        return model.SerializeToString()
    except (ValueError, DecodeError):  # more than protobuf writes
        return content


def _messages(message: Message, depth: int) -> Iterator[Message]:
    """The message and all in it; large data counts as one."""
    yield message
    if depth > 12:
        return
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for part in value if field.is_repeated else (value,):
                yield from _messages(part, depth + 1)


def _change(message: Message, rng: random.Random) -> None:
    field = rng.choice(message.DESCRIPTOR.fields)
    name: str = field.name
    if field.is_repeated:
        _change_list(getattr(message, name), field, rng)
    elif rng.random() < 0.3:
        message.ClearField(name)
    elif field.type != FieldDescriptor.TYPE_MESSAGE:
        value = _value(field, rng)
        if value is not None:
            setattr(message, name, value)
    else:
        getattr(message, name).SetInParent()


def _change_list(values: Any, field: FieldDescriptor, rng: random.Random) -> None:
    at = rng.randrange(len(values)) if len(values) else None
    whole = field.type == FieldDescriptor.TYPE_MESSAGE
    match rng.randrange(4):
        case 0 if at is not None:
            del values[at]
        case 1 if at is not None:
            values.append(values[at])
        case 2 if at is not None and whole:
            values[at].CopyFrom(values[rng.randrange(len(values))])
        case _ if whole:
            values.add()
        case _:
            value = _value(field, rng)
            if value is not None and at is not None and rng.random() < 0.7:
                values[at] = value
            elif value is not None:
                values.append(value)


def _value(field: FieldDescriptor, rng: random.Random) -> Any:
    values: dict[int, Callable[[], Any]] = {
        FieldDescriptor.TYPE_STRING: lambda: rng.choice(TEXTS),
        FieldDescriptor.TYPE_BYTES: lambda: rng.choice((b"", b"\xff\xfe", rng.randbytes(16))),
        FieldDescriptor.TYPE_FLOAT: lambda: rng.choice(FLOATS),
        FieldDescriptor.TYPE_DOUBLE: lambda: rng.choice(FLOATS),
        FieldDescriptor.TYPE_INT32: lambda: rng.choice((*TYPES, 2**31 - 1)),
        FieldDescriptor.TYPE_ENUM: lambda: rng.choice(TYPES),
        FieldDescriptor.TYPE_UINT64: lambda: rng.choice(INTEGERS) & (2**64 - 1),
        FieldDescriptor.TYPE_INT64: lambda: rng.choice(INTEGERS),
    }
    return values.get(field.type, lambda: None)()


_ODD: Final[tuple[Callable[[], Any], ...]] = (
    *(lambda value=value: value for value in (None, True, [], {}, *INTEGERS, *TEXTS)),
    lambda: "\ud800",
    lambda: 1e308,
    lambda: [[[[1]]]],
)


def _json(content: bytes, rng: random.Random) -> bytes:
    """Replace a value of a document, or write what no value holds."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return content
    places = list(_places(document))
    if not places or rng.random() < 0.05:
        return rng.choice((b"[" * 100_000, b"1" * 5000, b'{"version":' + b"9" * 5000 + b"}", b""))
    holder, key = rng.choice(places)
    match rng.randrange(4):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(TEXTS)] = holder.pop(key)
        case 2:
            holder[key] = rng.choice(places)[0]
        case _:
            holder[key] = rng.choice(_ODD)()
    try:
        text = json.dumps(document)
    except (ValueError, RecursionError):  # it holds itself by now
        return content
    for word in ("NaN", "Infinity", "1e999", "9" * 400):
        if rng.random() < 0.05:
            text = text.replace("0", word, 1)
    return text.encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict | list) else ()
    for key in keys if isinstance(value, dict) else range(len(keys)):
        yield value, key
        yield from _places(value[key])


def _lines(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines[at:at] = [lines[rng.randrange(len(lines))]]
        case _:
            lines[at] = _json(lines[at], rng)
    return b"\n".join(lines)


def _npz(content: bytes, rng: random.Random) -> bytes:
    """Change the members of an archive: their names, headers and bytes, with sound checksums."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()[:50]}
    except Exception:
        return content
    if not members:
        return content
    name = rng.choice(list(members))
    data = members[name]
    match rng.randrange(6):
        case 0:
            del members[name]
        case 1:
            members[rng.choice(TEXTS) + rng.choice(("", ".npy"))] = data
        case 2:
            members[name] = _header(data, rng)
        case 3 if name.startswith("about"):
            start = data.find(b"\n") + 1
            members[name] = data[:start] + _json(data[start:], rng)
        case 4:
            members[name] = data + bytes(rng.choice((1, 1000, 8 << 20)))
        case _:
            members[name] = _bytes(data, [data], rng)
    if "sums.npy" in members and rng.random() < 0.9:
        members["sums.npy"] = _sums(members)
    file = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(file, "w", method) as archive:
        for key, value in members.items():
            archive.writestr(zipfile.ZipInfo(key[:60_000] or "x"), value, method)
    return file.getvalue()


def _sums(members: dict[str, bytes]) -> bytes:
    """The checksums that somebody would write who changes a calibration on purpose."""
    sums: dict[str, str] = {}
    for name, data in members.items():
        with contextlib.suppress(Exception):  # what cannot be read has no checksum
            sums[name.removesuffix(".npy")] = checksum(np.load(io.BytesIO(data)))
    sums.pop("sums", None)
    file = io.BytesIO()
    np.save(file, np.frombuffer(json.dumps(sums).encode(), np.uint8))
    return file.getvalue()


def _header(data: bytes, rng: random.Random) -> bytes:
    """Another type or shape in front of the same bytes."""
    start = data.find(b"\n") + 1
    kind = rng.choice(
        ("<f4", "<f2", ">f8", "<i8", "|u1", "|b1", "|O", "<U5", "<c8", "|V4", "<M8[s]")
    )
    numbers = [rng.choice(INTEGERS) for _ in range(rng.randrange(5))]
    shape = f"({''.join(f'{number},' for number in numbers)})"
    order = rng.choice(("False", "True", "7"))
    text = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data[start:]
