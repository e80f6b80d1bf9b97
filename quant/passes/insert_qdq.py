"""Put QuantizeLinear and DequantizeLinear pairs on activations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from quant.params.folded_scales import channel_units
from quant.passes.graph_edit import Names, linear_node, scale_and_zero_point
from quant.passes.own_units import KERNEL_UNITS, divided, in_parts, in_real_units, multiplied
from quant.planning.plan import TensorPlan
from quant.repairs.draft import Draft
from quant.types import QuantParams


@dataclass
class InsertedQdq(ir.passes.PassResult):
    """What :class:`InsertQdq` did.

    Attributes:
        tensor_map: For each quantized tensor the name that its quantized consumers read; its own
            where they read it in parts, or one that the graph does not have.
        unmultiplied: For the tensors that the graph has only divided by their factors, the name of
            that.
    """

    tensor_map: Mapping[str, str]
    unmultiplied: Mapping[str, str]


class InsertQdq(ir.passes.InPlacePass):
    """Quantize the activations of a plan.

    Where a quantized node computes the tensor, everyone reads the dequantized values, which keep
    the tensor's name (so graph outputs keep theirs); the float result before them is called
    ``<name>_raw``. Where channels have scales of their own that the kernel before does not know,
    a Mul and an Add behind the pair turn its units into the tensor's: ONNX Runtime moves them
    through the layouts of its kernels, as it does not a DequantizeLinear with an axis. Otherwise
    only the quantized consumers read ``<name>_dequantized``, and float consumers the float tensor.
    Where channels are divided by factors, quantized consumers read ``<name>_in_kernel_units``, and
    others that times the factors.
    """

    def __init__(
        self, draft: Draft, params: Mapping[str, QuantParams], computed: Collection[str] = ()
    ) -> None:
        """Insert pairs with ``params``.

        Args:
            draft: What was decided.
            params: Scale and zero point of each activation of its plan.
            computed: The tensors with scales or factors of their own for each channel that the
                node before computes in units of ``params``.
        """
        super().__init__()
        self._draft = draft
        self._plan = draft.plan
        self._params = params
        self._computed = computed
        self._unmultiplied: dict[str, str] = {}

    def call(self, model: ir.Model) -> InsertedQdq:
        """Insert the pairs in the main graph."""
        graph, self._unmultiplied = model.graph, dict[str, str]()
        names = Names(graph)
        values = {str(v.name): v for v in (*graph.inputs, *(o for n in graph for o in n.outputs))}
        tensor_map = {
            tensor.name: self._insert(graph, names, values[tensor.name], tensor)
            for tensor in self._plan.tensors.values()
            if tensor.name in values
        }
        for name in (n for n in self._draft.factors if n not in self._plan.tensors):
            self._divide(graph, names, values[name], name)
        return InsertedQdq(model, bool(tensor_map), tensor_map, self._unmultiplied)

    def _divide(self, graph: ir.Graph, names: Names, value: ir.Value, name: str) -> None:
        """Let quantized nodes read a tensor that stays in float as their weights expect it."""
        consumers = self._quantized_consumers(graph, value)
        node = divided(graph, names, value, name, self._draft.factors[name])
        _insert_behind(graph, value, [node])
        for user, index in consumers:
            user.replace_input_with(index, node.outputs[0])

    def _insert(self, graph: ir.Graph, names: Names, value: ir.Value, tensor: TensorPlan) -> str:
        name, factor = tensor.name, self._draft.factors.get(tensor.name)
        everyone = tensor.produced and factor is None
        consumers = [] if everyone else self._quantized_consumers(graph, value)
        others = value.is_graph_output() or len(list(value.uses())) > len(consumers)
        before, params = self._before(graph, names, value, name)
        read = before[-1].outputs[0] if before else value
        pair = _pair(graph, names, read, name, params)
        rounded = pair[-1].outputs[0]
        behind = self._behind(graph, names, rounded, name, multiply=tensor.produced and others)
        added = [*before, *pair, *behind]
        _insert_behind(graph, value, added)
        seen = name if tensor.produced else names.unique(f"{name}_dequantized")
        if tensor.produced:
            value.name = names.unique(f"{name}_raw")
            value.replace_all_uses_with(added[-1].outputs[0], replace_graph_outputs=True)
            added[0].replace_input_with(0, value)
        if name not in self._unmultiplied:
            added[-1].outputs[0].name = seen
        for node, index in consumers:
            node.replace_input_with(index, rounded)
        return seen if name not in self._draft.splits else str(value.name)

    def _before(
        self, graph: ir.Graph, names: Names, value: ir.Value, name: str
    ) -> tuple[list[ir.Node], QuantParams]:
        """The nodes before the pair of a tensor, and what the pair rounds with."""
        params, draft = self._params[name], self._draft
        if name in draft.splits:
            split = draft.splits[name]
            return in_parts(graph, names, value, split), split.params
        if name in self._computed:
            return [], params
        if name in draft.factors:
            return [divided(graph, names, value, name, draft.factors[name])], params
        return [], draft.channels.get(name, params)

    def _behind(
        self, graph: ir.Graph, names: Names, rounded: ir.Value, name: str, *, multiply: bool
    ) -> list[ir.Node]:
        """The nodes that turn what the pair gives into real units, where someone reads that."""
        draft = self._draft
        if name in draft.channels and name in self._computed:
            units = channel_units(self._params[name], draft.channels[name])
            return in_real_units(graph, names, rounded, name, units)
        if name not in draft.factors:
            return []
        rounded.name = names.unique(f"{name}{KERNEL_UNITS}")
        if multiply:
            return [multiplied(graph, names, rounded, name, draft.factors[name])]
        self._unmultiplied[name] = str(rounded.name)
        return []

    def _quantized_consumers(self, graph: ir.Graph, value: ir.Value) -> list[tuple[ir.Node, int]]:
        """The places where a quantized node of the main graph reads ``value`` as data."""
        found: list[tuple[ir.Node, int]] = []
        for use in value.uses():
            item = self._plan.nodes.get(str(use.node.name)) if use.node.graph is graph else None
            if item is not None and item.quantized and use.idx in item.node.data:
                found.append((use.node, use.idx))
        return found


def _insert_behind(graph: ir.Graph, value: ir.Value, nodes: Sequence[ir.Node]) -> None:
    """Put nodes behind what computes a value; first, for an input of the graph."""
    producer = value.producer()
    if producer is None:
        graph.insert_before(graph[0], nodes)
    else:
        graph.insert_after(producer, nodes)


def _pair(
    graph: ir.Graph, names: Names, read: ir.Value, tensor: str, params: QuantParams
) -> list[ir.Node]:
    """QuantizeLinear and DequantizeLinear of a value; what the second gives has no name yet."""
    scale, zero_point = scale_and_zero_point(graph, names, tensor, params)
    quantize = linear_node("QuantizeLinear", read, scale, zero_point, params)
    quantize.name = names.unique(f"{tensor}_QuantizeLinear")
    quantize.outputs[0].name = names.unique(f"{tensor}_quantized")
    dequantize = linear_node("DequantizeLinear", quantize.outputs[0], scale, zero_point, params)
    dequantize.name = names.unique(f"{tensor}_DequantizeLinear")
    return [quantize, dequantize]
