"""The range of every quantized activation, and who says so."""

from collections.abc import Mapping
from dataclasses import dataclass

from quant.calibrators import chosen_range
from quant.error_model.context import TensorContext, tensor_contexts
from quant.errors import DataError
from quant.model.model import Model
from quant.numerics import params_from_range
from quant.planning.plan import Group, Plan, TensorPlan
from quant.statistics.calibration import Calibration
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantParams

DEFAULTS = "the recipe's defaults"
"""What fixes a range where no rule does."""


@dataclass(frozen=True)
class GroupRange:
    """The range that tensors share, and who says so.

    Attributes:
        rmin: Lower end in real units, at most 0.
        rmax: Upper end in real units, at least 0.
        fixed: Whether the recipe gives the range, not a calibrator.
        decided_by: The tensor whose settings decide; see :mod:`quant.planning.groups`.
        source: Who says so, in words: the rule that fixes the range, such as ``the rule for node
            conv1``, or the recipe's defaults; else the calibrators' titles.
    """

    rmin: float
    rmax: float
    fixed: bool
    decided_by: str
    source: str

    @property
    def ends(self) -> tuple[float, float]:
        """(rmin, rmax)."""
        return self.rmin, self.rmax


def group_ranges(model: Model, plan: Plan, calibration: Calibration) -> dict[str, GroupRange]:
    """The range of each group: a fixed one where the recipe has it, else what calibrators choose.

    Args:
        model: The prepared float model.
        plan: The recipe resolved on it.
        calibration: Statistics of its tensors.

    Returns:
        Group name -> its range; groups that stay in float are among them.

    Raises:
        DataError: If the calibration lacks a tensor.
    """
    groups = {**plan.groups, **plan.float_groups}
    return {name: _range(model, plan, group, calibration) for name, group in groups.items()}


def _range(model: Model, plan: Plan, group: Group, calibration: Calibration) -> GroupRange:
    decides = plan.activations[group.decided_by]
    if decides.settings.range is not None:
        label = decides.sources.get("range")
        source = DEFAULTS if label is None else f"the rule for {label}"
        return GroupRange(*decides.settings.range, True, group.decided_by, source)
    titles = dict.fromkeys(plan.activations[n].settings.calibrator.title for n in group.ranges_from)
    chosen = calibrators_range(model, plan, group, calibration)
    return GroupRange(*chosen, False, group.decided_by, " and ".join(titles))


def calibrators_range(
    model: Model, plan: Plan, group: Group, calibration: Calibration
) -> tuple[float, float]:
    """What the calibrators of a group choose, whether or not the recipe fixes another range.

    Args:
        model: The prepared float model.
        plan: The recipe resolved on it.
        group: One of its groups.
        calibration: Statistics of its tensors.

    Returns:
        (rmin, rmax) in real units: what holds the choices for all of ``group.ranges_from``.

    Raises:
        DataError: If the calibration lacks a tensor.
    """
    contexts = tensor_contexts(model, calibration)
    chosen = [
        calibrated_range(tensor_stats(calibration, name), plan.activations[name], contexts[name])
        for name in group.ranges_from
    ]
    return min(low for low, _ in chosen), max(high for _, high in chosen)


def calibrated_range(
    stats: TensorStats, tensor: TensorPlan, context: TensorContext
) -> tuple[float, float]:
    """What a tensor's calibrator chooses for it alone, (rmin, rmax) in real units."""
    return chosen_range(tensor.settings.calibrator, stats, tensor.spec, context)


def tensor_params(
    tensors: Mapping[str, TensorPlan], ranges: Mapping[str, GroupRange]
) -> dict[str, QuantParams]:
    """Scale and zero point of each tensor, from the range of its group.

    Args:
        tensors: What the tensors get.
        ranges: Group name -> its range.
    """
    return {
        name: params_from_range(*ranges[tensor.group].ends, tensor.spec)
        for name, tensor in tensors.items()
    }


def tensor_stats(calibration: Calibration, tensor: str) -> TensorStats:
    """The statistics of ``tensor``.

    Raises:
        DataError: If the calibration does not have them.
    """
    stats = calibration.tensors.get(tensor)
    if stats is None:
        raise DataError(
            f"calibration: tensor {tensor!r} has no statistics; calibrate the model again"
        )
    return stats
