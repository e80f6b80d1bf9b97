"""What a model is for, as one number: built-in metrics and the user's own.

Every module in this folder is found by itself, so a new metric is one new file.
"""

from analysis.metrics.base import (
    METRICS,
    Metric,
    MetricAccumulator,
    MetricError,
    SampleMetric,
    WholeMetric,
    check_labels,
    metric_named,
    register,
)
from analysis.metrics.from_file import FileMetric, metric_from_file
from analysis.metrics.resampling import MetricChange, bootstrap, metric_change

METRICS.discover(__name__)

__all__ = [
    "METRICS",
    "FileMetric",
    "Metric",
    "MetricAccumulator",
    "MetricChange",
    "MetricError",
    "SampleMetric",
    "WholeMetric",
    "bootstrap",
    "check_labels",
    "metric_change",
    "metric_from_file",
    "metric_named",
    "register",
]
