"""Models of an opset too new for ONNX Runtime to quantize in, declared as of an earlier one."""

from typing import Final

import onnx
import onnx_ir as ir

from quant.errors import ModelError

NEWEST_OPSET: Final = 27
"""The last one whose QuantizeLinear ONNX Runtime 1.32 has a kernel for."""

_NEW_MEANING: Final = frozenset({"Mod"})
"""Operators of a later opset that compute something else with the same attributes."""


def lower_opset(model: ir.Model, name: str) -> None:
    """Declare no later opset than :data:`NEWEST_OPSET`, where that means the same, in place.

    Args:
        model: The model, its functions inlined.
        name: What to call the model in messages.

    Raises:
        ModelError: If a node means something else in the earlier opset.
    """
    found = model.opset_imports.get("", NEWEST_OPSET)
    if found <= NEWEST_OPSET:
        return
    for node in model.graph.all_nodes():
        if node.domain in {"", "ai.onnx"} and not _same_form(node.op_type, found):
            raise ModelError(
                f"{name}: expected opset {NEWEST_OPSET} or earlier, which QuantizeLinear runs in, "
                f"found opset {found} with the {node.op_type} {node.name!r} that came with it; "
                f"export the model again with opset {NEWEST_OPSET}"
            )
        node.version = None
    model.opset_imports[""] = NEWEST_OPSET
    model.graph.opset_imports[""] = NEWEST_OPSET


def _same_form(op_type: str, opset: int) -> bool:
    """Whether an operator of ``opset`` has the same inputs, outputs and attributes before.

    New opsets often add types alone.
    """
    if op_type in _NEW_MEANING:
        return False
    try:
        now, before = (
            onnx.defs.get_schema(op_type, version, "") for version in (opset, NEWEST_OPSET)
        )
    except onnx.defs.SchemaError:
        return False
    return _form(now) == _form(before)


def _form(schema: onnx.defs.OpSchema) -> tuple[object, ...]:
    attributes = {n: (a.type, a.default_value) for n, a in schema.attributes.items()}
    formal = [(p.name, p.option) for p in (*schema.inputs, *schema.outputs)]
    return formal, {name: (str(k), str(v)) for name, (k, v) in attributes.items()}
