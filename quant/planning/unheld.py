"""Tensors whose values no integers can hold, and the nodes that stay in float because of them."""

from collections.abc import Mapping
from typing import Final

from quant.model.model import Model
from quant.statistics.calibration import Calibration

BOUNDLESS: Final = 1e30
"""From this magnitude on a value stands for infinity, as the lowest float does in a mask."""


def unheld_tensors(model: Model, calibration: Calibration) -> dict[str, str]:
    """The tensors that stay in float whatever a recipe says -> why, in words.

    Args:
        model: The model.
        calibration: Statistics of its tensors.
    """
    found: dict[str, str] = {}
    for name in model.calibration_targets:
        stats = calibration.tensors.get(name)
        if name in calibration.infinite:
            found[name] = "holds infinite values, as a mask does"
        elif stats is None:
            found[name] = "held no value in any sample"
        elif (largest := max(-stats.min, stats.max)) >= BOUNDLESS:
            found[name] = f"holds {largest:.2g}, which stands for infinity"
    return found


def touching(model: Model, unheld: Mapping[str, str]) -> dict[str, str]:
    """The nodes that read or give such a tensor -> why they stay in float."""
    found: dict[str, str] = {}
    for node in model.nodes:
        if not unheld or not node.quantizable:
            continue
        names = (*(node.inputs[index] for index in node.data), *model.float_outputs(node))
        name = next((name for name in names if name in unheld), None)
        if name is not None:
            found[node.name] = f"the tensor {name} {unheld[name]}"
    return found


def unheld_notes(model: Model, calibration: Calibration) -> tuple[str, ...]:
    """One sentence for each reason, with the tensors it holds for."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in unheld_tensors(model, calibration).items():
        by_reason.setdefault(reason, []).append(name)
    return tuple(
        f"The tensor {names[0]} {reason}"
        + (f", and so do {len(names) - 1} more" if len(names) > 1 else "")
        + ": what touches it stays in float."
        for reason, names in by_reason.items()
    )
