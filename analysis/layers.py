"""What a quantization does to each node: one row for each node and each input of the model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from quant.error_model.local_error import LocalError, local_error
from quant.error_model.sqnr import sqnr_db
from quant.io.show import counted
from quant.model.op_roles import INPUT_OP_TYPE
from quant.params.ranges import GroupRange
from quant.pipeline import QuantizedModel
from quant.planning.plan import NodePlan
from quant.recipe.settings import Settings
from quant.statistics.calibration import Calibration
from quant.types import PerChannel

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
        owner: The tensor at which its range is chosen: that of the calibrator in use; empty where
            it is not quantized.
        settings: Its settings.
        weight: Type of its weight and who shares a scale, such as ``int8 per channel``, or empty.
        activation: Type of its output, such as ``uint8``; empty where it is not quantized.
        calibrator: Key of the calibrator, ``fixed`` for a range that the recipe has, or empty.
        range: Its range and who says so; None where it is not quantized.
        local: Clipping and rounding error of its output from the histogram, or None.
        fused_with: The node behind it that reads its float result, or empty.
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
    range: GroupRange | None = None
    local: LocalError | None = None
    fused_with: str = ""

    @property
    def rmin(self) -> float | None:
        """Lower end of the range in real units; None where it is not quantized."""
        return None if self.range is None else self.range.rmin

    @property
    def rmax(self) -> float | None:
        """Upper end of the range in real units; None where it is not quantized."""
        return None if self.range is None else self.range.rmax

    @property
    def range_source(self) -> str:
        """Who sets the range, in words; a rule for this row alone was made here or in a file."""
        if self.range is None:
            return ""
        if not self.range.fixed:
            return f"by {self.range.source}"
        own = {f"the rule for node {self.name}", f"the rule for tensor {self.tensor}"}
        return "set for this layer" if self.range.source in own else f"fixed by {self.range.source}"


def layer_rows(quantized: QuantizedModel, calibration: Calibration) -> tuple[LayerRow, ...]:
    """Describe every input and node of the model under its recipe, in topological order.

    Args:
        quantized: The int8 model.
        calibration: The statistics it was made from.

    Returns:
        The inputs that are quantized, then the nodes.
    """
    plan = quantized.plan
    rows: list[LayerRow] = []
    for info in quantized.float_model.inputs:
        planned = plan.tensors.get(info.name)
        if planned is not None:
            row = LayerRow(info.name, INPUT_OP_TYPE, "int8", "", info.name, "", planned.settings)
            rows.append(_with_range(row, quantized, calibration))
    for name, item in plan.nodes.items():
        outputs = quantized.float_model.float_outputs(item.node)
        tensor = outputs[0] if outputs else ""
        state, note, fused_with = _state(quantized, item, tensor)
        row = LayerRow(
            name,
            item.node.op_type,
            state,
            note,
            tensor,
            "",
            item.settings,
            _weight(item),
            fused_with=fused_with,
        )
        rows.append(_with_range(row, quantized, calibration))
    return tuple(rows)


@dataclass(frozen=True)
class UnitRow:
    """What is quantized as one: a node, and the activations that are fused into it.

    Attributes:
        members: Their rows, in order; the output of the last is what is quantized.
    """

    members: tuple[LayerRow, ...]

    @property
    def head(self) -> LayerRow:
        """The row that it is called by; it has the weight."""
        return self.members[0]

    @property
    def end(self) -> LayerRow:
        """The row whose output is quantized."""
        return self.members[-1]

    @property
    def name(self) -> str:
        """What it is called: its first node."""
        return self.head.name

    @property
    def op_types(self) -> str:
        """Its operators, such as ``Conv + Relu``."""
        return " + ".join(row.op_type for row in self.members)

    def __contains__(self, name: object) -> bool:
        """Whether one of its nodes has this name."""
        return any(row.name == name for row in self.members)


def unit_rows(rows: Sequence[LayerRow]) -> tuple[UnitRow, ...]:
    """The rows by what is quantized as one, each in one unit, in order of the first nodes.

    Args:
        rows: What :func:`layer_rows` gave.
    """
    by_name = {row.name: row for row in rows}
    inner = {row.fused_with for row in rows if row.fused_with}
    found: list[UnitRow] = []
    for row in rows:
        if row.name in inner:
            continue
        members = [row]
        while members[-1].fused_with:
            members.append(by_name[members[-1].fused_with])
        found.append(UnitRow(tuple(members)))
    return tuple(found)


def _with_range(row: LayerRow, quantized: QuantizedModel, calibration: Calibration) -> LayerRow:
    """The row with how its tensor is quantized, if it is."""
    planned = quantized.plan.tensors.get(row.tensor)
    if planned is None or row.tensor not in quantized.tensor_map:
        return row
    owner = quantized.plan.groups[planned.group].ranges_from[0]
    found = quantized.range_of(row.tensor)
    stats = calibration.tensors.get(row.tensor)
    kind = planned.spec.qtype.value
    chooser = quantized.plan.tensors[owner].settings.calibrator
    kind += " symmetric" if planned.spec.symmetric else ""
    local = None if stats is None else local_error(stats, quantized.params[row.tensor])
    kind += _own_scales(quantized, row.tensor)
    local = quantized.with_own_scales(row.tensor, local) if local else None
    return replace(
        row,
        owner=owner,
        activation=kind,
        calibrator="fixed" if found.fixed else chooser.key,
        range=found,
        local=local,
    )


def _own_scales(quantized: QuantizedModel, tensor: str) -> str:
    """What repairs do to the channels of an activation, behind its type."""
    split = quantized.draft.splits.get(tensor)
    if split is not None:
        return f", {counted(int((split.parts > 1).sum()), 'channel')} in parts"
    return " per channel" if quantized.draft.has_own_scales(tensor) else ""


def _state(quantized: QuantizedModel, item: NodePlan, tensor: str) -> tuple[State, str, str]:
    """How a node computes, why, and the node that it is fused with."""
    if not item.quantized:
        return "float", item.why, ""
    verdict = quantized.activations.get(item.node.name)
    if verdict is not None and verdict.dropped:
        return "dropped", verdict.reason, ""
    following = quantized.float_model.consumers.get(tensor, ())
    replaced = tensor in quantized.plan.tensors and tensor not in quantized.tensor_map
    for consumer in filter(None, following):
        # A dropped clamp leaves its own name on the tensor before it, quantized once.
        if replaced or quantized.plan.nodes[consumer].fused_into == item.node.name:
            return "fused", f"read in float by {consumer}", consumer
    if item.fused_into:
        return "int8", f"fused into {item.fused_into}", ""
    return "int8", "", ""


def _weight(item: NodePlan) -> str:
    spec = item.weight_spec
    if spec is None:
        return ""
    whose = "channel" if isinstance(spec.granularity, PerChannel) else "tensor"
    return f"{spec.qtype.value} per {whose}"


def rounding_db(local: LocalError) -> float:
    """sqnr_db with the rounding error alone; infinite without one."""
    return sqnr_db(local.signal_power, local.rounding_mse)


def clipping_db(local: LocalError) -> float:
    """sqnr_db with the clipping error alone; infinite where nothing is clipped."""
    return sqnr_db(local.signal_power, local.clipping_mse)
