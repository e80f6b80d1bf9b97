"""What outputs are judged by: a built-in metric, a Python file of the user, or the usual one."""

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
from app.workspace.opening import OpenedSource
from app.workspace.workspace import Workspace


def metric_in_use(workspace: Workspace) -> Metric:
    """The metric that the user chose, or the usual one where that cannot be read any more."""
    try:
        return metric_of(workspace.project.metric, workspace.opened)
    except MetricError:
        return metric_of("", workspace.opened)


def metric_of(name: str, opened: OpenedSource) -> Metric:
    """The metric of that name or Python file; the usual one for the data where it is empty.

    Raises:
        MetricError: If there is no such metric, or it cannot be taken of this data.
    """
    found = METRICS["top1" if has_classes(opened) else "cosine"]
    if name in METRICS:
        found = metric_named(name)
    elif name:
        found = _from_file(name)
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


def has_classes(opened: OpenedSource) -> bool:
    """Whether the data has labels and the first output looks like a row of scores for each."""
    shape = opened.model.outputs[0].shape
    if opened.evaluation.labels is None or shape is None or len(shape) < 2:
        return False
    rows = [size for size in shape[1:-1] if size != 1]
    return shape[-1] != 1 and not rows
