"""Numbers about a quantization, and figures of them.

``analysis.figures`` is imported when it is first used, so that numbers alone do not load Plotly.
"""

import importlib
from typing import TYPE_CHECKING, Any

from analysis.deprecated import resolved
from analysis.errors.cumulative import Comparison, compare
from analysis.errors.output_scores import OutputScores
from analysis.errors.per_sample import SampleError, SampleErrors, sample_errors
from analysis.errors.tensor_error import ErrorStats
from analysis.errors.weights_vs_activations import AblationResult, weights_vs_activations
from analysis.findings import Finding, Fix, Measurements, find_causes
from analysis.metrics import METRICS, Metric, metric_from_file
from analysis.ranges.candidates import RangeCandidate, range_candidates, range_disagreement_db
from analysis.ranges.cost_curves import divergence_curves
from analysis.recovery.recovering import recover
from analysis.recovery.story import Recovery
from analysis.recovery.target import Target
from analysis.study.analysis import Analysis, analysis_of, analyze, stages_of
from analysis.study.ranking import UnitRanking, unit_ranking
from analysis.study.stages import CALIBRATING
from analysis.study.study import CalibrationData, Study
from analysis.sweep.unit_effects import UnitEffect, benefit, sensitivity
from quant.error_model.local_error import LocalError, local_error

if TYPE_CHECKING:
    from analysis import figures

__all__ = [
    "CALIBRATING",
    "METRICS",
    "AblationResult",
    "Analysis",
    "CalibrationData",
    "Comparison",
    "ErrorStats",
    "Finding",
    "Fix",
    "LocalError",
    "Measurements",
    "Metric",
    "OutputScores",
    "RangeCandidate",
    "Recovery",
    "SampleError",
    "SampleErrors",
    "Study",
    "Target",
    "UnitEffect",
    "UnitRanking",
    "analysis_of",
    "analyze",
    "benefit",
    "compare",
    "divergence_curves",
    "figures",
    "find_causes",
    "local_error",
    "metric_from_file",
    "range_candidates",
    "range_disagreement_db",
    "recover",
    "sample_errors",
    "sensitivity",
    "stages_of",
    "unit_ranking",
    "weights_vs_activations",
]


def __getattr__(name: str) -> Any:
    if name == "figures":
        return importlib.import_module("analysis.figures")
    return resolved(__name__, name)
