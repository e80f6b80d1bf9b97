"""Make a model ready to be quantized: recent opset, weights as initializers, norms folded.

The steps and their order were found on real networks of opset 7 to 17: initializers leave the
graph's inputs first (nothing folds while they could be fed), constants become initializers, then
onnxscript's optimizer folds constants and batch normalization.
"""

import logging
import warnings
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript import optimizer, version_converter

from quant.errors import ModelError

MIN_OPSET = 13
"""Per-channel QuantizeLinear needs opset 13; older models are converted up."""
MIN_IR_VERSION = 4
"""Before it, every initializer had to be an input of the graph as well."""
_FOLD_LIMIT_BYTES = 64 << 20


def prepare(model: ir.Model, name: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Rewrite ``model`` in place into the form that gets quantized.

    Args:
        model: The model as it was read; changed in place.
        name: What to call the model in messages.

    Returns:
        A map from the name of each node that is gone to the node that now computes its output, and
        sentences that say what was done.

    Raises:
        ModelError: If the model's opset cannot be converted.
    """
    notes: list[str] = []
    name_nodes(model)
    before = {
        str(value.name): _Original(str(node.name), node.op_type, _first_input(node))
        for node in model.graph
        for value in node.outputs
    }
    counts = Counter(node.op_type for node in model.graph)
    with _quiet():
        common.RemoveInitializersFromInputsPass()(model)
        model.ir_version = max(model.ir_version, MIN_IR_VERSION)
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
        notes += _raise_opset(model, name)
        optimizer.optimize(
            model, input_size_limit=_FOLD_LIMIT_BYTES, output_size_limit=_FOLD_LIMIT_BYTES
        )
        _infer_unknown(model)
    renamed = _restore_names(model, before)
    folded = counts["BatchNormalization"] - sum(
        node.op_type == "BatchNormalization" for node in model.graph
    )
    if folded:
        notes.append(f"{_nodes(folded, 'BatchNormalization ')} folded into the layer before.")
    removed = sum(counts.values()) - counts["Constant"] - folded - len(model.graph)
    if removed > 0:
        notes.append(f"{_nodes(removed)} removed: the result was constant, or nothing changed.")
    return renamed, tuple(notes)


def _infer_unknown(model: ir.Model) -> None:
    """Find the types that the optimizer, which goes node by node, misses: after an If or a Loop.

    Only what is unknown is filled in, in place, and only in the main graph.
    """
    unknown = {v.name: v for node in model.graph for v in node.outputs if v.name and not v.dtype}
    if not unknown:
        return
    inferred = model.clone()
    common.ShapeInferencePass(check_type=False, strict_mode=False)(inferred)
    for node in inferred.graph:
        for found in node.outputs:
            if found.name in unknown and found.dtype is not None:
                unknown[found.name].type = found.type
                unknown[found.name].shape = found.shape


def name_nodes(model: ir.Model) -> None:
    """Give every node of the main graph a unique name, in place, keeping first uses of a name."""
    taken: set[str] = set()
    named = {node.name for node in model.graph if node.name}
    numbers: Counter[str] = Counter()
    for node in model.graph:
        wanted = node.name
        if not wanted:
            wanted = f"{node.op_type}_{numbers[node.op_type]}"
            numbers[node.op_type] += 1
            while wanted in named:
                wanted = f"{node.op_type}_{numbers[node.op_type]}"
                numbers[node.op_type] += 1
        unique, suffix = wanted, 1
        while unique in taken:
            unique, suffix = f"{wanted}_{suffix}", suffix + 1
        node.name = unique
        taken.add(unique)


def raise_opset(model: ir.Model, opset: int, name: str) -> None:
    """Convert ``model`` in place to a later ``opset`` of the default domain.

    Raises:
        ModelError: If a node has no form in that opset.
    """
    with _quiet():
        try:
            cast("Any", version_converter).convert_version(model, opset, fallback=True)
        except Exception as error:  # the converters raise many kinds, none of them documented
            raise ModelError(
                f"{name}: opset {model.opset_imports.get('')} could not be converted to {opset} "
                f"({_first_line(error)}); export the model again with opset {opset} or later"
            ) from error
    if model.opset_imports.get("", 0) < opset:
        raise ModelError(
            f"{name}: the model stays at opset {model.opset_imports.get('')} where {opset} is "
            f"needed; export the model again with opset {opset} or later"
        )


def _raise_opset(model: ir.Model, name: str) -> list[str]:
    found = model.opset_imports.get("", 1)
    if found >= MIN_OPSET:
        return []
    if found < 7:
        raise ModelError(
            f"{name}: the model has opset {found}, and opset 7 or later is needed; "
            "export it again with a later opset"
        )
    raise_opset(model, MIN_OPSET, name)
    return [f"The model was converted from opset {found} to {MIN_OPSET}."]


@dataclass(frozen=True)
class _Original:
    """What is kept of a node of the model as it was read."""

    name: str
    op_type: str
    first_input: str


def _first_input(node: ir.Node) -> str:
    value = node.inputs[0] if node.inputs else None
    return str(value.name) if value is not None else ""


def _restore_names(model: ir.Model, before: dict[str, _Original]) -> dict[str, str]:
    """Give rewritten nodes the name of the node they stand for; return where the rest went."""
    originals = {node.name for node in before.values()}
    taken = {node.name for node in model.graph}
    for node in model.graph:
        if node.name in originals or not node.outputs:
            continue
        original = before.get(str(node.outputs[0].name))
        ancestor = original
        while ancestor is not None and ancestor.op_type != node.op_type:
            ancestor = before.get(ancestor.first_input)
        ancestor = ancestor or original  # a Flatten that became a Reshape keeps its name
        if ancestor is not None and ancestor.name not in taken:
            node.name = ancestor.name
            taken.add(ancestor.name)
    now = {str(value.name): str(node.name) for node in model.graph for value in node.outputs}
    return {
        node.name: now[output]
        for output, node in before.items()
        if node.name not in taken and output in now
    }


def _nodes(count: int, kind: str = "") -> str:
    return f"1 {kind}node was" if count == 1 else f"{count} {kind}nodes were"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


@contextmanager
def _quiet() -> Generator[None]:
    """Keep the rewriter's running commentary out of the user's terminal."""
    loggers = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
