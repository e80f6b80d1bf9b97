"""Raise a model to a later opset without changing what it computes.

An operator whose meaning or form changed between two opsets has an adapter here, under the opset
that changed it. All others mean the same in every opset from 7 on. Subgraphs are raised too.

Source: the operators' histories in ONNX (``docs/Changelog.md``), and for Resize and Upsample before
opset 11 what ONNX Runtime computes, because the text leaves it open.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.errors import ModelError
from quant.model.attributes import int_attribute
from quant.model.new_nodes import constant_before, inserted_before, inserted_behind

OLDEST_OPSET = 7
"""Before it, shapes were broadcast by another rule."""

Adapter = Callable[[ir.Node], None]


class _CannotRaiseError(Exception):
    """A node has no form in the later opset; the message ends the sentence that says so."""


def raise_opset(model: ir.Model, opset: int, name: str) -> None:
    """Convert ``model`` in place to a later ``opset`` of the default domain.

    Args:
        model: The model, its functions inlined.
        opset: The opset to declare; one that the model has already changes nothing.
        name: What to call the model in messages.

    Raises:
        ModelError: If the opset is before 7, or a node has no form in the later one.
    """
    found = model.opset_imports.get("", opset)
    if found < OLDEST_OPSET:
        raise ModelError(
            f"{name}: the model has opset {found}, and opset {OLDEST_OPSET} or later is needed; "
            "export it again with a later opset"
        )
    if found >= opset:
        return
    for node in list(model.graph.all_nodes()):
        if node.domain not in {"", "ai.onnx"}:
            continue
        for since, adapters in ADAPTERS.items():
            adapter = adapters.get(node.op_type)
            if adapter is None or not found < since <= opset:
                continue
            try:
                adapter(node)
            except _CannotRaiseError as error:
                raise ModelError(
                    f"{name}: the {node.op_type} {node.name!r} of opset {found} could not be "
                    f"converted to {opset}: {error}; export the model again with opset {opset} or "
                    "later"
                ) from None
        node.version = None
    model.opset_imports[""] = opset
    model.graph.opset_imports[""] = opset


def _constant(value: ir.Value | None) -> ir.TensorProtocol | None:
    return None if value is None else ir.convenience.get_const_tensor(value)


def _give(node: ir.Node, index: int, value: ir.Value) -> None:
    if len(node.inputs) <= index:
        node.resize_inputs(index + 1)
    node.replace_input_with(index, value)


def _ints_to_input(name: str, index: int) -> Adapter:
    """What moves a list of integers from an attribute to an input."""

    def adapt(node: ir.Node) -> None:
        found = node.attributes.pop(name, None)
        if found is not None:
            _give(node, index, constant_before(node, np.array(found.as_ints(), np.int64), name))

    return adapt


def _number_like(node: ir.Node, value: float) -> NDArray[np.generic]:
    """A number of the type of what the node reads."""
    dtype = node.inputs[0].dtype if node.inputs[0] is not None else None
    return np.array(value, ir.DataType.FLOAT.numpy() if dtype is None else dtype.numpy())


def _clip(node: ir.Node) -> None:
    for index, name in ((1, "min"), (2, "max")):
        found = node.attributes.pop(name, None)
        if found is not None:
            value = _number_like(node, found.as_float())
            _give(node, index, constant_before(node, value, name))


def _pad(node: ir.Node) -> None:
    value = node.attributes.pop("value", None)
    _ints_to_input("pads", 1)(node)
    if value is not None:
        _give(node, 2, constant_before(node, _number_like(node, value.as_float()), "value"))


def _slice(node: ir.Node) -> None:
    for index, name in ((1, "starts"), (2, "ends"), (3, "axes")):
        _ints_to_input(name, index)(node)


def _top_k(node: ir.Node) -> None:
    found = node.attributes.pop("k", None)
    if found is not None:
        _give(node, 1, constant_before(node, np.array([found.as_int()], np.int64), "k"))


def _dropout(node: ir.Node) -> None:
    """Before opset 12 a Dropout never dropped anything."""
    if len(node.outputs) > 1 and node.outputs[1].name and node.outputs[1].uses():
        raise _CannotRaiseError("its mask is read, which had another type")
    node.attributes.pop("ratio", None)


def _batch_normalization(node: ir.Node) -> None:
    if not int_attribute(node, "spatial", 1):
        raise _CannotRaiseError("it normalizes every place by itself (spatial=0)")
    node.attributes.pop("spatial", None)


def _without_training_outputs(node: ir.Node) -> None:
    if any(value.uses() or value.is_graph_output() for value in node.outputs[1:]):
        raise _CannotRaiseError("its running mean and variance are read")
    node.resize_outputs(1)


def _scan(node: ir.Node) -> None:
    batched = f"it scans {len(node.inputs)} inputs over batches"
    raise _CannotRaiseError(f"{batched}, which later opsets do not")


def _scatter(node: ir.Node) -> None:
    node.op_type = "ScatterElements"


def _upsample(node: ir.Node) -> None:
    found = node.attributes.pop("scales", None)
    if found is not None:
        scales = np.array(found.as_floats(), np.float32)
        _give(node, 1, constant_before(node, scales, "scales"))
    node.op_type = "Resize"


def _resize(node: ir.Node) -> None:
    """Places counted from the corner, and the nearest one by another rule for each direction."""
    scales = node.inputs[1]
    node.resize_inputs(3)
    node.replace_input_with(2, scales)
    node.replace_input_with(1, None)
    node.attributes["coordinate_transformation_mode"] = ir.AttrString(
        "coordinate_transformation_mode", "asymmetric"
    )
    mode = node.attributes.get("mode")
    name = "nearest" if mode is None else mode.as_string()
    if name == "bilinear":
        node.attributes["mode"] = ir.AttrString("mode", "linear")
    if name != "nearest":
        return
    known = _constant(scales)
    factors = np.ones(1) if known is None else known.numpy()
    if (factors < 1).any() and (factors > 1).any():
        raise _CannotRaiseError("it grows along one axis and shrinks along another")
    rounding = "ceil" if (factors < 1).any() else "floor"
    node.attributes["nearest_mode"] = ir.AttrString("nearest_mode", rounding)


def _over_the_rest(node: ir.Node) -> None:
    """Before opset 13 Softmax and its like ran over all axes from ``axis`` on, taken as one."""
    axis = int_attribute(node, "axis", 1)
    source = node.inputs[0]
    assert source is not None
    rank = None if source.shape is None else len(source.shape)
    node.attributes["axis"] = ir.AttrInt64("axis", -1)
    if axis == -1 or (rank is not None and axis % rank == rank - 1):
        return
    shape = inserted_before(node, "Shape", [source], "shape")
    flat_from = {"axis": ir.AttrInt64("axis", axis)}
    node.replace_input_with(0, inserted_before(node, "Flatten", [source], "flat", flat_from))
    inserted_behind(node, "Reshape", "rows", [shape])
    node.outputs[0].shape = None


def _roi_align(node: ir.Node) -> None:
    if "coordinate_transformation_mode" not in node.attributes:
        node.attributes["coordinate_transformation_mode"] = ir.AttrString(
            "coordinate_transformation_mode", "output_half_pixel"
        )


def _grid_sample(node: ir.Node) -> None:
    mode = node.attributes.get("mode")
    name = "bilinear" if mode is None else mode.as_string()
    renamed = {"bilinear": "linear", "bicubic": "cubic"}.get(name, name)
    node.attributes["mode"] = ir.AttrString("mode", renamed)


def _split(node: ir.Node) -> None:
    if len(node.inputs) < 2 or node.inputs[1] is None:
        node.attributes["num_outputs"] = ir.AttrInt64("num_outputs", len(node.outputs))


def _dft(node: ir.Node) -> None:
    axis = int_attribute(node, "axis", 1)
    node.attributes.pop("axis", None)
    _give(node, 2, constant_before(node, np.array(axis, np.int64), "axis"))


def _group_normalization(node: ir.Node) -> None:
    """From one scale and bias for each group to one for each channel."""
    groups = int_attribute(node, "num_groups", 1)
    source = node.inputs[0]
    channels = None if source is None or source.shape is None else source.shape[1]
    for index, what in ((1, "scale"), (2, "bias")):
        tensor = _constant(node.inputs[index])
        if tensor is None or not isinstance(channels, int):
            raise _CannotRaiseError(f"its {what} or its number of channels is not known")
        each = np.repeat(tensor.numpy(), channels // groups)
        node.replace_input_with(index, constant_before(node, each, what))


_REDUCTIONS: Final = (
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSumSquare",
)
_AXES: Final = _ints_to_input("axes", 1)

ADAPTERS: Final[Mapping[int, Mapping[str, Adapter]]] = {
    9: {"BatchNormalization": _batch_normalization, "Scan": _scan},
    10: {"Slice": _slice, "TopK": _top_k, "Upsample": _upsample},
    11: {
        "Clip": _clip,
        "Pad": _pad,
        "Resize": _resize,
        "Scatter": _scatter,
    },
    12: {"Dropout": _dropout},
    13: {
        "Hardmax": _over_the_rest,
        "LogSoftmax": _over_the_rest,
        "ReduceSum": _AXES,
        "Softmax": _over_the_rest,
        "Split": _ints_to_input("split", 1),
        "Squeeze": _AXES,
        "Unsqueeze": _AXES,
    },
    14: {"BatchNormalization": _without_training_outputs},
    16: {"RoiAlign": _roi_align},
    18: {**dict.fromkeys(_REDUCTIONS, _AXES), "Split": _split},
    20: {"DFT": _dft, "GridSample": _grid_sample},
    21: {"GroupNormalization": _group_normalization},
}
"""Opset -> operator -> what makes a node of an earlier opset mean the same in it."""
