"""Numbers about a quantization, and figures of them.

``analysis.figures`` is imported when it is first used, so that numbers alone do not load Plotly.
"""

import importlib
from typing import TYPE_CHECKING, Any

from analysis.errors.cumulative import Comparison, compare
from analysis.errors.output_scores import OutputScores
from analysis.errors.per_sample import SampleError, SampleErrors, sample_errors
from analysis.errors.tensor_error import ErrorStats
from analysis.errors.weights_vs_activations import AblationResult, split
from analysis.findings import Finding, Fix, Measurements, find
from analysis.metrics import METRICS, Metric, metric_from_file
from analysis.ranges.candidates import ChoiceRow, choice_rows, disagreement_db, range_candidates
from analysis.ranges.cost_curves import divergence_curves
from analysis.study.analysis import Analysis, analyze
from analysis.sweep.unit_effects import UnitEffect, benefit, sensitivity
from quant.error_model.local_error import LocalError, local_error

if TYPE_CHECKING:
    from analysis import figures

__all__ = [
    "METRICS",
    "AblationResult",
    "Analysis",
    "ChoiceRow",
    "Comparison",
    "ErrorStats",
    "Finding",
    "Fix",
    "LocalError",
    "Measurements",
    "Metric",
    "OutputScores",
    "SampleError",
    "SampleErrors",
    "UnitEffect",
    "analyze",
    "benefit",
    "choice_rows",
    "compare",
    "disagreement_db",
    "divergence_curves",
    "figures",
    "find",
    "local_error",
    "metric_from_file",
    "range_candidates",
    "sample_errors",
    "sensitivity",
    "split",
]


def __getattr__(name: str) -> Any:
    if name == "figures":
        return importlib.import_module("analysis.figures")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
