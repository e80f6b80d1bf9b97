"""The bar of the Overview page: recipe, metric, Measure and its progress."""

from dataclasses import replace
from typing import Final

import streamlit as st

from analysis.metrics import METRICS, Metric
from analysis.metrics.scores import gives_scores
from app.jobs import Job
from app.session import user_session
from app.tasks.measurement import (
    all_measured,
    job_of_measurement,
    start_measurement_and_timing,
)
from app.tasks.stages import TITLES
from app.views.layers.recipe_bar import preset_select
from app.views.shared.controls import select
from app.views.shared.format import plural
from app.views.shared.job_panel import EVERY, sentence, show_job, show_outcome
from app.views.shared.measure_bar import describe
from app.views.shared.widget_key import heard, widget_key
from app.workspace.metric import metric_of
from app.workspace.workspace import Workspace
from quant.errors import QuantError

FILE: Final = "file"
_EMPTY: Final = ""


def overview_bar(workspace: Workspace) -> None:
    """Draw the bar."""
    job = job_of_measurement(workspace)
    running = job is not None and job.running
    done = all_measured(workspace)
    with st.container(horizontal=True, vertical_alignment="bottom", key="overview_bar"):
        with st.container(width=215):
            preset_select(workspace.project.recipe, name="overview preset")
        _metric_select(workspace)
        st.button(
            "Measure",
            key="overview measure",
            type="secondary" if done else "primary",
            icon=":material/speed:",
            disabled=running or done,
            on_click=start_measurement_and_timing,
            args=(workspace,),
            help=f"Run float, weights only, activations only and all int8 on "
            f"{plural(len(workspace.opened.evaluation), 'sample')}.",
        )
        with st.container(
            width="stretch", height=62, border=False, vertical_alignment="bottom", gap=None
        ):
            if job is not None and running:
                _progress(job)
            elif not done:
                st.caption(f"{describe(workspace.project.recipe)} is not measured yet.")
    if job is not None and not running:
        show_outcome(job)


def _progress(job: Job) -> None:
    """The progress, and the whole page again as soon as another part of the work begins."""
    part = job.label

    @st.fragment(run_every=EVERY)
    def watch() -> None:
        if job.label != part:
            st.rerun()

    show_job(job, unit="runs" if part == TITLES["timing"] else "samples")
    watch()


def _metric_select(workspace: Workspace) -> None:
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
        problem = _problem(chosen, workspace) if is_file else ""
        if problem:
            st.error(f"{problem} Until then {_label(usual)} is used.", icon=":material/error:")


def _fits(name: str, workspace: Workspace) -> bool:
    return not METRICS[name].needs_labels or (
        workspace.opened.evaluation.labels is not None
        and gives_scores(workspace.opened.model.outputs[0].shape)
    )


def _problem(name: str, workspace: Workspace) -> str:
    try:
        metric_of(name, workspace.opened)
    except QuantError as error:
        return f"{sentence(error)}."
    return ""


def _keep(name: str) -> None:
    user_session.propose(lambda project: replace(project, metric=name))


def _label(metric: Metric | None) -> str:
    return "Output sqnr" if metric is None else metric.label
