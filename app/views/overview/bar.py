"""The bar of the Overview page: recipe, metric, Measure and its progress."""

import streamlit as st

from app.tasks.measurement import (
    all_measured,
    job_of_measurement,
    start_measurement_and_timing,
)
from app.views.layers.recipe_bar import preset_select
from app.views.overview.metric_choice import confirm_metric_file, metric_select
from app.views.shared.format import as_text, plural
from app.views.shared.job_panel import show_job, show_outcome
from app.views.shared.measure_bar import describe
from app.workspace.workspace import Workspace


def overview_bar(workspace: Workspace) -> None:
    """Draw the bar."""
    job = job_of_measurement(workspace)
    running = job is not None and job.running
    done = all_measured(workspace)
    with st.container(horizontal=True, vertical_alignment="bottom", key="overview_bar"):
        with st.container(width=215):
            preset_select(workspace.project.recipe, name="overview preset")
        metric_select(workspace)
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
                show_job(job)
            elif not done:
                what = "measured" if workspace.comparison() is None else "timed"
                st.caption(f"{as_text(describe(workspace.project.recipe))} is not {what} yet.")
    confirm_metric_file(workspace)
    if job is not None and not running:
        show_outcome(job)
