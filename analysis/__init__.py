"""Numbers about a quantization, and figures of them.

``analysis.figures`` is imported when it is first used, so that numbers alone do not load Plotly.
"""

import importlib
from typing import TYPE_CHECKING, Any

from analysis.errors.cumulative import Comparison, compare
from analysis.errors.output_scores import Scores
from analysis.errors.per_sample import SampleError, SampleErrors, judge_samples
from analysis.errors.tensor_error import ErrorStats
from analysis.errors.weights_vs_activations import Split, split
from analysis.findings import Evidence, Finding, Fix, find
from analysis.metrics import METRICS, Metric, metric_from_file
from analysis.ranges.candidates import ChoiceRow, choice_rows, disagreement_db
from analysis.ranges.cost_curves import divergence_curves
from analysis.study.analysis import Analysis, analyze
from analysis.sweep.unit_effects import Effect, benefit, sensitivity
from quant.error_model.local_error import LocalError, local_error

if TYPE_CHECKING:
    from analysis import figures

__all__ = [
    "METRICS",
    "Analysis",
    "ChoiceRow",
    "Comparison",
    "Effect",
    "ErrorStats",
    "Evidence",
    "Finding",
    "Fix",
    "LocalError",
    "Metric",
    "SampleError",
    "SampleErrors",
    "Scores",
    "Split",
    "analyze",
    "benefit",
    "choice_rows",
    "compare",
    "disagreement_db",
    "divergence_curves",
    "figures",
    "find",
    "judge_samples",
    "local_error",
    "metric_from_file",
    "sensitivity",
    "split",
]


def __getattr__(name: str) -> Any:
    if name == "figures":
        return importlib.import_module("analysis.figures")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
