"""Win the accuracy back: start, what is tried, the ways to trade, and one to adopt."""

from collections.abc import Sequence
from typing import Final

import pandas as pd
import streamlit as st

from analysis.figures import FIGURES
from analysis.recovery.recovering import DEFAULT_TARGET, Standing
from analysis.recovery.story import Attempt, Point, Recovery
from analysis.recovery.target import Target
from app.jobs import Job
from app.tasks.recovery import recovered, recovery_job, standing, start_recovery
from app.views.shared.figure_chart import captioned_chart
from app.views.shared.format import as_text, db, end_of, percent, plural, seconds
from app.views.shared.job_panel import share_done, show_outcome
from app.views.shared.page_guard import adopt
from app.workspace.workspace import Workspace
from quant.errors import DataError

EVERY: Final = 1.0
"""Seconds between looks at a search that runs."""

TIMES: Final = (30, 60, 120, 300, 600)
ALONE, BESIDE = 380, 190
"""Pixels for the names of what was tried, where the table has the width of the page or half."""

NAME: Final = 60
"""Characters of a name that its column has room for."""


def recovery_panel(workspace: Workspace) -> None:
    """Draw the panel."""
    job = recovery_job(workspace)
    running = job is not None and job.running

    @st.fragment(run_every=EVERY if running else None)
    def panel() -> None:
        if running and job is not None and not job.running:
            st.rerun()
        _bar(workspace, job)
        found = recovered(workspace)
        if found is not None:
            _outcome(workspace, found)
        elif (now := standing(workspace)) is not None and now.scored:
            _so_far(workspace, now)

    with st.container(border=True, key="recovery_box"):
        panel()


def _bar(workspace: Workspace, job: Job | None) -> None:
    """Target, time, start, progress, cancel."""
    running = job is not None and job.running
    with st.container(horizontal=True, vertical_alignment="bottom", key="recovery_bar"):
        with st.container(width="stretch"):
            st.markdown(
                "**Win the accuracy back** :gray[each step is applied and measured; judged on "
                "samples that chose nothing]"
            )
            with st.container(height=44, border=False):
                if job is not None and running:
                    st.progress(share_done(job), text=_line(job, standing(workspace)))
                else:
                    st.caption(
                        "Searches for the recipe that reaches the target with the most "
                        "multiply-adds in int8, from the recipe as it stands."
                    )
        text = st.text_input(
            "Target",
            value=str(DEFAULT_TARGET),
            key="recovery target",
            disabled=running,
            width=150,
            help="A least output sqnr (30 dB), a share predicted as float does (99 % agreement), "
            "or what the metric may lose (-0.5 points).",
            persist_state="session",
        )
        wanted = st.selectbox(
            "Time",
            TIMES,
            index=TIMES.index(120),
            key="recovery time",
            disabled=running,
            width=110,
            format_func=seconds,
            help="What the search may take, roughly.",
            persist_state="session",
        )
        if job is not None and running:
            st.button(
                "Cancel",
                key="recovery cancel",
                icon=":material/close:",
                on_click=job.cancel,
                disabled=job.cancelling,
            )
            return
        problem = _problem(text)

        def start() -> None:
            start_recovery(workspace, Target.parse(text), float(wanted))

        if st.button(
            "Recover",
            key="recovery start",
            icon=":material/auto_fix_high:",
            disabled=bool(problem),
            on_click=start,
        ):
            st.rerun()
    if problem:
        st.warning(as_text(problem), icon=":material/warning:")
    if job is not None:
        show_outcome(job)


def _problem(text: str) -> str:
    """Why a target cannot be read; empty where it can."""
    try:
        Target.parse(text)
    except DataError as error:
        return str(error)
    return ""


def _line(job: Job, now: Standing | None) -> str:
    if job.cancelling:
        return "Recovery: stopping"
    if now is None:
        return "Recovery: starting"
    best = "" if now.best_db is None else f", best {db(now.best_db)}"
    tried = f", {plural(len(now.attempts), 'attempt')}"
    return f"{seconds(job.seconds)}{best}{tried}: {as_text(end_of(now.doing, NAME))}"


def _so_far(workspace: Workspace, now: Standing) -> None:
    """What was measured while the search runs, or before it was stopped."""
    left, right = st.columns([10, 9], gap="medium")
    with left:
        captioned_chart(FIGURES["tried"], now, workspace.opened.model.name)
    with right:
        _attempts(now.attempts, BESIDE)


def _attempts(attempts: Sequence[Attempt], width: int) -> None:
    """What was tried; its names have so many pixels."""
    column = st.column_config
    st.dataframe(
        pd.DataFrame(
            {
                "what": [attempt.what for attempt in attempts],
                "promised": [attempt.promised_db for attempt in attempts],
                "delivered": [attempt.delivered_db for attempt in attempts],
                "gain": [attempt.gain_db for attempt in attempts],
                "why": [_verdict(attempt) for attempt in attempts],
            }
        ),
        key="recovery_attempts",
        height=230,
        hide_index=True,
        column_config={
            "what": column.TextColumn("Tried", pinned=True, width=width),
            "promised": column.NumberColumn("Promised (dB)", format="%.1f", width=105),
            "delivered": column.NumberColumn("Delivered (dB)", format="%.1f", width=105),
            "gain": column.NumberColumn("Gain (dB)", format="%+.2f", width=80),
            "why": column.TextColumn("Verdict"),
        },
        placeholder="–",
        alt="What was tried, in this order, with what it promised and delivered",
    )


def _verdict(attempt: Attempt) -> str:
    return f"kept: {attempt.why}" if attempt.kept else attempt.why


def _outcome(workspace: Workspace, found: Recovery) -> None:
    point, before = found.point, found.before
    reached = "reached" if found.reached else "not reached"
    st.markdown(
        f"**{db(before.sqnr_db)} → {db(point.sqnr_db)}**, {percent(point.int8_share, 1)} of the "
        f"multiply-adds in int8, target {as_text(str(found.target))} {reached} on "
        f"{plural(found.samples[1], 'sample')} that chose nothing. {as_text(found.ended)}"
    )
    for note in found.notes:
        st.caption(as_text(note))
    left, right = st.columns([10, 9], gap="medium")
    with left:
        captioned_chart(FIGURES["pareto"], found, found.quantized.float_model.name)
    with right:
        _points(workspace, found)
    if not found.attempts:
        return
    with st.expander(f"What was tried: {plural(len(found.attempts), 'attempt')}"):
        _attempts(found.attempts, ALONE)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _points(workspace: Workspace, found: Recovery) -> None:
    """The ways to trade; the selected one can be adopted."""
    column = st.column_config
    event = st.dataframe(
        pd.DataFrame(
            {
                "name": [f"★ {p.name}" if p.chosen else p.name for p in found.points],
                "sqnr": [p.sqnr_db for p in found.points],
                "agreement": [
                    None if p.agreement is None else 100 * p.agreement for p in found.points
                ],
                "share": [_percent(p.int8_share) for p in found.points],
                "real": [_percent(p.int8_share_real) for p in found.points],
                "latency": [p.latency for p in found.points],
            }
        ),
        key="recovery_points",
        height=270,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "name": column.TextColumn("Way", pinned=True, width=150),
            "sqnr": _narrow("Sqnr (dB)", "%.1f", "Output sqnr on the samples that judge."),
            "agreement": _narrow("Agree (%)", "%.1f", "Samples that are predicted as float does."),
            "share": _narrow("Int8 (%)", "%.1f", "Multiply-adds of 8-bit weight and data."),
            "real": _narrow("Run (%)", "%.1f", "Multiply-adds that ONNX Runtime runs on integers."),
            "latency": _narrow("Time (×)", "%.2f", "An inference over float's, one thread."),
        },
        placeholder="–",
        alt="Ways to trade accuracy for integers",
    )
    rows = event["selection"]["rows"]
    point = found.points[rows[0]] if rows and rows[0] < len(found.points) else found.point
    _adopt(workspace, found, point)


def _narrow(label: str, written: str, words: str):
    return st.column_config.NumberColumn(label, format=written, width=62, help=words)


def _adopt(workspace: Workspace, found: Recovery, point: Point) -> None:
    recipe, base = found.recipes[point.name], workspace.project.revision
    used = recipe.content_key == workspace.project.recipe.content_key

    st.button(
        "In use" if used else f"Use “{as_text(end_of(point.name, 40))}”",
        key="recovery adopt",
        icon=":material/check:",
        disabled=used,
        on_click=adopt,
        args=(recipe, base),
        help="Makes it the recipe; Undo takes it back. Select a row for another way.",
    )
