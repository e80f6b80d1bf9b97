"""A float model, read and prepared once: its nodes, its tensors and what can be quantized."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import onnx_ir as ir

from quant.errors import ModelError
from quant.io.show import card, counted, one_line, table
from quant.model.op_roles import QUANTIZED_OPS, REARRANGING, ROLES, Kind
from quant.model.prepare import prepare
from quant.model.read import read_model

Dim = int | str | None


@dataclass(frozen=True)
class TensorInfo:
    """What is known of a tensor before anything runs.

    Attributes:
        name: The tensor's name.
        dtype: Name of the ONNX element type, such as ``FLOAT``; empty while unknown.
        shape: A size, a symbol or None for each dimension; None while even the rank is unknown.
    """

    name: str
    dtype: str
    shape: tuple[Dim, ...] | None

    @property
    def rank(self) -> int | None:
        """Number of dimensions, or None while unknown."""
        return None if self.shape is None else len(self.shape)


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
        external_data: Whether the file keeps its weights in another file; exports then do too.
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
    external_data: bool = False

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
            readers = [top.get(id(use.node), "") for use in value.uses()]
            found[str(value.name)] = (*readers, *([""] if value.is_graph_output() else []))
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

    def to_bytes(self) -> bytes:
        """The prepared float model as the bytes of an ``.onnx`` file."""
        return self._serialized

    @cached_property
    def _serialized(self) -> bytes:
        return ir.to_proto(self.graph).SerializeToString(deterministic=True)


def load(source: str | Path | bytes) -> Model:
    """Read a float ONNX model and prepare it for quantization.

    Args:
        source: Path of an ``.onnx`` file (external data beside it is read too), or its content.

    Returns:
        The prepared model. The file is not changed.

    Raises:
        ModelError: If it cannot be read, is quantized already, or holds no node that can be
            quantized.
    """
    read = read_model(source)
    proto, path = read.proto, read.path
    name = path.stem if path else proto.graph.name or "model"
    _refuse_quantized([node.op_type for node in proto.graph.node], name)
    graph = ir.from_proto(proto)
    renamed, notes = prepare(graph, name)
    nodes = tuple(_describe(node) for node in graph.graph)
    if not any(node.kind in {Kind.COMPUTE, Kind.ELEMENTWISE, Kind.ACTIVATION} for node in nodes):
        raise ModelError(
            f"{name}: expected float nodes such as Conv, Gemm, MatMul or Add, found none among "
            f"{len(nodes)} nodes; there is nothing to quantize"
        )
    values = [v for v in graph.graph.inputs if not v.is_initializer()]
    values += [v for node in graph.graph for v in node.outputs if v.name]
    return Model(
        name=name,
        path=path,
        fingerprint=read.fingerprint,
        graph=graph,
        nodes=nodes,
        inputs=tuple(_info(v) for v in graph.graph.inputs),
        outputs=tuple(_info(v) for v in graph.graph.outputs),
        tensors=MappingProxyType({str(v.name): _info(v) for v in values}),
        renamed=MappingProxyType(renamed),
        notes=notes,
        external_data=read.external_data,
    )


def _refuse_quantized(op_types: list[str], name: str) -> None:
    found = sorted(QUANTIZED_OPS.intersection(op_types))
    if found:
        raise ModelError(
            f"{name}: expected a float model, found one that is quantized already "
            f"({', '.join(found)}); open the float model it was made from"
        )


def _info(value: ir.Value) -> TensorInfo:
    shape = None
    if value.shape is not None:
        shape = tuple(d if isinstance(d, int) else d.value for d in value.shape)
    return TensorInfo(str(value.name), value.dtype.name if value.dtype else "", shape)


def _describe(node: ir.Node) -> Node:
    """Read one node's part in quantization off the role table and its inputs."""
    plain = Node(
        name=str(node.name),
        op_type=node.op_type,
        kind=Kind.FLOAT,
        inputs=tuple(str(v.name) if v is not None else "" for v in node.inputs),
        outputs=tuple(str(v.name or "") for v in node.outputs),
    )
    role = ROLES.get(node.op_type)
    if node.domain not in {"", "ai.onnx"}:
        return replace(plain, reason=f"{node.domain}.{node.op_type} is no operator QuantLens knows")
    if role is None:
        return replace(plain, reason=f"{node.op_type} has no quantized form")
    weight = _weight(node, role.weight)
    if node.op_type == "MatMul" and weight is None:
        weight = _weight(node, 0)
    carriers = range(len(node.inputs)) if role.data is None else role.data
    carriers = [i for i in carriers if i < len(node.inputs) and node.inputs[i] is not None]
    operands = [i for i in carriers if weight is None or i != weight.index]
    data = tuple(i for i in operands if not _constant(node.inputs[i]))
    if not data and weight is None:
        return replace(plain, reason="all its inputs are constant")
    for value in (*(node.inputs[i] for i in carriers), node.outputs[0]):
        if value is not None and value.dtype != ir.DataType.FLOAT:
            found = value.dtype.name.lower() if value.dtype else "values of unknown type"
            return replace(plain, reason=f"it works on {found}, and only float32 is quantized")
    bias = role.bias if weight is not None else None
    if bias is not None and (bias >= len(node.inputs) or not _constant(node.inputs[bias])):
        bias = None
    return replace(
        plain,
        kind=_kind(node, role.kind, weight),
        data=data,
        constants=tuple(i for i in operands if i not in data),
        weight=weight,
        bias=bias,
        clamp=_clamp(node),
    )


def _clamp(node: ir.Node) -> tuple[float, float] | None:
    """The bounds of a Relu or Clip, or None where they are not constant or it is neither."""
    if node.op_type == "Relu":
        return 0.0, math.inf
    if node.op_type != "Clip":
        return None
    bounds = [-math.inf, math.inf]
    for index, value in enumerate(node.inputs[1:3]):
        if value is None:
            continue
        tensor = value.const_value
        if tensor is None:
            return None
        bounds[index] = float(tensor.numpy())
    return bounds[0], bounds[1]


def _kind(node: ir.Node, kind: Kind, weight: Weight | None) -> Kind:
    """Refine the table's kind where attributes or constants decide."""
    if node.op_type == "Gather" and weight is not None:
        return Kind.COMPUTE
    if node.op_type == "Resize":
        mode = node.attributes.get("mode")
        return Kind.SAME_SCALE if mode is None or mode.as_string() == "nearest" else kind
    if node.op_type == "Pad":
        mode = node.attributes.get("mode")
        if mode is not None and mode.as_string() != "constant":
            return Kind.SAME_SCALE
        filler = node.inputs[2] if len(node.inputs) > 2 else None
        value = ir.convenience.get_const_tensor(filler) if filler is not None else None
        padded_with_zero = filler is None or (value is not None and not value.numpy().any())
        return Kind.SAME_SCALE if padded_with_zero else kind
    return kind


def _weight(node: ir.Node, index: int | None) -> Weight | None:
    """The constant float tensor at ``index``, with the axis of its output channels."""
    if index is None or index >= len(node.inputs):
        return None
    value = node.inputs[index]
    tensor = value.const_value if value is not None else None
    if value is None or tensor is None or tensor.dtype != ir.DataType.FLOAT:
        return None
    shape = tuple(tensor.shape.numpy())
    if len(shape) < 2:
        return None
    axis: int | None
    match node.op_type:
        case "Conv":
            axis = 0
        case "ConvTranspose":
            group = node.attributes.get("group")
            axis = 1 if group is None or group.as_int() == 1 else None
        case "Gemm":
            transposed = node.attributes.get("transB")
            axis = 0 if transposed is not None and transposed.as_int() else 1
        case "MatMul":
            axis = len(shape) - (1 if index == 1 else 2)
        case _:
            axis = None
    return Weight(index, str(value.name), shape, axis)


def _constant(value: ir.Value | None) -> bool:
    return value is not None and value.const_value is not None
