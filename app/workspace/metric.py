"""The metric of the outputs: a built-in metric, a Python file of the user, or the usual one."""

from pathlib import Path
from typing import ClassVar

import streamlit as st

from analysis.metrics import (
    METRICS,
    Metric,
    MetricError,
    check_labels,
    metric_named,
)
from analysis.metrics.from_file import MetricFile
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
        Unconfirmed: If it is a Python file whose content the user has not confirmed.
        MetricError: If there is no such metric, or it cannot be taken of this data.
    """
    if not name:
        return usual_metric(opened.model, opened.evaluation.labels)
    found = metric_named(name) if name in METRICS else _from_file(name)
    check_labels(found, opened.evaluation.labels)
    return found


class Unconfirmed(MetricError):
    """A Python file is not run, because the user has not confirmed what it holds.

    Attributes:
        file: The file as it was read.
    """

    def __init__(self, file: MetricFile) -> None:
        """Name the file and what to do."""
        super().__init__(
            f"{file.path}: this file has not been run, because it is code that would run with your "
            "rights; read it and confirm it"
        )
        self.file = file


class _Process:
    """What the user confirmed since the app started."""

    confirmed: ClassVar[set[str]] = set()


def confirm(file: MetricFile) -> None:
    """Take the content of a file as one that may run; another content is asked for again."""
    _Process.confirmed.add(file.digest)


def _from_file(name: str) -> Metric:
    file = MetricFile.read(Path(name).expanduser())
    if file.digest not in _Process.confirmed:
        raise Unconfirmed(file)
    return _metric(str(file.path), file.digest, file)


@st.cache_resource(max_entries=8, show_spinner=False)
def _metric(path: str, digest: str, _file: MetricFile) -> Metric:
    del path, digest  # only the cache reads them
    return _file.run()
