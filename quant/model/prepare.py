"""Make a model ready to be quantized: recent opset, weights as initializers, norms folded.

The steps and their order were found on real networks of opset 7 to 17: functions are inlined,
initializers leave the graph's inputs (nothing folds while they could be fed), constants become
initializers, the opset is raised, then onnxscript's optimizer folds constants and batch
normalization. Outputs that no node computes are out of its sight.
"""

import warnings
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import onnx_ir as ir
from onnx_ir.passes import common

from quant.model.fold import fold
from quant.model.inline import inline
from quant.model.newest_opset import NEWEST_OPSET, lower_opset
from quant.model.opset import raise_opset
from quant.model.set_aside import set_aside
from quant.model.unfuse import unfuse
from quant.model.widen import widen

MIN_OPSET = 13
"""Per-channel QuantizeLinear needs opset 13; older models are converted up."""
MIN_IR_VERSION = 4
"""Before it, every initializer had to be an input of the graph as well."""


FOLDING = "folding"
"""The step that folds constants and batch normalization."""


def prepare(
    model: ir.Model, name: str, without: Collection[str] = ()
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Rewrite ``model`` in place into the form that gets quantized.

    Args:
        model: The model as it was read; changed in place.
        name: What to call the model in messages.
        without: Steps to leave out: :data:`FOLDING` or none.

    Returns:
        A map from the name of each node that is gone to the node that now computes its output, and
        sentences that say what was done.

    Raises:
        ModelError: If the model's opset cannot be converted.
    """
    notes = [done] if (done := inline(model, name)) else []
    name_nodes(model)
    before = {
        str(value.name): _Original(str(node.name), node.op_type, _first_input(node))
        for node in model.graph
        for value in node.outputs
    }
    counts = Counter(node.op_type for node in model.graph)
    outputs = set_aside(model.graph)
    with warnings.catch_warnings(action="ignore"):  # the rewriter's, about its own insides
        common.RemoveInitializersFromInputsPass()(model)
        model.ir_version = max(model.ir_version, MIN_IR_VERSION)
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
        notes += _raise_opset(model, name)
        if done := unfuse(model):
            notes.append(done)
        if half := widen(model):
            notes.append(
                f"The model computes in {half}; it is quantized through float32, and its inputs "
                "and outputs stay as they are."
            )
        joined = 0 if FOLDING in without else fold(model)
        if joined is None:
            notes.append("Constants and norms are left as they are: the optimizer cannot read it.")
        _forget_allowzero(model)
    outputs.put_back(model.graph)
    renamed = _restore_names(model, before)
    folded = counts["BatchNormalization"] - sum(
        node.op_type == "BatchNormalization" for node in model.graph
    )
    if folded:
        notes.append(f"{_nodes(folded, 'BatchNormalization ')} folded into the layer before.")
    if joined:
        notes.append(f"{_nodes(joined)} joined to the Conv before, as its factor or bias.")
    gone = counts["Constant"] + folded + (joined or 0)
    removed = sum(counts.values()) - gone - len(model.graph)
    if removed > 0:
        notes.append(f"{_nodes(removed)} removed: the result was constant, or nothing changed.")
    return renamed, tuple(notes)


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


def _raise_opset(model: ir.Model, name: str) -> list[str]:
    if "" not in model.opset_imports:
        model.opset_imports[""] = model.opset_imports.pop("ai.onnx", MIN_OPSET)
        model.graph.opset_imports.update(model.opset_imports)
    found = model.opset_imports[""]
    raise_opset(model, MIN_OPSET, name)
    if found > NEWEST_OPSET:
        lower_opset(model, name)
        return [f"Opset {NEWEST_OPSET} is declared instead of {found}; it means the same here."]
    if found >= MIN_OPSET:
        return []
    return [f"The model was converted from opset {found} to {MIN_OPSET}."]


def _forget_allowzero(model: ir.Model) -> None:
    """Take back what the optimizer writes for Reshape although only opset 14 knows it.

    Where a shape asks for a size of 0, the attribute matters, and the model becomes one of opset
    14.
    """
    if model.opset_imports.get("", 14) >= 14:
        return
    reshapes = [n for n in model.graph.all_nodes() if n.op_type == "Reshape" and not n.domain]
    asked = [n for n in reshapes if "allowzero" in n.attributes]
    if any(n.attributes["allowzero"].as_int() and not _without_zero(n.inputs[1]) for n in asked):
        raise_opset(model, 14, "the model")
        return
    for node in asked:
        node.attributes.pop("allowzero")


def _without_zero(shape: ir.Value | None) -> bool:
    tensor = ir.convenience.get_const_tensor(shape) if shape is not None else None
    return tensor is not None and bool(tensor.numpy().all())


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
