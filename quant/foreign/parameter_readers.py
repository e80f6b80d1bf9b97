"""What each tool's parameter file says of the tensors of a model."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from quant.types import QType


@dataclass(frozen=True)
class TensorCodes:
    """How a tensor is rounded, in real units.

    Attributes:
        range: What the codes stand for, from the least to the greatest.
        qtype: Their type.
        symmetric: Whether 0 is in their middle.
    """

    range: tuple[float, float]
    qtype: QType
    symmetric: bool


@dataclass(frozen=True)
class Parameters:
    """What a parameter file says.

    Attributes:
        name: The file's name.
        tool: What wrote such files.
        activations: Tensor -> how it is rounded.
        per_channel: Whether weights have a scale for each channel.
    """

    name: str
    tool: str
    activations: Mapping[str, TensorCodes]
    per_channel: bool = True


def _around_zero(largest: float) -> TensorCodes:
    return TensorCodes((-largest, largest), QType.INT8, symmetric=True)


def tensorrt_cache(text: str) -> Parameters:
    """``name: hex``, the hex being the float32 scale; names hold colons too."""
    found: dict[str, TensorCodes] = {}
    for line in text.splitlines()[1:]:
        if line.strip():
            name, _, bits = line.rpartition(": ")
            scale = struct.unpack(">f", int(bits, 16).to_bytes(4, "big"))[0]
            found[name] = _around_zero(127 * scale)
    return Parameters("", "TensorRT", found)


def of_json(document: Any) -> Parameters:
    """Whichever of the tools writes such JSON."""
    if not isinstance(document, dict):
        raise TypeError("expected an object")
    values = cast("dict[str, Any]", document)
    if values.get("CLS") == "TensorsData":
        return _onnxruntime_cache(values)
    if "encodings" in values or "activation_encodings" in values:
        return _aimet(values)
    first = next(iter(values.values()), None)
    return _overrides(values) if isinstance(first, list) else _paddle(values)


def _onnxruntime_cache(document: dict[str, Any]) -> Parameters:
    def value(item: Any) -> float:
        data: Any = cast("dict[str, Any]", item)["data"] if isinstance(item, dict) else item
        return float(cast("list[Any]", data)[0] if isinstance(data, list) else data)

    return Parameters(
        "",
        "ONNX Runtime",
        {
            name: TensorCodes((value(item["lowest"]), value(item["highest"])), QType.INT8, False)
            for name, item in document["data"].items()
        },
        per_channel=False,
    )


def _overrides(document: dict[str, Any]) -> Parameters:
    """``{tensor: [{scale, zero_point}]}``; the type is the first that has all zero points."""
    items = {n: item[0] for n, item in document.items() if len(item) == 1 and "scale" in item[0]}
    zeros = [int(item["zero_point"]) for item in items.values()]
    types = (QType.INT8, QType.UINT8, QType.INT16, QType.UINT16)
    qtype = next(t for t in types if all(t.qmin <= zero <= t.qmax for zero in zeros))
    return Parameters(
        "",
        "ONNX Runtime",
        {n: _affine(float(i["scale"]), int(i["zero_point"]), qtype) for n, i in items.items()},
        per_channel=False,
    )


def _affine(scale: float, zero: int, qtype: QType) -> TensorCodes:
    ends = (qtype.qmin - zero) * scale, (qtype.qmax - zero) * scale
    return TensorCodes(ends, qtype, symmetric=False)


def _paddle(document: dict[str, Any]) -> Parameters:
    found = {name: _around_zero(abs(float(item["scale"]))) for name, item in document.items()}
    return Parameters("", "Paddle", found)


def _aimet(document: dict[str, Any]) -> Parameters:
    """Offsets of 0.6.1 and 1.0.0 count as if every grid were unsigned; 2.x has zero points."""
    if "encodings" in document:
        return _aimet_2(cast("list[dict[str, Any]]", document["encodings"]))
    section: Any = document["activation_encodings"]
    weights: Any = document.get("param_encodings", {})
    if isinstance(section, dict):
        items = {n: i[0] for n, i in cast("dict[str, Any]", section).items()}
        many = any(len(item) > 1 for item in weights.values())
    else:
        items = {item["name"]: item for item in cast("list[dict[str, Any]]", section)}
        many = any(item["enc_type"] == "PER_CHANNEL" for item in weights)
    whole = {n: i for n, i in items.items() if str(i["dtype"]).lower() == "int"}
    return Parameters("", "AIMET", {n: _aimet_item(i) for n, i in whole.items()}, many)


def _aimet_2(items: list[dict[str, Any]]) -> Parameters:
    types = {"int8", "uint8", "int16", "uint16"}
    plain = {i["name"]: i for i in items if not isinstance(i["y_scale"], list)}
    found = {
        n: _affine(float(i["y_scale"]), int(i.get("y_zero_point", 0)), QType(i["output_dtype"]))
        for n, i in plain.items()
        if i["output_dtype"] in types
    }
    return Parameters("", "AIMET", found, len(plain) < len(items))


def _aimet_item(item: dict[str, Any]) -> TensorCodes:
    """One activation of 0.6.1, whose numbers stand alone, or of 1.0.0, where each is a list."""

    def one(name: str) -> float:
        value: Any = item[name]
        return float(cast("list[Any]", value)[0] if isinstance(value, list) else value)

    scale, offset = one("scale"), round(one("offset"))
    bits = int(item.get("bw", item.get("bitwidth", 8)))
    unsigned, signed = {8: (QType.UINT8, QType.INT8), 16: (QType.UINT16, QType.INT16)}[bits]
    if str(item.get("is_sym", item.get("is_symmetric"))) == "True" and offset == signed.qmin:
        return TensorCodes((-signed.qmax * scale, signed.qmax * scale), signed, symmetric=True)
    return _affine(scale, -offset, unsigned)
