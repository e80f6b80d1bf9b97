"""The part of a graph that computes something else than another graph does.

Two values are *the same* when the same operator computes them from the same values, down to the
model's inputs and the content of its constants; names do not matter. What a variant of a model
computes otherwise is its diff. It reads values that the base model computes too, so running the
diff on those gives exactly what running the whole variant would.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx import helper

Digest = bytes


@dataclass(frozen=True)
class TensorForm:
    """Type and shape of an array.

    Attributes:
        dtype: Its type.
        shape: Its shape.
        dims: What its shape is for every sample, None for a size that may differ; None where even
            the number of dimensions may.
    """

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    dims: tuple[int | None, ...] | None

    @classmethod
    def of(cls, array: NDArray[np.generic], value: ir.Value | None) -> "TensorForm":
        """The form of what a tensor of the base, or an input, held for one sample.

        Integers in a row are shapes as a rule, as long as there are dimensions, and a runtime that
        does not know how many refuses what is sized by them. Sizes of other tensors count samples.
        """
        dims: tuple[int | None, ...] | None = (None,) * array.ndim
        if value is not None and value.shape is None:
            dims = None
        elif value is not None and array.dtype.kind == "i" and array.ndim == 1:
            dims = tuple(size if isinstance(size, int) else None for size in value.shape or ())
        return cls(array.dtype, array.shape, dims)

    @property
    def nbytes(self) -> int:
        """What it takes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, eq=False)
class SubgraphDiff:
    """What a variant computes otherwise than the base, as a model of its own.

    Attributes:
        nodes: Its nodes in topological order.
        constants: The constants they read, by name.
        reads: Value that it reads -> the base's tensor (or input) that holds the same.
        outputs: The outputs of the variant that it computes.
        unchanged: Output of the variant that is the same in the base -> the base's name for it.
        opsets: Version of each operator domain.
        functions: Functions that nodes may call.
    """

    nodes: tuple[onnx.NodeProto, ...]
    constants: Mapping[str, ir.TensorProtocol]
    reads: Mapping[str, str]
    outputs: tuple[onnx.ValueInfoProto, ...]
    unchanged: Mapping[str, str]
    opsets: Mapping[str, int]
    functions: tuple[onnx.FunctionProto, ...]

    @property
    def constant_bytes(self) -> int:
        """What its constants take in float32, which the runtime unfolds them to."""
        return sum(4 * math.prod(c.shape.numpy()) for c in self.constants.values())

    def to_bytes(self, forms: Mapping[str, TensorForm], ir_version: int) -> bytes:
        """The content of an ``.onnx`` file that computes ``outputs`` from ``reads``.

        Args:
            forms: Type and shape of each of the base's tensors that it reads.
            ir_version: Version of the file format.
        """
        inputs = [
            helper.make_tensor_value_info(
                name,
                helper.np_dtype_to_tensor_dtype(forms[source].dtype),
                forms[source].dims,
            )
            for name, source in self.reads.items()
        ]
        graph = helper.make_graph(
            list(self.nodes),
            "diff",
            inputs,
            list(self.outputs),
            [_named(name, tensor) for name, tensor in self.constants.items()],
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(d, v) for d, v in self.opsets.items()],
            functions=list(self.functions),
        )
        model.ir_version = ir_version
        return model.SerializeToString()


class BaseGraph:
    """A graph whose values variants of it are compared with.

    Attributes:
        tensors: Its tensors that depend on an input, in topological order; inputs left out.
    """

    def __init__(self, model: ir.Model) -> None:
        self._model = model
        self._contents: dict[int, tuple[ir.TensorProtocol, Digest]] = {}
        self._constants: dict[Digest, ir.TensorProtocol] = {}
        for value in model.graph.initializers.values():
            if value.const_value is not None:
                # Kept by its identity: variants share the tensors of the model they come from.
                digest = _content(value.const_value)
                self._contents[id(value.const_value)] = (value.const_value, digest)
                self._constants.setdefault(digest, value.const_value)
        seen = self._hash_values(model)
        self._names: dict[Digest, str] = {}
        for value in (*model.graph.inputs, *(v for n in model.graph for v in n.outputs)):
            if value.name and id(value) in seen.varying:
                self._names.setdefault(seen.digests[id(value)], str(value.name))
        inputs = {str(value.name) for value in model.graph.inputs}
        self.tensors = tuple(name for name in self._names.values() if name not in inputs)

    def diff(self, variant: ir.Model) -> SubgraphDiff:
        """What ``variant`` computes otherwise.

        Args:
            variant: A graph with the base's inputs and outputs.

        Returns:
            Its diff, which has no nodes where every output is the same.
        """
        seen = self._hash_values(variant)
        unchanged: dict[str, str] = {}
        outputs: list[ir.Value] = []
        for value in variant.graph.outputs:
            same = self._names.get(seen.digests[id(value)])
            if same is None:
                outputs.append(value)
            else:
                unchanged[str(value.name)] = same
        nodes: dict[int, ir.Node] = {}
        constants: dict[str, ir.TensorProtocol] = {}
        reads: dict[str, str] = {}
        waiting = list(outputs)
        while waiting:
            value = waiting.pop()
            same = self._names.get(seen.digests[id(value)])
            producer = value.producer()
            if value.const_value is not None and producer is None:
                constants[str(value.name)] = self._one_of(value.const_value)
            elif same is not None and id(value) in seen.varying:
                reads[str(value.name)] = same
            elif producer is not None and id(producer) not in nodes:
                nodes[id(producer)] = producer
                waiting.extend(seen.reads[id(producer)])
        return SubgraphDiff(
            nodes=tuple(ir.serde.serialize_node(n) for n in variant.graph if id(n) in nodes),
            constants=constants,
            reads=dict(sorted(reads.items())),
            outputs=tuple(ir.serde.serialize_value(value) for value in outputs),
            unchanged=unchanged,
            opsets=dict(variant.opset_imports),
            functions=tuple(ir.serde.serialize_function(f) for f in variant.functions.values()),
        )

    def _one_of(self, tensor: ir.TensorProtocol) -> ir.TensorProtocol:
        """The base's own constant of that content, so that variants do not hold copies."""
        return self._constants.get(self._digest(tensor), tensor)

    def _digest(self, tensor: ir.TensorProtocol) -> Digest:
        known = self._contents.get(id(tensor))
        return _content(tensor) if known is None else known[1]

    def _hash_values(self, model: ir.Model) -> "_ValueHashes":
        """The digest of every value in the main graph."""
        seen = _ValueHashes({}, {}, set())
        for value in model.graph.inputs:
            seen.digests[id(value)] = _hash(b"input", str(value.name).encode())
            seen.varying.add(id(value))
        for value in model.graph.initializers.values():
            if value.const_value is not None:
                seen.digests[id(value)] = self._digest(value.const_value)
                seen.varying.discard(id(value))
        for node in model.graph:
            read = list(_read(node))
            seen.reads[id(node)] = read
            digest = _hash(_form(node), *(seen.digests[id(value)] for value in read))
            varies = any(id(value) in seen.varying for value in read)
            for index, value in enumerate(node.outputs):
                seen.digests[id(value)] = _hash(digest, str(index).encode())
                if varies:
                    seen.varying.add(id(value))
        return seen


@dataclass(frozen=True, eq=False)
class _ValueHashes:
    """What is known of a graph's values, by their ``id``.

    Attributes:
        digests: What each value is.
        reads: The values that each node reads.
        varying: The values that depend on an input.
    """

    digests: dict[int, Digest]
    reads: dict[int, Sequence[ir.Value]]
    varying: set[int]


def _form(node: ir.Node) -> bytes:
    """All that makes a node what it computes, but for the values that it reads."""
    parts = [node.domain.encode(), node.op_type.encode(), node.overload.encode()]
    parts.append(bytes(value is not None for value in node.inputs))
    for name, attribute in sorted(node.attributes.items()):
        proto = ir.serde.serialize_attribute(attribute)
        parts += [name.encode(), proto.SerializeToString(deterministic=True)]
        if attribute.type in {ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS}:
            # A subgraph calls what it reads by name.
            parts += [str(value.name).encode() for value in _read(node)]
    return _hash(*parts)


def _read(node: ir.Node) -> Iterator[ir.Value]:
    """The values of the graph around it that a node and its subgraphs read."""
    yield from (value for value in node.inputs if value is not None)
    for attribute in node.attributes.values():
        graphs: Sequence[ir.Graph] = ()
        if attribute.type == ir.AttributeType.GRAPH:
            graphs = [attribute.as_graph()]
        elif attribute.type == ir.AttributeType.GRAPHS:
            graphs = attribute.as_graphs()
        for graph in graphs:
            yield from _captured(graph)


def _captured(graph: ir.Graph) -> Iterator[ir.Value]:
    inner = {id(v) for v in (*graph.inputs, *graph.initializers.values())}
    inner.update(id(value) for node in graph for value in node.outputs)
    used = chain((v for node in graph for v in _read(node)), graph.outputs)
    yield from (value for value in used if id(value) not in inner)


def _content(tensor: ir.TensorProtocol) -> Digest:
    head = f"{tensor.dtype.name} {tuple(tensor.shape.numpy())}"
    return _hash(head.encode(), tensor.tobytes())


def _hash(*parts: bytes) -> Digest:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(len(part).to_bytes(8, "little"))
        sha.update(part)
    return sha.digest()


def _named(name: str, tensor: ir.TensorProtocol) -> onnx.TensorProto:
    proto = ir.serde.serialize_tensor(tensor)
    proto.name = name
    return proto
