"""Multiply-adds whose results are needed to a share of themselves, not to a step of a whole range.

A logarithm, a root, a reciprocal and a division by a tensor turn a small error near zero into a
large one. Eight bits have one step for the whole range, so what feeds such an operator stays in
float where much of it lies within a few steps of zero.
"""

from typing import Final

import numpy as np

from quant.model.model import Model
from quant.model.op_roles import REARRANGING, Kind
from quant.planning.behind import behind
from quant.statistics.calibration import Calibration
from quant.statistics.histogram import Histogram

_SENSITIVE: Final = {"Log": 0, "Reciprocal": 0, "Sqrt": 0, "Pow": 0, "Div": 1}
"""Operator -> the input that must not be wrong near zero."""

_PASSED: Final = frozenset({"Abs", "Add", "Clip", "Max", "Mul", "Relu", "Sub"}) | REARRANGING
"""Operators that leave small values small, or guard them from zero."""

_SUMMED: Final = frozenset(
    {"ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceSum", "ReduceSumSquare"}
)
"""Operators that give zero where all they read is zero."""

LEAST_ZEROS: Final = 1e-3
"""From this share of exact zeros on, some sample or part of one is taken to be all zero."""

STEPS: Final = 8
"""Steps of an eight-bit range; a value within so many of zero is wrong by 6 % and more."""

MOST_NEAR_ZERO: Final = 0.01
"""The share of values, exact zeros left out, that may lie there."""


def feeding_delicate(model: Model) -> dict[str, str]:
    """The nodes with multiply-adds whose results reach an operator that is delicate near zero.

    Args:
        model: The model.

    Returns:
        Node -> that operator.
    """
    return _feeding(model, _PASSED)


def zeros_matter(model: Model, calibration: Calibration) -> frozenset[str]:
    """The nodes with multiply-adds whose exact zeros must stay zero.

    Their results reach an operator that is delicate near zero, directly, or summed up where a whole
    sample is silent or a channel dead.

    Args:
        model: The model.
        calibration: Statistics of its tensors.
    """
    outputs = {node.name: node.outputs[0] for node in model.nodes}
    summed = {
        name
        for name in _feeding(model, _PASSED | _SUMMED)
        if (stats := calibration.tensors.get(outputs[name])) is not None
        and stats.histogram.zeros > LEAST_ZEROS * stats.histogram.count
    }
    return frozenset(summed | feeding_delicate(model).keys())


def _feeding(model: Model, passed: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for reader in model.nodes:
        index = _SENSITIVE.get(reader.op_type)
        if index is None or index >= len(reader.inputs):
            continue
        for node in behind(
            model,
            reader.inputs[index],
            lambda n: n.kind is not Kind.COMPUTE and n.op_type in passed,
        ):
            if node.kind is Kind.COMPUTE:
                found[node.name] = reader.op_type
    return found


def needs_relative_precision(model: Model, calibration: Calibration) -> dict[str, str]:
    """The nodes with multiply-adds that stay in float for what reads them.

    Args:
        model: The model.
        calibration: Statistics of its tensors.

    Returns:
        Node -> why, in words.
    """
    found: dict[str, str] = {}
    for name, reader in feeding_delicate(model).items():
        outputs = next(node for node in model.nodes if node.name == name).outputs
        stats = calibration.tensors.get(outputs[0])
        if stats is not None and _near_zero(stats.histogram) > MOST_NEAR_ZERO:
            found[name] = (
                f"{reader} reads what it gives, of which much is too small for a step of eight bits"
            )
    return found


def _near_zero(histogram: Histogram) -> float:
    """The share of the values that are not zero within :data:`STEPS` steps of it."""
    edges, counts = histogram.edges(), histogram.counts().astype(np.float64)
    counts[len(counts) // 2] -= histogram.zeros
    used = np.flatnonzero(counts > 0)
    if not used.size:
        return 0.0
    low, high = min(edges[used[0]], 0.0), max(edges[used[-1] + 1], 0.0)
    bound = STEPS * (high - low) / 255
    middle = (edges[:-1] + edges[1:]) / 2
    return float(counts[np.abs(middle) < bound].sum() / counts.sum())
