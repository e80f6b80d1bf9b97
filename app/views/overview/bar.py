"""The bar of the Overview page: recipe, metric, Measure and its progress."""

from dataclasses import replace
from typing import Final

import streamlit as st

from analysis.metrics import METRICS, Metric
from app.jobs import Job
from app.session import user_session
from app.tasks import calibration
from app.tasks.measurement import TIMING, details_job, judged, split_of, start_details, timed
from app.views.layers.recipe_bar import preset_select
from app.views.shared.controls import select
from app.views.shared.format import plural
from app.views.shared.job_panel import EVERY, sentence, show_job, show_outcome
from app.views.shared.measure_bar import describe
from app.views.shared.widget_key import heard, widget_key
from app.workspace.metric import has_classes, metric_of
from app.workspace.workspace import Workspace
from quant.errors import QuantError

FILE: Final = "file"
_EMPTY: Final = ""


def overview_bar(workspace: Workspace, metric: Metric) -> None:
    """Draw the bar."""
    job = details_job(workspace, metric)
    running = job is not None and job.running
    parts = (
        workspace.project.measured,
        split_of(workspace, metric),
        judged(workspace),
        timed(workspace),
    )
    done = all(part is not None for part in parts)
    with st.container(horizontal=True, vertical_alignment="bottom", key="overview_bar"):
        with st.container(width=215):
            preset_select(workspace.project.recipe, name="overview preset")
        _metric_select(workspace, metric)
        st.button(
            "Measure",
            key="overview measure",
            type="secondary" if done else "primary",
            icon=":material/speed:",
            disabled=running or done,
            on_click=measure,
            args=(workspace, metric),
            help=f"Run the float model, both halves of the quantization and the int8 model on "
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

    show_job(job, unit="runs" if part == TIMING else "samples")
    watch()


def measure(workspace: Workspace, metric: Metric) -> None:
    """Start everything that the page shows but the ranking."""
    if workspace.comparison() is None:
        calibration.start_measurement(workspace)
    start_details(workspace, metric)


def _metric_select(workspace: Workspace, metric: Metric) -> None:
    """What the outputs are judged by; a file's path is asked for beside it."""
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
        return f"{usual.label} (usual)" if not name else METRICS[name].label

    with st.container(width=190):
        select(
            "Metric",
            options,
            FILE if wants_file else chosen,
            picked,
            name="overview metric",
            words=words,
            hint="What the outputs are judged by beside their sqnr. A Python file has "
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
            st.error(f"{problem} Until then {metric.label} is used.", icon=":material/error:")


def _fits(name: str, workspace: Workspace) -> bool:
    return has_classes(workspace.opened) or not METRICS[name].needs_labels


def _problem(name: str, workspace: Workspace) -> str:
    try:
        metric_of(name, workspace.opened)
    except QuantError as error:
        return f"{sentence(error)}."
    return ""


def _keep(name: str) -> None:
    user_session.propose(lambda project: replace(project, metric=name))
