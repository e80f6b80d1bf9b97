"""A prepared float model as data: its nodes, its tensors and what can be quantized."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.io.show import card, counted, one_line, table
from quant.model.op_roles import MAY_DRAW, REARRANGING, Kind
from quant.model.read import is_well_formed, stamp
from quant.model.serialize import to_bytes
from quant.model.weights_beside import ModelBytes
from quant.types import TensorInfo


@dataclass(frozen=True)
class Weight:
    """A constant input that is quantized by itself, from its own values.

    Attributes:
        index: Which input of the node it is.
        name: The initializer's name.
        shape: Its shape.
        channel_axis: The axis of the output channels, or None where only one scale fits.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    channel_axis: int | None


@dataclass(frozen=True)
class Node:
    """One node of the prepared graph and its part in quantization.

    Attributes:
        name: Unique name.
        op_type: Operator.
        kind: How it takes part; ``Kind.FLOAT`` with a ``reason`` where it cannot.
        inputs: Names of its inputs; empty for one left out.
        outputs: Names of its outputs.
        data: Indices of the inputs that carry activations.
        constants: Indices of constant operands that are quantized like activations.
        weight: Its weight, if it has one.
        bias: Index of its constant bias, or None.
        clamp: Bounds (lo, hi) of a Relu or Clip with constant bounds, in real units, or None.
        reason: Why it stays float; empty where it can be quantized.
    """

    name: str
    op_type: str
    kind: Kind
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    data: tuple[int, ...] = ()
    constants: tuple[int, ...] = ()
    weight: Weight | None = None
    bias: int | None = None
    clamp: tuple[float, float] | None = None
    reason: str = ""

    @property
    def quantizable(self) -> bool:
        """Whether a recipe can quantize this node."""
        return self.kind is not Kind.FLOAT


@dataclass(frozen=True, eq=False)
class Model:
    """A prepared float model. Its graph is never changed: passes work on clones.

    Attributes:
        name: What to call it.
        path: Where it was read from, or None.
        fingerprint: SHA-256 of the file and its external data.
        graph: The prepared graph.
        nodes: Its nodes in topological order.
        inputs: Its inputs.
        outputs: Its outputs.
        tensors: Every tensor of the main graph by name, constants left out.
        renamed: Nodes that are gone -> the node that now computes their output.
        notes: What preparation did, as sentences.
        warnings: What cannot be quantized for a reason outside of the model, as sentences.
        external_data: Whether the file keeps its weights in another file; exports then do too.
        source: Where it can be read again, unprepared: its path, or its content; None where there
            is neither.
        stamp: Size in bytes of the source and when it was written, in ns; None for a content.
        complaint: What onnx.checker has against the file, although it runs; empty where it passes.
    """

    name: str
    path: Path | None
    fingerprint: str
    graph: ir.Model
    nodes: tuple[Node, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    tensors: Mapping[str, TensorInfo]
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    external_data: bool = False
    complaint: str = ""
    source: Path | bytes | None = None
    stamp: tuple[int, int] | None = None

    def __repr__(self) -> str:
        """Name and counts, in one line."""
        free = sum(node.quantizable for node in self.nodes)
        return (
            f"<Model {one_line(self.name)}: {counted(len(self.nodes), 'node')} "
            f"({free:,} can be quantized), "
            f"{counted(len(self.inputs), 'input')}, {counted(len(self.outputs), 'output')}>"
        )

    def _repr_html_(self) -> str:
        """The nodes, for a notebook."""
        rows = ((n.name, n.op_type, "yes" if n.quantizable else n.reason) for n in self.nodes)
        head = ("Node", "Operator", "Can be quantized")
        return card(repr(self), table(head, rows, len(self.nodes)))

    @cached_property
    def calibration_targets(self) -> tuple[str, ...]:
        """Every tensor that any recipe could quantize, in topological order."""
        found: dict[str, None] = {}
        for node in self.nodes:
            if node.quantizable:
                found.update(dict.fromkeys(node.inputs[index] for index in node.data))
                found.update(dict.fromkeys(self.float_outputs(node)))
        return tuple(name for name in self.tensors if name in found)

    def float_outputs(self, node: Node) -> tuple[str, ...]:
        """The outputs of ``node`` that carry data; MaxPool's indices and the like are left out."""
        return tuple(n for n in node.outputs if n and self.tensors[n].dtype == "FLOAT")

    @cached_property
    def ir_nodes(self) -> Mapping[str, ir.Node]:
        """The nodes of the graph by name, with their attributes."""
        return {str(node.name): node for node in self.graph.graph}

    @cached_property
    def producers(self) -> Mapping[str, Node]:
        """The node that computes each tensor."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[str, ...]]:
        """The nodes that read each tensor; empty names stand for graph outputs and subgraphs."""
        top = {id(node): str(node.name) for node in self.graph.graph}
        found: dict[str, tuple[str, ...]] = {}
        values = [*self.graph.graph.inputs, *(v for n in self.graph.graph for v in n.outputs)]
        for value in values:
            consumers = [top.get(id(use.node), "") for use in value.uses()]
            found[str(value.name)] = (*consumers, *([""] if value.is_graph_output() else []))
        return found

    @cached_property
    def relu_of(self) -> Mapping[str, str]:
        """Output -> input of each Relu: the output's statistics follow from the input's."""
        return {n.outputs[0]: n.inputs[0] for n in self.nodes if n.op_type == "Relu"}

    @cached_property
    def same_values(self) -> Mapping[str, str]:
        """Output -> input of each node that only rearranges: both have the same statistics."""
        return {
            n.outputs[0]: n.inputs[0]
            for n in self.nodes
            if n.op_type in REARRANGING and n.kind is Kind.SAME_SCALE
        }

    @cached_property
    def channel_axes(self) -> Mapping[str, int]:
        """The channel axis of each tensor where it is known: 1 after a Conv, last after a MatMul.

        Pointwise and pooling nodes keep the axis of their first input; otherwise the rank decides
        (four and more dimensions: 1; two and three: the last).
        """
        axes: dict[str, int] = {}
        for name, info in self.tensors.items():
            rank = info.rank
            if rank is None or rank < 2:
                continue
            axes[name] = 1 if rank >= 4 else rank - 1
            node = self.producers.get(name)
            if node is None or node.op_type in REARRANGING:
                continue
            if node.op_type in {"Conv", "ConvTranspose"}:
                axes[name] = 1
            elif node.op_type in {"MatMul", "Gemm", "LayerNormalization"}:
                axes[name] = rank - 1
            elif node.data:
                source = node.inputs[node.data[0]]
                if source in axes and self.tensors[source].rank == rank:
                    axes[name] = axes[source]
        return axes

    def channel_axis(self, tensor: str) -> int | None:
        """The channel axis of ``tensor``, or None where it is not known."""
        return self.channel_axes.get(tensor)

    def constant(self, name: str) -> NDArray[np.float32]:
        """The values of a float initializer."""
        tensor = self.graph.graph.initializers[name].const_value
        assert tensor is not None
        return cast("NDArray[np.float32]", tensor.numpy())

    def to_bytes(self) -> bytes:
        """The prepared float model as the bytes of an ``.onnx`` file."""
        return self._serialized

    @property
    def mapped_bytes(self) -> int:
        """Bytes of the weights that are so large that they stay in files, mapped where used."""
        stored = (value.const_value for value in self.graph.graph.initializers.values())
        return sum(t.nbytes for t in stored if isinstance(t, ir.ExternalTensor))

    @cached_property
    def draws(self) -> bool:
        """Whether it may draw random numbers: it holds a random operator, or a Dropout."""
        return any(node.op_type in MAY_DRAW for node in self.graph.graph.all_nodes())

    @cached_property
    def well_formed(self) -> bool:
        """Whether onnx.checker passes the file and the prepared model, so that int8 has to pass."""
        if self.complaint or self.mapped_bytes:
            return not self.complaint
        return is_well_formed(self.to_bytes())

    def release(self) -> None:
        """Let go of mapped weights until they are used again."""
        for value in self.graph.graph.initializers.values():
            if isinstance(value.const_value, ir.ExternalTensor):
                value.const_value.release()

    def original(self) -> bytes | Path | None:
        """The user's own file, unprepared; None where it is gone or was written again since."""
        if not isinstance(self.source, Path):
            return self.source
        try:
            if stamp(self.source) != self.stamp:
                return None
            if self.mapped_bytes:
                return ModelBytes.of(self.source.read_bytes(), self.source.parent.resolve())
        except OSError:
            return None
        return self.source

    @cached_property
    def _serialized(self) -> bytes:
        return to_bytes(self.graph)
