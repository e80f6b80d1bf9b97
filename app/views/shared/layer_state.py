"""How a layer computes, in the one word that every page has for it."""

from typing import Final

from analysis.layers import LayerRow, UnitRow

STATES: Final = {
    "int8": "computes on quantized values",
    "fused": "the activation after it reads its float result",
    "dropped": "removed, because the quantization clamps the same",
    "skipped": "computes in float because the recipe says so",
    "float": "cannot be quantized",
}
"""Each word, and what it says."""


def layer_state(row: LayerRow | None) -> str:
    """The state of a layer, one of :data:`STATES`; one without a row is an input in float."""
    if row is None:
        return "float"
    return "skipped" if row.settings.skip and row.state == "float" else row.state


def unit_state(unit: UnitRow) -> str:
    """The state of what is quantized as one; what is fused computes in integers as a whole."""
    return layer_state(unit.head) if len(unit.members) == 1 else "int8"
