"""Which nodes of an int8 file run on integers, and what flows between them.

ONNX Runtime's optimized graph is read back and laid over the file: a node of it stands for all
nodes of the file between its outputs and its inputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import onnx

from quant.runtime.optimized import optimized

TO_CODES: Final = frozenset({"QuantizeLinear", "DynamicQuantizeLinear"})
TO_REAL: Final = frozenset({"DequantizeLinear"})
CONVERSIONS: Final = TO_CODES | TO_REAL

_INTEGERS: Final = frozenset(
    onnx.TensorProto.DataType.Value(name)
    for name in ("INT8", "UINT8", "INT16", "UINT16", "INT4", "UINT4")
)


@dataclass(frozen=True)
class Conversion:
    """A change between float and integers that is left when a model runs.

    Attributes:
        tensor: The tensor of the file that is changed.
        to_codes: Whether it becomes integers; else floats.
        before: What computes it: an operator of the running graph, or "input".
        after: Operators that read the result, or "output".
    """

    tensor: str
    to_codes: bool
    before: str
    after: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Flow:
    """A file beside the graph that ONNX Runtime makes of it.

    Attributes:
        file: The file's graph.
        running: The graph that runs.
        covered: Name of a node of the file -> the node of the running graph that computes it.
    """

    file: onnx.GraphProto
    running: onnx.GraphProto
    covered: Mapping[str, onnx.NodeProto]

    @cached_property
    def types(self) -> Mapping[str, int]:
        """Element type of each tensor of the running graph, where it is known."""
        found = {t.name: t.data_type for t in self.running.initializer}
        for value in (*self.running.value_info, *self.running.input, *self.running.output):
            if value.type.HasField("tensor_type"):
                found[value.name] = value.type.tensor_type.elem_type
        for node in self.running.node:
            given = _gives(node, found)
            found.update({name: given for name in node.output if name not in found})
        return found

    @cached_property
    def origins(self) -> Mapping[str, str]:
        """Tensor of the file -> the same before any conversion."""
        found: dict[str, str] = {}
        for node in self.file.node:
            for name in node.output:
                source = node.input[0] if node.op_type in CONVERSIONS else name
                found[name] = found.get(source, source)
        return found

    @cached_property
    def producers(self) -> Mapping[str, onnx.NodeProto]:
        """Tensor of the running graph -> the node that computes it."""
        return {name: node for node in self.running.node for name in node.output}

    @cached_property
    def consumers(self) -> Mapping[str, Sequence[onnx.NodeProto]]:
        """Tensor of the running graph -> the nodes that read it."""
        found: dict[str, list[onnx.NodeProto]] = {}
        for node in self.running.node:
            for name in node.input:
                found.setdefault(name, []).append(node)
        return found

    @cached_property
    def conversions(self) -> tuple[Conversion, ...]:
        """The conversions that are left, in the order in which they run."""
        constants = {tensor.name for tensor in self.running.initializer}
        found: list[Conversion] = []
        for node in self.running.node:
            if node.op_type not in CONVERSIONS or node.input[0] in constants:
                continue
            producer = self.producers.get(node.input[0])
            after = [other.op_type for other in self.consumers.get(node.output[0], ())]
            found.append(
                Conversion(
                    self._named(node.input[0]),
                    node.op_type in TO_CODES,
                    "input" if producer is None else producer.op_type,
                    tuple(dict.fromkeys(after or ["output"])),
                )
            )
        return tuple(found)

    @cached_property
    def _first_outputs(self) -> Mapping[str, str]:
        """Node of the file -> the first tensor that it gives."""
        return {node.name: node.output[0] for node in self.file.node if node.name}

    def _named(self, tensor: str) -> str:
        """A tensor of the running graph by its name in the file, as far as it has one there."""
        if tensor not in self.origins and tensor in self.producers:
            found = self._first_outputs.get(self.producers[tensor].name, tensor)
            return self.origins.get(found, found)
        return self.origins.get(tensor, tensor)

    def on_integers(self, node: onnx.NodeProto) -> bool:
        """Whether a node of the running graph computes on integers."""
        if node.op_type in CONVERSIONS or not node.input:
            return False
        named = node.op_type.startswith(("QLinear", "QGemm", "MatMulInteger", "ConvInteger"))
        return named or self.types.get(node.input[0]) in _INTEGERS

    @cached_property
    def anchors(self) -> Mapping[str, str]:
        """Node of the file -> the first one that the same running node computes."""
        first: dict[int, str] = {}
        found: dict[str, str] = {}
        for node in self.file.node:
            running = self.covered.get(node.name)
            if running is not None and node.op_type not in CONVERSIONS:
                found[node.name] = first.setdefault(id(running), node.name)
        return found

    def type_between(self, source: str, target: str) -> str:
        """What flows along an edge of the file when it runs.

        Args:
            source: The tensor.
            target: Name of the node that reads it.

        Returns:
            The element type, such as ``uint8`` or ``float``; "" where both ends are one kernel or
            the node is not there.
        """
        node = self.covered.get(target)
        if node is None:
            return ""
        origin = self.origins.get(source, source)
        for name in node.input:
            if self._named(name) == origin:
                return self.type_name(name)
        return ""

    def type_name(self, tensor: str) -> str:
        """The element type of a tensor of the running graph, such as ``uint8``."""
        known = self.types.get(tensor, onnx.TensorProto.FLOAT)
        return onnx.TensorProto.DataType.Name(known).lower()


def _gives(node: onnx.NodeProto, known: Mapping[str, int]) -> int:
    """The type of what the optimizer added without saying it: mostly what it reads."""
    if node.op_type in TO_REAL or not node.input:
        return onnx.TensorProto.FLOAT
    if node.op_type in TO_CODES:
        zero = node.input[2] if len(node.input) > 2 else ""
        return known.get(zero, onnx.TensorProto.UINT8)
    if node.op_type == "Cast":
        return next(item.i for item in node.attribute if item.name == "to")
    return known.get(node.input[0], onnx.TensorProto.FLOAT)


def flow(content: bytes) -> Flow:
    """Lay the graph that ONNX Runtime runs over a file.

    Args:
        content: Content of the ``.onnx`` file.

    Raises:
        ModelError: If ONNX Runtime cannot load it.
    """
    file = onnx.load_model_from_string(content).graph
    running = optimized(content).graph
    producers = {name: node for node in file.node for name in node.output if name}
    by_name = {node.name: node for node in file.node if node.name}
    covered: dict[str, onnx.NodeProto] = {}
    there = {name for node in running.node for name in (*node.input, *node.output)}
    named = {node.name for node in running.node}
    for node in running.node:
        waiting = [producers[name] for name in node.output if name in producers]
        if not waiting and node.name in by_name:
            waiting = [by_name[node.name]]
        while waiting:
            found = waiting.pop()
            if found.name in covered and covered[found.name] is node:
                continue
            covered[found.name] = node
            before = [producers[n] for n in found.input if n in producers and n not in there]
            waiting += [other for other in before if other.name not in named - {node.name}]
    return Flow(file, running, covered)
