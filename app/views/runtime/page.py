"""The Runtime page: what ONNX Runtime really runs, node by node, and what it takes."""

import streamlit as st

from analysis.figures import figures_of
from analysis.runtime.truth import RuntimeTruth
from app.jobs import JobState
from app.tasks.measurement import job_of_measurement
from app.tasks.runtime import look, look_again
from app.views.runtime.conversions import conversions_list
from app.views.runtime.integers import integers_panel
from app.views.runtime.nodes import nodes_table
from app.views.shared.figure_chart import captioned_chart
from app.views.shared.format import DASH, as_text, percent, plural
from app.views.shared.heading import heading
from app.views.shared.job_panel import show_job, show_outcome
from app.views.shared.page_guard import guarded, ready
from app.workspace.workspace import Workspace


def body(workspace: Workspace) -> None:
    """Everything below the heading."""
    measurement = job_of_measurement(workspace)
    if measurement is not None and measurement.running:
        # It would slow what is timed here; its end draws the page again.
        show_job(measurement)
        st.caption("Measure is at work; what runs is looked at, and timed, once it is done.")
        return
    job = look(workspace)
    show_job(job)
    if job.running:
        return
    if job.state is not JobState.DONE:
        show_outcome(job)
        _again(workspace)
        return
    truth: RuntimeTruth = job.result
    _facts(truth)
    left, right = st.columns([10, 9], gap="medium")
    with left, st.container(border=True, height="stretch"):
        for figure in figures_of(RuntimeTruth):
            captioned_chart(figure, truth, as_text(workspace.opened.source.title))
        _again(workspace)
    with right, st.container(border=True, height="stretch"):
        conversions_list(workspace, truth)
    with st.container(border=True):
        nodes_table(workspace, truth)
    with st.container(border=True):
        integers_panel(workspace)


def _again(workspace: Workspace) -> None:
    st.button(
        "Look again",
        key="runtime again",
        icon=":material/refresh:",
        on_click=look_again,
        args=(workspace,),
        help="Times differ from run to run; close what else is at work and look again.",
    )


def _facts(truth: RuntimeTruth) -> None:
    """The numbers that sum it up."""
    columns = st.columns(4, gap="small")
    with columns[0]:
        st.metric(
            "Multiply-adds on integers",
            percent(truth.integer_share, 1),
            border=True,
            help="Share of the multiply-adds whose kernel in ONNX Runtime's optimized graph takes "
            "integers.",
        )
    with columns[1]:
        st.metric(
            "Conversions left",
            f"{len(truth.conversions):,}",
            border=True,
            help="Changes between float and integers that ONNX Runtime could not join with a "
            "kernel; each reads and writes the whole tensor.",
        )
    with columns[2]:
        broken = truth.broken_promises
        st.metric(
            "Asked for int8, run in float",
            plural(len(broken), "node"),
            border=True,
            help="Nodes that the recipe quantizes and that no integer kernel computes here: they "
            "lose accuracy and win no time.",
        )
    with columns[3]:
        st.metric(
            "Time, int8 to float",
            _ratio(truth),
            border=True,
            help="Median time of an inference on one thread, with the profiler on.",
        )


def _ratio(truth: RuntimeTruth) -> str:
    if truth.times is None or not truth.times.of_float.run:
        return DASH
    int8, float_ = truth.times.of_int8.run, truth.times.of_float.run
    return f"{int8 / 1000:.3g} of {float_ / 1000:.3g} ms"


with guarded():
    heading("Runtime")
    found = ready("what runs of it")
    if found is not None:
        body(found)
