"""Tensors whose values no integers can hold, and the nodes that stay in float because of them."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from quant.model.model import Model
from quant.statistics.calibration import Calibration
from quant.statistics.tensor_stats import TensorStats

BOUNDLESS: Final = 1e30
"""From this magnitude on a value stands for infinity, as the lowest float does in a mask."""

LEAST_MASK: Final = 1000.0
MASK_RATIO: Final = 100.0
"""A number of at least the first, and so many times the rest, is a mask's: -1e4, say, or -65504."""


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
        elif (rest := _masked(stats)) is not None:
            value = stats.min if -stats.min > stats.max else stats.max
            found[name] = f"holds {value:.6g} beside values within {rest:.2g}, as a mask does"
    return found


def _masked(stats: TensorStats) -> float | None:
    """The largest magnitude beside a number that stands for infinity; None where there is none.

    Such a number is written as a constant and added to small values: what is near it spreads no
    further than they do, and nothing lies between.
    """
    far = max(-stats.min, stats.max)
    if far < LEAST_MASK:
        return None
    edges, counts = stats.histogram.edges(), stats.histogram.counts()
    magnitudes = np.maximum(np.abs(edges[:-1]), np.abs(edges[1:]))[counts > 0]
    inner = np.minimum(np.abs(edges[:-1]), np.abs(edges[1:]))[counts > 0]
    bin_width = float((magnitudes - inner).max())
    is_far = magnitudes >= far / 2
    rest = float(magnitudes[~is_far].max(initial=0.0))
    if is_far.all() or rest > far / MASK_RATIO + bin_width:
        return None
    spread = far - float(inner[is_far].min())
    return rest if spread <= 2 * rest + 2 * bin_width else None


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
