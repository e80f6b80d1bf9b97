"""An int8 file beside the float model that it was made of: which tensor and node is which."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from quant.foreign.int8_file import Codes, FileNode, Int8File
from quant.model.model import Model, Node
from quant.model.op_roles import CLAMPS
from quant.model.read import read_model


@dataclass(frozen=True, eq=False)
class Match:
    """What of a file is what of a model.

    Attributes:
        file: What the file says.
        model: The float model.
        nodes: Node of the model -> that of the file that computes it, or None.
        activations: Tensor of the model -> how the file rounds it.
        unmatched: Tensors that the file rounds and that the model does not have.
    """

    file: Int8File
    model: Model
    nodes: Mapping[str, FileNode | None]
    activations: Mapping[str, Codes]
    unmatched: tuple[str, ...]

    @property
    def found(self) -> int:
        """How many of the tensors that the file rounds the model has."""
        return len(self.file.activations) - len(self.unmatched)

    def weight(self, node: Node) -> Codes | None:
        """How the weight of a node is stored in the file; None where it is float."""
        return None if node.weight is None else self._constant(node, node.weight.index)

    def bias(self, node: Node) -> Codes | None:
        """How the bias of a node is stored in the file; None where it is float."""
        return None if node.bias is None else self._constant(node, node.bias)

    def _constant(self, node: Node, place: int) -> Codes | None:
        found = self.nodes[node.name]
        codes = found.codes[place] if found and place < len(found.codes) else None
        return codes if codes is not None and codes.values is not None else None

    def scale_of_bias(self, node: Node) -> NDArray[np.float64] | None:
        """The scale that a bias must have, data's times weight's; None where one is float."""
        found, weight = self.nodes[node.name], self.weight(node)
        data = found.codes[node.data[0]] if found and node.data[0] < len(found.codes) else None
        if data is None or weight is None:
            return None
        product = float(data.scale.max()) * weight.scale.reshape(-1).astype(np.float64)
        bias = self.bias(node)
        size = 1 if bias is None else bias.scale.size
        fits = 1 in {size, product.size} or size == product.size
        return np.broadcast_to(product, (max(size, product.size),)) if fits else None

    def floats(self, node: Node, place: int) -> tuple[NDArray[np.float64], ...]:
        """A constant operand of a node in float: as it was read, and as it is prepared.

        Tools differ in what they fold into it, so a file may hold the one or the other.
        """
        found: list[NDArray[np.float64]] = []
        written = self._written.get(node.name, ())
        tensor = written[place] if place < len(written) else None
        if tensor is not None:
            found.append(np.asarray(numpy_helper.to_array(tensor), np.float64))
        constants = self.model.graph.graph.initializers
        if place < len(node.inputs) and node.inputs[place] in constants:
            found.append(self.model.constant(node.inputs[place]).astype(np.float64))
        return tuple(found)

    @cached_property
    def _written(self) -> Mapping[str, tuple[onnx.TensorProto | None, ...]]:
        """The constant operands of each node of the user's file, by its name."""
        source = self.model.original()
        if source is None:
            return {}
        graph = read_model(source).proto.graph
        constants = {tensor.name: tensor for tensor in graph.initializer}
        return {
            node.name: tuple(constants.get(name) for name in node.input)
            for node in graph.node
            if node.name and any(name in constants for name in node.input)
        }

    def joined(self, node: Node) -> bool:
        """Whether what stands behind a node in the file is part of its constants here."""
        found = self.nodes[node.name]
        return (
            found is not None
            and node.outputs[0] in self.file.by_output
            and node.outputs[0] not in found.outputs
        )

    def gives(self, node: Node) -> bool:
        """Whether the file has the node before one that it dropped."""
        before = self.model.producers.get(node.inputs[0])
        return before is None or self.nodes[before.name] is not None


def matched(file: Int8File, model: Model) -> Match:
    """Find the tensors and nodes of a file in a float model.

    By their names first, then by the nodes that give them. A tensor before a Relu or Clip that the
    file dropped stands for the one behind it; a Gemm of the file may be a MatMul with an Add.

    Args:
        file: What the file says.
        model: The float model that it was made of.
    """
    by_name = {node.name: node for node in model.nodes}

    def behind(tensor: str) -> Node | None:
        """The node that alone reads a tensor."""
        readers = model.consumers.get(tensor, ())
        return by_name.get(readers[0]) if len(readers) == 1 else None

    nodes = {
        node.name: _same(node, file, behind(node.outputs[0]) if node.outputs else None)
        for node in model.nodes
    }
    activations: dict[str, Codes] = {}
    unmatched: list[str] = []
    for name, codes in file.activations.items():
        tensor = _tensor(name, file, model, by_name)
        if not tensor:
            unmatched.append(name)
            continue
        clamp = behind(tensor)
        if clamp is not None and clamp.op_type in CLAMPS and nodes[clamp.name] is None:
            tensor = clamp.outputs[0]
        activations.setdefault(tensor, codes)
    return Match(file, model, nodes, activations, tuple(unmatched))


def _same(node: Node, file: Int8File, behind: Node | None) -> FileNode | None:
    """The node of the file that computes what a node of the model does, alone or with the next."""
    found = file.nodes.get(node.name)
    if found is not None and found.op_type == node.op_type:
        return found
    found = file.by_output.get(node.outputs[0]) if node.outputs else None
    if found is not None and found.op_type == node.op_type:
        return found
    if found is None and node.op_type == "MatMul" and behind and behind.op_type == "Add":
        found = file.by_output.get(behind.outputs[0])
    both = found is not None and {found.op_type, node.op_type} == {"Gemm", "MatMul"}
    return found if both else None


def _tensor(name: str, file: Int8File, model: Model, by_name: Mapping[str, Node]) -> str:
    """The tensor of the model that one of the file stands for, or an empty name."""
    if name in model.tensors:
        return name
    source = file.by_output.get(name)
    node = by_name.get(source.name) if source else None
    if source is None or node is None or node.op_type != source.op_type:
        return ""
    place = source.outputs.index(name)
    return node.outputs[place] if place < len(node.outputs) else ""
