"""The Setup page: what to work on, what it is fed, and the calibration."""

import streamlit as st

from app.session import user_session
from app.session.project import opened as project_with
from app.tasks.calibration import calibrated, calibration_job, estimate, start_calibration
from app.views.layers.recipe_bar import preset_select
from app.views.setup.int8_card import int8_card
from app.views.setup.model_card import data_card, model_card
from app.views.setup.pictures import with_pictures
from app.views.setup.source import chosen_source
from app.views.shared.format import about, as_text, plural
from app.views.shared.job_panel import show_job, show_outcome
from app.views.shared.measure_bar import describe
from app.views.shared.messages import show_error
from app.views.shared.page_guard import guarded
from app.workspace.opening import OpenedSource, int8_of, open_source
from quant.errors import QuantError
from quant.recipe.presets import preset_summary
from quant.recipe.recipe import Recipe


def calibrate(opened: OpenedSource, limit: int | None, like: Recipe | None) -> None:
    """Open what is chosen, with the recipe like its int8 file, and calibrate it."""
    if user_session.propose(lambda now: project_with(now, opened.source, limit, like)):
        start_calibration(opened, limit)


def calibration_panel(opened: OpenedSource, like: Recipe | None) -> None:
    """Number of samples, preset, estimate, Calibrate, progress and what came of it."""
    project = user_session.project()
    total = len(opened.data)
    wanted = st.session_state.get("setup samples", project.samples) or total
    st.session_state["setup samples"] = min(wanted, total)
    samples, recipe = st.columns(2)
    with samples:
        count = st.number_input(
            "Calibration samples",
            min_value=1,
            max_value=total,
            key="setup samples",
            help=f"The data holds {plural(total, 'sample')}; the first so many are used.",
        )
    with recipe:
        name = preset_select(project.recipe, name="setup preset")
    summary = preset_summary(name) if name else describe(project.recipe)
    st.caption(f"{as_text(summary[:1].upper() + summary[1:])}.")
    limit = None if count == total else int(count or total)
    tensors = len(opened.model.calibration_targets)
    st.markdown(
        f"{plural(tensors, 'tensor')}, {plural(opened.samples(limit), 'sample')}: "
        f"**{about(estimate(opened, limit))}**."
    )
    job = calibration_job(project)
    running = job is not None and job.running
    # A callback, because who leaves the page at once has clicked all the same.
    st.button(
        "Calibrate",
        type="primary",
        key="calibrate",
        icon=":material/play_arrow:",
        disabled=running,
        on_click=calibrate,
        args=(opened, limit, like),
    )
    if job is not None and running:
        show_job(job)
    elif project.source == opened.source and project.samples == limit:
        if calibrated(opened, limit):
            st.success(
                f"Calibrated on {plural(opened.samples(limit), 'sample')}.",
                icon=":material/check_circle:",
            )
            st.page_link(
                "views/overview/page.py", label="Go to Overview", icon=":material/arrow_forward:"
            )
            st.page_link(
                "views/layers/page.py", label="Go to Layers", icon=":material/arrow_forward:"
            )
        elif job is not None:
            show_outcome(job)


with guarded():
    st.subheader("Setup", anchor=False)
    left, right = st.columns(2, gap="large")
    with left:
        source = chosen_source()
        opened, int8 = None, None
        if source is not None:
            try:
                opened = open_source(with_pictures(source))
                int8 = int8_of(opened.source)
            except QuantError as error:
                show_error(error)
                current = user_session.project().source
                if current is not None:
                    st.caption(f"{as_text(current.title)} stays open meanwhile.")
        if opened is not None:
            calibration_panel(opened, None if int8 is None else int8[1].recipe)
    with right:
        if opened is not None:
            model_card(opened)
            if int8 is not None:
                int8_card(opened, *int8)
            data_card(opened)
        elif source is None:
            st.info("Choose a model and data to see what they hold.", icon=":material/arrow_back:")
