"""The int8 graph in Q/DQ form, made from what was decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.model.model import Model
from quant.model.opset import raise_opset
from quant.params.constants import QuantizedConstant
from quant.params.equalized import computing_conv, with_factors
from quant.params.folded_scales import weight_of, with_folded_scales
from quant.params.split import split_codes, weight_axis
from quant.passes.drop_activations import DropActivations
from quant.passes.float_constants import AddShifts, ReplaceFloatConstants
from quant.passes.gather_rows import GatherRows
from quant.passes.insert_qdq import InsertQdq
from quant.passes.quantize_constants import QuantizeConstants
from quant.passes.shield_float import ShieldFloat
from quant.planning.plan import Plan
from quant.repairs.draft import Draft, FloatConstant
from quant.types import QuantParams


@dataclass(frozen=True, eq=False)
class QuantizedGraph:
    """A graph with Q/DQ pairs.

    Attributes:
        graph: The graph.
        tensor_map: For each quantized tensor the name that its quantized consumers read; its own
            where they read it in parts. Those of ``unmultiplied`` are not in the graph.
        unmultiplied: For the tensors that the graph has only divided by factors for each channel,
            the name of that.
    """

    graph: ir.Model
    tensor_map: Mapping[str, str]
    unmultiplied: Mapping[str, str]


def quantized_graph(
    draft: Draft, params: Mapping[str, QuantParams], dropped: frozenset[str]
) -> QuantizedGraph:
    """Make the int8 graph from what was decided.

    Args:
        draft: What was decided; the model is not changed, the plan's tensors get Q/DQ pairs.
        params: Scale and zero point of each of them.
        dropped: Relu and Clip nodes to remove.

    Returns:
        The graph in Q/DQ form.

    Raises:
        ModelError: If a type needs a later opset that the model cannot be converted to.
    """
    model, plan = draft.model, draft.plan
    found = {name: computing_conv(model, plan, name) for name in draft.channels}
    convs = {name: conv for name, conv in found.items() if conv is not None}
    constants, floats = _for_parts(draft)
    equalized = with_factors(model, plan, constants, draft.factors)
    floats += _equalized(plan, equalized.floats)
    constants = with_folded_scales(equalized.constants, convs, draft.channels, draft.activations)
    computed = {name for name, conv in convs.items() if weight_of(constants, conv) is not None}
    computed |= equalized.computed
    graph = model.graph.clone()
    if graph.opset_imports.get("", 0) < plan.min_opset:
        raise_opset(graph, plan.min_opset, model.name)
    ReplaceFloatConstants((*draft.floats, *floats))(graph)
    AddShifts(draft.shifts)(graph)
    GatherRows(draft.tables)(graph)
    DropActivations(dropped)(graph)
    inserted = InsertQdq(draft, params, computed).call(graph)
    QuantizeConstants(constants)(graph)
    shielded = _float_weights(plan, constants) | _dilated_pools(model)
    ShieldFloat(shielded)(graph)
    return QuantizedGraph(graph, inserted.tensor_map, inserted.unmultiplied)


def _for_parts(
    draft: Draft,
) -> tuple[tuple[QuantizedConstant, ...], tuple[FloatConstant, ...]]:
    """The constants with a weight for every part of a split input, and the float weights so."""
    found = {(item.node, item.index): item for item in draft.constants}
    floats: list[FloatConstant] = []
    for item in draft.plan.nodes.values():
        node = item.node
        split = draft.splits.get(node.inputs[node.data[0]]) if node.data else None
        if split is None or not item.quantized or node.weight is None:
            continue
        axis, weight = weight_axis(draft.model, node), draft.model.constant(node.weight.name)
        assert axis is not None  # or the tensor would not be split
        stored = found.get((node.name, node.weight.index))
        if stored is None:
            values = weight.take(split.channels, axis=axis)
            name = f"{node.weight.name}_parts"
            floats.append(FloatConstant(node.name, node.weight.index, name, values))
        else:
            codes = split_codes(stored, weight, axis, split)
            found[node.name, node.weight.index] = replace(stored, codes=codes)
    return tuple(found.values()), tuple(floats)


def _equalized(plan: Plan, weights: Mapping[str, NDArray[np.float32]]) -> tuple[FloatConstant, ...]:
    """Weights that stay float, by node, with the factors of their channels in them."""
    made: list[FloatConstant] = []
    for name, values in weights.items():
        weight = plan.nodes[name].node.weight
        if weight is not None:
            made.append(FloatConstant(name, weight.index, f"{weight.name}_equalized", values))
    return tuple(made)


def _dilated_pools(model: Model) -> frozenset[str]:
    """The AveragePool that stay in float although ONNX Runtime takes them for integer ones."""
    pools = (node for node in model.nodes if node.op_type == "AveragePool")
    return frozenset(node.name for node in pools if not node.quantizable)


def _float_weights(plan: Plan, constants: Sequence[QuantizedConstant]) -> frozenset[str]:
    """The nodes whose weight stays float and which ONNX Runtime may take for a Gemm or Conv."""
    stored = {(constant.node, constant.index) for constant in constants}
    nodes = (item.node for item in plan.nodes.values())
    return frozenset(
        node.name
        for node in nodes
        if node.op_type in {"Conv", "ConvTranspose", "Gemm", "MatMul"}
        and node.weight is not None
        and (node.name, node.weight.index) not in stored
    )
