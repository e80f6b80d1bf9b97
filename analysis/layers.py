"""What a quantization does to each node: one row for each node and each input of the model."""

import math
from dataclasses import dataclass
from typing import Literal

from analysis.clipping import LocalError, local_error
from quant.calibrate import Calibration
from quant.plan import INPUT_OP_TYPE, NodePlan, TensorPlan
from quant.quantize import QuantizedModel
from quant.recipe import Settings

State = Literal["int8", "fused", "dropped", "float"]


@dataclass(frozen=True)
class LayerRow:
    """One node, or one input of the model, under one recipe.

    Attributes:
        name: The node's or input's name.
        op_type: Operator, or ``Input``.
        state: How it computes: on quantized values; fused into the activation after it; dropped,
            because the quantization clamps the same; or in float.
        note: Why, in a few words; empty for an ordinary quantized node.
        tensor: The float tensor it gives, or empty where it gives none.
        owner: The tensor whose settings decide the parameters of ``tensor``; empty without any.
        settings: Its settings.
        weight: Type of its weight and who shares a scale, such as ``int8 per channel``, or empty.
        activation: Type of its output, such as ``uint8``; empty where it is not quantized.
        calibrator: Name of the calibrator, ``fixed`` for a range set by hand, or empty.
        rmin: Lower end of the range in real units; None where it is not quantized.
        rmax: Upper end of the range.
        local: Clipping and rounding error of its output from the histogram, or None.
    """

    name: str
    op_type: str
    state: State
    note: str
    tensor: str
    owner: str
    settings: Settings
    weight: str = ""
    activation: str = ""
    calibrator: str = ""
    rmin: float | None = None
    rmax: float | None = None
    local: LocalError | None = None


def layer_rows(quantized: QuantizedModel, calibration: Calibration) -> tuple[LayerRow, ...]:
    """Describe every input and node of the model under its recipe, in topological order.

    Args:
        quantized: The int8 model.
        calibration: The statistics it was made from.

    Returns:
        The inputs that are quantized, then the nodes.
    """
    plan = quantized.plan
    rows = [
        _row(quantized, calibration, info.name, INPUT_OP_TYPE, info.name, None)
        for info in quantized.float_model.inputs
        if info.name in plan.tensors
    ]
    for name, item in plan.nodes.items():
        outputs = quantized.float_model.float_outputs(item.node)
        tensor = outputs[0] if outputs else ""
        rows.append(_row(quantized, calibration, name, item.node.op_type, tensor, item))
    return tuple(rows)


def _row(
    quantized: QuantizedModel,
    calibration: Calibration,
    name: str,
    op_type: str,
    tensor: str,
    item: NodePlan | None,
) -> LayerRow:
    state, note = _state(quantized, name, tensor, item)
    planned = quantized.plan.tensors.get(tensor)
    settings = item.settings if item is not None else _settings(planned)
    weight = "" if item is None else _weight(item)
    if planned is None:
        return LayerRow(name, op_type, state, note, tensor, "", settings, weight)
    owner = quantized.plan.tensors[planned.group]
    rmin, rmax = quantized.ranges[tensor]
    stats = calibration.tensors.get(tensor)
    params = quantized.params[tensor]
    kind = owner.settings.activation_type.value
    return LayerRow(
        name=name,
        op_type=op_type,
        state=state,
        note=note,
        tensor=tensor,
        owner=planned.group,
        settings=settings,
        weight=weight,
        activation=f"{kind} symmetric" if owner.settings.activation_symmetric else kind,
        calibrator="fixed" if owner.settings.range else owner.settings.calibrator.name,
        rmin=rmin,
        rmax=rmax,
        local=None if stats is None else local_error(stats, params),
    )


def _settings(planned: TensorPlan | None) -> Settings:
    assert planned is not None  # an input has a row only when it is quantized
    return planned.settings


def _state(
    quantized: QuantizedModel, name: str, tensor: str, item: NodePlan | None
) -> tuple[State, str]:
    if item is None:
        return "int8", ""
    if not item.quantized:
        return "float", item.why
    verdict = quantized.activations.get(name)
    if verdict is not None and verdict.dropped:
        return "dropped", f"removed: {verdict.reason}"
    following = quantized.float_model.consumers.get(tensor, ())
    if tensor not in quantized.plan.tensors and len(following) == 1:
        return "fused", f"read in float by {following[0]}"
    if item.fused_into:
        return "int8", f"fused into {item.fused_into}"
    return "int8", ""


def _weight(item: NodePlan) -> str:
    spec = item.weight_spec
    if spec is None:
        return ""
    per_channel = item.settings.per_channel and item.node.weight is not None
    per_channel = per_channel and item.node.weight.channel_axis is not None
    return f"{spec.qtype.value} per {'channel' if per_channel else 'tensor'}"


def rounding_db(local: LocalError) -> float:
    """sqnr_db with the rounding error alone; infinite without one."""
    return _ratio_db(local.signal_power, local.rounding_mse)


def clipping_db(local: LocalError) -> float:
    """sqnr_db with the clipping error alone; infinite where nothing is clipped."""
    return _ratio_db(local.signal_power, local.clipping_mse)


def _ratio_db(signal: float, noise: float) -> float:
    if noise <= 0:
        return math.inf
    return 10 * math.log10(max(signal, 1e-300) / noise)
