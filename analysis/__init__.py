"""Numbers about a quantization, and figures of them.

``analysis.figures`` is imported when it is first used, so that numbers alone do not load Plotly.
"""

import importlib
from typing import TYPE_CHECKING, Any

from analysis.analyze import Analysis, analyze
from analysis.choices import ChoiceRow, choice_rows, disagreement_db
from analysis.clipping import LocalError, local_error
from analysis.compare import Comparison, compare
from analysis.divergence import divergence_curves
from analysis.error import ErrorStats
from analysis.findings import Evidence, Finding, Fix, find
from analysis.metrics import METRICS, Metric, metric_from_file
from analysis.samples import SampleError, SampleErrors, judge_samples
from analysis.scores import Scores
from analysis.sensitivity import Effect, benefit, sensitivity
from analysis.split import Split, split

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
