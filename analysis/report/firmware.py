"""Multipliers, shifts and zero points of an int8 model as a C header and as JSON, for firmware."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from analysis.runtime.integer_layers import IntegerLayer

_LINE: Final = 8
"""Numbers in a line of the header."""


def firmware_json(layers: Sequence[IntegerLayer]) -> str:
    """Every layer with its multipliers, as JSON."""
    return json.dumps({"layers": [_document(layer) for layer in layers]}, indent=1) + "\n"


def _document(layer: IntegerLayer) -> dict[str, Any]:
    multipliers = layer.multipliers
    return {
        "name": layer.name,
        "op_type": layer.op_type,
        "input_zero_point": layer.zeros[0],
        "output_zero_point": layer.zeros[1],
        "output_min": layer.limits[0],
        "output_max": layer.limits[1],
        "multiplier": [item.m0 for item in multipliers],
        "shift": [item.shift for item in multipliers],
        "accumulator_bits": layer.accumulator_bits,
        "multiplier_error": layer.multiplier_error,
    }


def firmware_header(layers: Sequence[IntegerLayer], guard: str = "QUANTLENS_MULTIPLIERS_H") -> str:
    """Every layer with its multipliers, as a C99 header.

    Args:
        layers: The layers.
        guard: Name of the include guard.
    """
    return "\n".join(_lines(layers, guard)) + "\n"


def _lines(layers: Sequence[IntegerLayer], guard: str) -> Iterator[str]:
    yield f"#ifndef {guard}"
    yield f"#define {guard}"
    yield ""
    yield "#include <stdint.h>"
    yield ""
    yield "/* real = multiplier * 2^(shift - 31), one for each output channel. */"
    names: set[str] = set()
    for layer in layers:
        name = _identifier(layer.name, names)
        multipliers = layer.multipliers
        count = len(multipliers)
        yield ""
        yield f"/* {layer.op_type}, accumulator of {layer.accumulator_bits} bits */"
        yield f"#define {name}_CHANNELS {count}"
        yield f"static const int32_t {name}_input_zero_point = {layer.zeros[0]};"
        yield f"static const int32_t {name}_output_zero_point = {layer.zeros[1]};"
        yield f"static const int32_t {name}_output_min = {layer.limits[0]};"
        yield f"static const int32_t {name}_output_max = {layer.limits[1]};"
        yield from _array(f"int32_t {name}_multiplier", [item.m0 for item in multipliers])
        yield from _array(f"int8_t {name}_shift", [item.shift for item in multipliers])
    yield ""
    yield f"#endif /* {guard} */"


def _array(declaration: str, values: Sequence[int]) -> Iterator[str]:
    yield f"static const {declaration}[{len(values)}] = {{"
    for start in range(0, len(values), _LINE):
        yield "    " + ", ".join(map(str, values[start : start + _LINE])) + ","
    yield "};"


def _identifier(name: str, taken: set[str]) -> str:
    """A name of C that no other layer has."""
    base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "layer"
    base = f"layer_{base}" if base[0].isdigit() else base
    found, number = base, 2
    while found in taken:
        found, number = f"{base}_{number}", number + 1
    taken.add(found)
    return found
