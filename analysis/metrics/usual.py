"""The metric of the outputs when nobody names one: decided here and nowhere else."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.base import METRICS, Metric
from analysis.metrics.scores import gives_scores
from quant.model.model import Model

_SHAPED_BY_DATA: Final = frozenset(
    {"Compress", "If", "Loop", "NonMaxSuppression", "NonZero", "Scan", "Unique"}
)
"""Operators whose outputs may have another shape in int8 than in float for the same sample."""

_REAL: Final = frozenset({"BFLOAT16", "DOUBLE", "FLOAT", "FLOAT16"})


def usual_metric(model: Model, labels: NDArray[np.int64] | None) -> Metric | None:
    """Top-1 where there is a label for each row of scores, else cosine where it can be taken.

    Args:
        model: The float model.
        labels: The class of each sample, or None.

    Returns:
        The metric; None where no output holds real numbers of a shape that int8 shares.
    """
    if labels is not None and gives_scores(model.outputs[0].shape):
        return METRICS["top1"]
    return METRICS["cosine"] if _comparable(model) else None


def _comparable(model: Model) -> bool:
    """Whether an output of real numbers has a shape that depends on nothing but the inputs'."""
    unsure: set[str] = set()
    for node in model.nodes:
        if node.op_type in _SHAPED_BY_DATA or not unsure.isdisjoint(node.inputs):
            unsure.update(filter(None, node.outputs))
    real = {info.name for info in model.outputs if info.dtype in _REAL}
    return bool(real - unsure)
