"""Models of one operator each: ONNX's own node tests, alone and with a MatMul before and behind.

The MatMul multiply by the identity, so in float nothing changes, and in int8 what surrounds the
operator in a network is there: a quantized tensor that it reads, and one made of its result.
"""

import copy
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import defs, helper, numpy_helper
from onnx.backend.test.loader import load_model_tests

OLDEST = 7
WIDEST = 256
"""Longest last axis that is multiplied by an identity."""

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class Subject:
    """A model with one sample.

    Attributes:
        name: Of the node test, with what was done to it.
        op_type: The operator that it is about.
        opset: Which opset of the default domain it declares.
        model: The model.
        feeds: The sample.
    """

    name: str
    op_type: str
    opset: int
    model: onnx.ModelProto
    feeds: Arrays


@cache
def node_tests() -> tuple[Subject, ...]:
    """ONNX's own node tests whose inputs are all tensors."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are made by casts that overflow
        cases = load_model_tests(kind="node")
    for case in cases:
        model = case.model
        arrays = case.data_sets[0][0]
        if model is None or any(not isinstance(a, np.ndarray | np.generic) for a in arrays):
            continue
        names = [value.name for value in model.graph.input]
        feeds = dict(zip(names, map(np.asarray, arrays), strict=False))
        opset = next((e.version for e in model.opset_import if e.domain in {"", "ai.onnx"}), OLDEST)
        op_type = next((n.op_type for n in model.graph.node if n.op_type != "Constant"), "Constant")
        found.append(Subject(case.name, op_type, opset, model, feeds))
    return tuple(found)


def wrapped(subject: Subject, outputs: Arrays) -> Subject | None:
    """The model with an identity MatMul before each float input and behind each float output.

    Args:
        subject: The model.
        outputs: What it gives, which decides how wide the identities are.

    Returns:
        None where no input or output is of float32 and has an axis.
    """
    model = copy.deepcopy(subject.model)
    graph = model.graph
    before, behind = [], []
    renamed: dict[str, str] = {}
    for name, array in subject.feeds.items():
        if _fits(array):
            renamed[name] = f"{name}_multiplied"
            before.append(_identity(graph, name, renamed[name], array.shape[-1]))
    for value in graph.output:
        array = outputs.get(value.name)
        if array is not None and _fits(array) and value.name not in renamed:
            inner = f"{value.name}_inner"
            behind.append(_identity(graph, inner, value.name, array.shape[-1]))
            renamed[value.name] = inner
    if not before and not behind:
        return None
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = renamed.get(name, name)
    if any(_subgraphs(node) for node in graph.node):
        return None
    nodes = [*before, *graph.node, *behind]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    return replace(subject, name=f"{subject.name}, wrapped", model=model)


def by_opset() -> Iterator[Subject]:
    """Every operator under every opset that changed it, where a node test fits that opset too."""
    first: dict[str, Subject] = {}
    for subject in node_tests():
        alone = [n.op_type for n in subject.model.graph.node if n.op_type != "Constant"]
        if len(alone) == 1:
            first.setdefault(subject.op_type, subject)
    for op_type, versions in operators().items():
        subject = first.get(op_type)
        if subject is None:
            continue
        for version in versions:
            model = copy.deepcopy(subject.model)
            for entry in model.opset_import:
                if entry.domain in {"", "ai.onnx"}:
                    entry.version = max(version, OLDEST)
            model.ir_version = 8 if version < 22 else 10
            yield Subject(
                f"{op_type}-{version}", op_type, max(version, OLDEST), model, subject.feeds
            )


def operators() -> dict[str, tuple[int, ...]]:
    """Operators of the default domain -> the versions that a model of opset 7 or later can mean."""
    schemas: dict[str, list[Any]] = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "" and schema.support_level == schema.support_level.COMMON:
            schemas.setdefault(schema.name, []).append(schema)
    found = {}
    for name, history in sorted(schemas.items()):
        versions = sorted(s.since_version for s in history if not s.deprecated)
        oldest = max((v for v in versions if v <= OLDEST), default=0)
        found[name] = tuple(v for v in versions if v >= oldest)
    return found


def _fits(array: NDArray[np.generic]) -> bool:
    return array.dtype == np.float32 and array.ndim > 0 and 0 < array.shape[-1] <= WIDEST


def _identity(graph: onnx.GraphProto, source: str, output: str, width: int) -> onnx.NodeProto:
    name = f"identity_{width}"
    if name not in {tensor.name for tensor in graph.initializer}:
        graph.initializer.append(numpy_helper.from_array(np.eye(width, dtype=np.float32), name))
    return helper.make_node("MatMul", [source, name], [output], name=f"{output}_matmul")


def _subgraphs(node: onnx.NodeProto) -> bool:
    return any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)
