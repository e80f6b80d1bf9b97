"""Put QuantizeLinear and DequantizeLinear pairs on activations."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.numerics import along
from quant.params.folded_scales import channel_units
from quant.params.split import Split
from quant.passes.graph_edit import Names, add_initializer, linear_node, scale_and_zero_point
from quant.planning.plan import Plan, TensorPlan
from quant.types import QType, QuantParams


@dataclass
class InsertedQdq(ir.passes.PassResult):
    """What :class:`InsertQdq` did.

    Attributes:
        tensor_map: For each quantized tensor the name that its quantized consumers read; its own
            where they read it in parts.
    """

    tensor_map: Mapping[str, str]


class InsertQdq(ir.passes.InPlacePass):
    """Quantize the activations of a plan.

    Where a quantized node computes the tensor, everyone reads the dequantized values, which keep
    the tensor's name (so graph outputs keep theirs); the float result before them is called
    ``<name>_raw``. Where channels have scales of their own that the kernel before does not know,
    a Mul and an Add behind the pair turn its units into the tensor's: ONNX Runtime moves them
    through the layouts of its kernels, as it does not a DequantizeLinear with an axis. Otherwise
    only the quantized consumers read ``<name>_dequantized``, and float
    consumers the float tensor.
    """

    def __init__(
        self,
        plan: Plan,
        params: Mapping[str, QuantParams],
        channels: Mapping[str, QuantParams] = MappingProxyType({}),
        folded: Collection[str] = (),
        splits: Mapping[str, Split] = MappingProxyType({}),
    ) -> None:
        """Insert pairs with ``params``.

        Args:
            plan: Which tensors.
            params: Scale and zero point of each.
            channels: Scale and zero point of each channel, for the tensors that have them.
            folded: Those of them that the node before computes in units of ``params``.
            splits: The tensors whose quantized consumers read loud channels in parts.
        """
        super().__init__()
        self._plan = plan
        self._params = params
        self._channels = channels
        self._folded = folded
        self._splits = splits

    def call(self, model: ir.Model) -> InsertedQdq:
        """Insert the pairs in the main graph."""
        graph = model.graph
        names = Names(graph)
        values = {str(v.name): v for v in (*graph.inputs, *(o for n in graph for o in n.outputs))}
        tensor_map = {
            tensor.name: self._insert(graph, names, values[tensor.name], tensor)
            for tensor in self._plan.tensors.values()
            if tensor.name in values
        }
        return InsertedQdq(model, bool(tensor_map), tensor_map)

    def _insert(self, graph: ir.Graph, names: Names, value: ir.Value, tensor: TensorPlan) -> str:
        real = self._channels.get(tensor.name, self._params[tensor.name])
        params = self._params[tensor.name] if tensor.name in self._folded else real
        consumers = [] if tensor.produced else self._quantized_consumers(graph, value)
        split = self._splits.get(tensor.name)
        before: list[ir.Node] = []
        if split is not None:
            before = _in_parts(graph, names, value, split)
            real = params = split.params
        scale, zero_point = scale_and_zero_point(graph, names, tensor.name, params)
        read = before[-1].outputs[0] if before else value
        quantize = linear_node("QuantizeLinear", read, scale, zero_point, params)
        quantize.name = names.unique(f"{tensor.name}_QuantizeLinear")
        quantize.outputs[0].name = names.unique(f"{tensor.name}_quantized")
        dequantize = linear_node("DequantizeLinear", quantize.outputs[0], scale, zero_point, params)
        dequantize.name = names.unique(f"{tensor.name}_DequantizeLinear")
        added = [*before, quantize, dequantize]
        if real is not params:
            units = channel_units(params, real)
            added += _in_real_units(graph, names, dequantize, tensor.name, units)
        output = added[-1].outputs[0]
        producer = value.producer()
        if producer is None:
            graph.insert_before(graph[0], added)
        else:
            graph.insert_after(producer, added)
        if tensor.produced:
            value.name = names.unique(f"{tensor.name}_raw")
            output.name = tensor.name
            value.replace_all_uses_with(output, replace_graph_outputs=True)
            quantize.replace_input_with(0, value)
        else:
            output.name = names.unique(f"{tensor.name}_dequantized")
            for node, index in consumers:
                node.replace_input_with(index, output)
        return str(output.name if split is None else value.name)

    def _quantized_consumers(self, graph: ir.Graph, value: ir.Value) -> list[tuple[ir.Node, int]]:
        """The places where a quantized node of the main graph reads ``value`` as data."""
        found: list[tuple[ir.Node, int]] = []
        for use in value.uses():
            item = self._plan.nodes.get(str(use.node.name)) if use.node.graph is graph else None
            if item is not None and item.quantized and use.idx in item.node.data:
                found.append((use.node, use.idx))
        return found


def _in_parts(graph: ir.Graph, names: Names, value: ir.Value, split: Split) -> list[ir.Node]:
    """The nodes that give every part of a split tensor: its channels, then the other parts."""
    tensor, rank = split.tensor, len(value.shape or ())

    def node(op_type: str, inputs: list[ir.Value], *attributes: ir.Attr) -> ir.Node:
        made = ir.Node("", op_type, inputs, attributes, num_outputs=1)
        made.name = names.unique(f"{tensor}_split_{op_type}")
        made.outputs[0].name = names.unique(f"{tensor}_split_{op_type}_out")
        made.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
        if value.shape is not None and op_type != "Gather":
            sizes = list(value.shape)
            sizes[split.axis] = split.channels.size
            made.outputs[0].shape = ir.Shape(sizes)
        return made

    def channels(array: NDArray[np.float32], what: str) -> ir.Value:
        values = along(array, split.axis, rank)
        return add_initializer(graph, names, f"{tensor}_{what}", values, None)

    axis = ir.AttrInt64("axis", split.axis)
    others = split.others.astype(np.int32)
    index = add_initializer(graph, names, f"{tensor}_split_channels", others, QType.INT32)
    repeated = node("Gather", [value, index], axis)
    joined = node("Concat", [value, repeated.outputs[0]], axis)
    scaled = node("Mul", [joined.outputs[0], channels(split.factor, "split_factor")])
    shifted = node("Add", [scaled.outputs[0], channels(split.offset, "split_offset")])
    return [repeated, joined, scaled, shifted]


def _in_real_units(
    graph: ir.Graph,
    names: Names,
    dequantize: ir.Node,
    tensor: str,
    units: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> list[ir.Node]:
    """The nodes that turn what a kernel rounds with one scale into the units of each channel."""
    dequantize.outputs[0].name = names.unique(f"{tensor}_in_kernel_units")
    factor, offset = units
    steps = [("Mul", factor)] + ([("Add", offset)] if offset.any() else [])
    made: list[ir.Node] = []
    value, rank = dequantize.outputs[0], len(dequantize.outputs[0].shape or ())
    for op_type, channels in steps:
        constant = channels.reshape(-1, *(1,) * (rank - 2)) if rank > 2 else channels
        given = add_initializer(graph, names, f"{tensor}_channel_{op_type}", constant, None)
        node = ir.Node("", op_type, [value, given], num_outputs=1)
        node.name = names.unique(f"{tensor}_channel_{op_type}")
        value = node.outputs[0]
        value.type, value.shape = ir.TensorType(ir.DataType.FLOAT), dequantize.outputs[0].shape
        value.name = names.unique(f"{tensor}_{op_type}_out")
        made.append(node)
    return made
