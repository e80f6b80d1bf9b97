"""Which metric is taken of the outputs; a Python file is run once the user has confirmed it."""

from dataclasses import replace
from typing import Final

import streamlit as st

from analysis.metrics import METRICS, Metric
from analysis.metrics.scores import gives_scores
from app.session import user_session
from app.views.shared.controls import select
from app.views.shared.format import as_text
from app.views.shared.messages import show_error
from app.views.shared.widget_key import heard, widget_key
from app.workspace.metric import Unconfirmed, confirm, metric_of
from app.workspace.workspace import Workspace
from quant.errors import QuantError

FILE: Final = "file"
_EMPTY: Final = ""
_LINES_SHOWN: Final = 300


def metric_select(workspace: Workspace) -> None:
    """The metric of the outputs; a file's path is asked for beside it."""
    chosen = workspace.project.metric
    usual = metric_of("", workspace.opened)
    options = [_EMPTY, *(name for name in METRICS if _fits(name, workspace)), FILE]
    is_file = bool(chosen) and chosen not in METRICS
    wants_file = st.session_state.get("overview metric file", is_file)

    def picked(name: str) -> None:
        st.session_state["overview metric file"] = name == FILE
        if name != FILE:
            _keep(name)

    def typed(path: str) -> None:
        _keep(path.strip())

    def words(name: str) -> str:
        if name == FILE:
            return "A Python file …"
        if name:
            return METRICS[name].label
        return f"{_label(usual)} (usual)"

    with st.container(width=190):
        select(
            "Metric",
            options,
            FILE if wants_file else chosen,
            picked,
            name="overview metric",
            words=words,
            hint="The metric of the outputs beside their sqnr. A Python file has "
            "`metric(outputs, labels) -> float` and `higher_is_better`; it runs with your rights.",
        )
    if not wants_file:
        return
    path_key = widget_key("overview metric path", chosen if is_file else "")
    with st.container(width=260):
        st.text_input(
            "Python file with the metric",
            chosen if is_file else "",
            key=path_key,
            placeholder="/path/to/metric.py",
            on_change=heard,
            args=(path_key, typed),
        )
        error = _error(workspace) if is_file else None
        if error is not None and not isinstance(error, Unconfirmed):
            show_error(f"{error}. Until then {_label(usual)} is used.")


def _fits(name: str, workspace: Workspace) -> bool:
    return not METRICS[name].needs_labels or (
        workspace.opened.evaluation.labels is not None
        and gives_scores(workspace.opened.model.outputs[0].shape)
    )


def confirm_metric_file(workspace: Workspace) -> None:
    """Show a Python file that has not been run, and ask whether it may be."""
    error = _error(workspace)
    if not isinstance(error, Unconfirmed):
        return
    file = error.file
    text = file.content.decode(errors="replace")
    lines = text.splitlines()
    with st.container(border=True):
        usual = as_text(_label(metric_of("", workspace.opened)))
        st.markdown(
            "**This Python file has not been run.** It would run with your rights. Until you "
            f"confirm it, {usual} is used."
        )
        st.caption(
            f"{len(file.content):,} bytes, {len(lines):,} lines, SHA-256 {file.digest[:16]}…; "
            "if the file changes, you are asked again."
        )
        st.text(str(file.path))
        st.code("\n".join(lines[:_LINES_SHOWN]), language="python", height=220)
        if len(lines) > _LINES_SHOWN:
            st.caption(f"The first {_LINES_SHOWN} lines are shown.")
        st.button(
            "Run this file",
            key="overview metric confirm",
            icon=":material/play_arrow:",
            on_click=confirm,
            args=(file,),
        )


def _error(workspace: Workspace) -> QuantError | None:
    """Why the chosen metric is not taken, or None."""
    try:
        metric_of(workspace.project.metric, workspace.opened)
    except QuantError as error:
        return error
    return None


def _keep(name: str) -> None:
    user_session.propose(lambda project: replace(project, metric=name))


def _label(metric: Metric | None) -> str:
    return "Output sqnr" if metric is None else metric.label
