"""The metric of the outputs: a built-in metric, a Python file of the user, or the usual one."""

from pathlib import Path

import streamlit as st

from analysis.metrics import (
    METRICS,
    Metric,
    MetricError,
    check_labels,
    metric_from_file,
    metric_named,
)
from analysis.metrics.usual import usual_metric
from app.session.project import Project
from app.workspace.opening import OpenedSource


def metric_in_use(project: Project, opened: OpenedSource) -> Metric | None:
    """The metric that the user chose, or the usual one where that cannot be read any more."""
    try:
        return metric_of(project.metric, opened)
    except MetricError:
        return metric_of("", opened)


def metric_of(name: str, opened: OpenedSource) -> Metric | None:
    """The metric of that name or Python file; the usual one for the data where it is empty.

    Raises:
        MetricError: If there is no such metric, or it cannot be taken of this data.
    """
    if not name:
        return usual_metric(opened.model, opened.evaluation.labels)
    found = metric_named(name) if name in METRICS else _from_file(name)
    check_labels(found, opened.evaluation.labels)
    return found


def _from_file(name: str) -> Metric:
    file = Path(name).expanduser()
    try:
        stamp = file.stat().st_mtime_ns
    except OSError:
        stamp = 0
    return _file_metric(str(file), stamp)


@st.cache_resource(max_entries=8, show_spinner=False)
def _file_metric(path: str, stamp: int) -> Metric:
    del stamp  # only the cache reads it
    return metric_from_file(path)
