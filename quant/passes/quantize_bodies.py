"""Weights inside of If, Loop and Scan, stored as integers.

ONNX Runtime gives no values from there, so nothing inside can be calibrated and all of it computes
in float; its weights need no calibration.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import onnx_ir as ir

from quant.model.describe import weight_of
from quant.model.op_roles import WEIGHTS_OF_BODIES
from quant.model.subgraphs import bodies
from quant.numerics import quantize_linear
from quant.params.constants import weight_params
from quant.passes.graph_edit import Names, add_initializer, linear_node, scale_and_zero_point
from quant.types import PerChannel, PerTensor, QType, QuantSpec

LEAST_NUMBERS = 256
"""Smaller weights are not worth a node."""


@dataclass
class QuantizedBodies(ir.passes.PassResult):
    """What :class:`QuantizeBodies` did.

    Attributes:
        notes: A sentence for each node of the main graph that has such weights inside.
    """

    notes: tuple[str, ...]


class QuantizeBodies(ir.passes.InPlacePass):
    """Put a DequantizeLinear of an int8 initializer before each weight inside of If, Loop, Scan.

    Inside of an If it stands in the branch, so that only the branch that is taken pays for it; a
    weight of a Loop or Scan is unpacked once, before the first round.
    """

    def __init__(self, asked: Callable[[ir.Node], tuple[bool, bool]]) -> None:
        """How to do it.

        Args:
            asked: Node of the main graph -> whether to quantize the weights inside of it, and
                whether per channel.
        """
        super().__init__()
        self._asked = asked

    def call(self, model: ir.Model) -> QuantizedBodies:
        """Replace the inputs of nodes in all subgraphs."""
        notes: list[str] = []
        work = _Work(model.graph, Names(model.graph))
        for node in list(model.graph):
            wanted, per_channel = self._asked(node)
            if not wanted:
                continue
            found: Counter[str] = Counter()
            for body in bodies(node):
                anchor = node if node.op_type in _REPEATING else None
                work.visit(body, anchor, found, per_channel=per_channel)
            if found:
                listed = ", ".join(f"{count} {name}" for name, count in sorted(found.items()))
                notes.append(
                    f"Inside of {node.op_type} {node.name!r}, the weights of {listed} are stored "
                    "in 8 bits and computed with in float."
                )
        for name, value in list(model.graph.initializers.items()):
            if not value.uses() and not value.is_graph_output():
                del model.graph.initializers[name]
        return QuantizedBodies(model, bool(notes), tuple(notes))


_REPEATING = frozenset({"Loop", "Scan"})


@dataclass
class _Work:
    graph: ir.Graph
    names: Names
    made: dict[tuple[int, int], ir.Value] = field(default_factory=dict[tuple[int, int], ir.Value])

    def visit(
        self, body: ir.Graph, anchor: ir.Node | None, found: Counter[str], *, per_channel: bool
    ) -> None:
        """Quantize the weights in a subgraph and those inside of it.

        Args:
            body: The subgraph.
            anchor: Before which node to unpack, where it is repeated; None for the reader itself.
            found: Is told the operators of the readers.
            per_channel: Whether a weight has a scale for each channel.
        """
        for node in list(body):
            for inner in bodies(node):
                repeated = anchor or (node if node.op_type in _REPEATING else None)
                self.visit(inner, repeated, found, per_channel=per_channel)
            told = False
            for index in WEIGHTS_OF_BODIES.get(node.op_type, ()) if not node.domain else ():
                value = self._dequantized(node, index, anchor or node, per_channel=per_channel)
                if value is not None:
                    node.replace_input_with(index, value)
                    told = True
            found[node.op_type] += told
        for name in [name for name, count in found.items() if not count]:
            del found[name]

    def _dequantized(
        self, node: ir.Node, index: int, before: ir.Node, *, per_channel: bool
    ) -> ir.Value | None:
        weight = weight_of(node, index)
        value = node.inputs[index] if weight is not None else None
        if weight is None or value is None or value.const_value is None:
            return None
        if value.const_value.size < LEAST_NUMBERS:
            return None
        place = before.graph
        assert place is not None
        key = (id(value), id(place))
        if key not in self.made:
            axis = weight.channel_axis if per_channel else None
            granularity = PerTensor() if axis is None else PerChannel(axis)
            spec = QuantSpec(QType.INT8, symmetric=True, granularity=granularity)
            array = value.const_value.numpy()
            params = weight_params(array, spec)
            codes = quantize_linear(array, params)
            stored = add_initializer(
                self.graph, self.names, f"{value.name}_quantized", codes, QType.INT8
            )
            scale, zero_point = scale_and_zero_point(
                self.graph, self.names, str(value.name), params
            )
            made = linear_node("DequantizeLinear", stored, scale, zero_point, params)
            made.name = self.names.unique(f"{value.name}_DequantizeLinear")
            made.outputs[0].name = self.names.unique(f"{value.name}_dequantized")
            place.insert_before(before, made)
            self.made[key] = made.outputs[0]
        return self.made[key]
