"""What a model is for, as one number: built-in metrics and the user's own.

Every module in this folder is imported here, so a new metric is one new file.
"""

import importlib
import pkgutil

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
from analysis.metrics.bootstrap import MetricChange, bootstrap, metric_change
from analysis.metrics.from_file import FileMetric, metric_from_file

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

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
