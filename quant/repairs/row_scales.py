"""Store embeddings in integers, with a scale for each row.

A Gather picks whole rows of its table, so each row may have its own scale: the rows that are picked
are turned into real numbers behind it. The table takes a quarter of its bytes and no row is rounded
by the width of another. Only tables that nothing but Gathers along the rows read are stored so.

Source: H. Guan, A. Malevich, J. Yang, J. Park, H. Yuen, "Post-Training 4-bit Quantization on
Embedding Tables" (2019), section 3, with 8 bits.
"""

from dataclasses import replace
from typing import Final

import onnx_ir as ir

from quant.model.model import Model
from quant.numerics import params_from_range, quantize_linear
from quant.params.constants import QuantizedConstant
from quant.repairs.draft import Draft, register
from quant.types import PerChannel, QType, QuantSpec

_LEAST_VALUES: Final = 1 << 15
"""A smaller table saves less than its three more nodes are worth."""


@register("row_scales", smaller=True)
def row_scales(draft: Draft) -> Draft:
    """Store the tables of embeddings in 8 bits, with a scale for each row.

    Args:
        draft: What was decided so far.

    Returns:
        The draft with these tables.
    """
    tables: dict[str, QuantizedConstant] = {}
    found = dict(draft.tables)
    for node in draft.model.graph.graph:
        name = str(node.name)
        item = draft.plan.nodes.get(name)
        if item is None or item.quantized or item.settings.skip:
            continue
        if not item.settings.quantize_weight or item.settings.weight_type is not QType.INT8:
            continue
        table = _table(node)
        if table is None:
            continue
        if table not in tables:
            tables[table] = _by_row(draft.model, name, table)
        found[name] = replace(tables[table], node=name)
    return replace(draft, tables=found)


def _table(node: ir.Node) -> str | None:
    """The table whose rows a Gather picks, by name; None for anything else."""
    value = node.inputs[0] if node.op_type == "Gather" and not node.domain else None
    if value is None or not value.is_initializer() or value.is_graph_output():
        return None
    tensor = value.const_value
    if tensor is None or tensor.dtype is not ir.DataType.FLOAT or len(tensor.shape) != 2:
        return None
    rows = all(_picks_rows(use.node, use.idx) for use in value.uses())
    return str(value.name) if rows and tensor.size >= _LEAST_VALUES else None


def _picks_rows(node: ir.Node, index: int) -> bool:
    axis = node.attributes.get("axis")
    first = axis is None or axis.as_int() in {0, -2}
    return node.op_type == "Gather" and not node.domain and index == 0 and first


def _by_row(model: Model, node: str, table: str) -> QuantizedConstant:
    values = model.constant(table)
    spec = QuantSpec(QType.INT8, symmetric=True, granularity=PerChannel(0), narrow_range=True)
    params = params_from_range(values.min(axis=1), values.max(axis=1), spec)
    return QuantizedConstant(node, 0, table, quantize_linear(values, params), params)
