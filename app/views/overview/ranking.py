"""Which layers do most harm: sensitivity and benefit of each, live while they are measured."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from analysis.metrics import Metric
from analysis.study.ranking import UnitRanking, unit_ranking
from analysis.sweep.unit_effects import KINDS
from app.jobs import Job
from app.session import user_session
from app.tasks.ranking import ranking_job, start_ranking
from app.tasks.stages import TITLES
from app.views.layers.table import go_to
from app.views.shared.format import as_text, end_of, plural, seconds
from app.views.shared.job_panel import show_outcome
from app.views.shared.widget_key import heard, widget_key
from app.workspace.workspace import Workspace
from quant.ablation import QuantUnit

NAME = 44
"""Characters of a name that its column has room for."""
KEY = "ranking_table"
EVERY = 1.0
"""Seconds between looks at a ranking that runs."""
HEIGHT = 290


def ranking_panel(workspace: Workspace) -> None:
    """Draw the heading, the progress and the table."""
    job = ranking_job(workspace)
    running = job is not None and job.running

    @st.fragment(run_every=EVERY if running else None)
    def panel() -> None:
        if running and job is not None and not job.running:
            st.rerun()
        found = unit_ranking(workspace.ranked)
        _bar(workspace, found, job)
        _table(workspace, found)

    with st.container(border=True, key="ranking_box"):
        panel()


def _bar(workspace: Workspace, found: UnitRanking, job: Job | None) -> None:
    """Start, progress, cancel, number of samples."""
    running = job is not None and job.running
    with st.container(horizontal=True, vertical_alignment="bottom", key="ranking_bar"):
        with st.container(width="stretch"):
            st.markdown(
                "**Which layers do most harm** :gray[sensitivity: only this layer in int8; "
                "benefit: everything in int8 but this layer]"
            )
            with st.container(height=44, border=False):
                if job is not None and running:
                    st.progress(_share(found), text=_line(found, job))
                else:
                    st.caption(_ranked_by(found, workspace.metric))
        total = len(workspace.opened.evaluation)
        key = widget_key("ranking samples", found.samples)

        def wanted(count: int) -> None:
            user_session.propose(lambda project: replace(project, rank_samples=count))

        st.number_input(
            "Samples",
            min_value=1,
            max_value=total,
            value=found.samples,
            key=key,
            on_change=heard,
            args=(key, wanted),
            width=130,
            disabled=running,
            help="Evaluation samples that the ranking runs on. More takes longer and tells more.",
        )
        if job is not None and running:
            st.button(
                "Cancel",
                key="ranking cancel",
                icon=":material/close:",
                on_click=job.cancel,
                disabled=job.cancelling,
                help="What is known by then stays.",
            )
            return

        def start() -> None:
            start_ranking(workspace)

        begun = bool(found.sensitivity)
        if st.button(
            "Continue" if begun and not found.complete else "Rank layers",
            key="ranking start",
            type="secondary",
            icon=":material/play_arrow:",
            disabled=found.complete,
            on_click=start,
        ):
            st.rerun()
    if job is not None and job.error is not None:
        show_outcome(job)


def _share(found: UnitRanking) -> float:
    total = len(KINDS) * len(found.units)
    return min((len(found.sensitivity) + len(found.benefit)) / total, 1.0) if total else 0.0


def _line(found: UnitRanking, job: Job) -> str:
    """Which error, how many layers, how fast, how long yet."""
    if job.cancelling:
        return "Ranking: stopping"
    known = found.benefit if job.label == TITLES["benefit"] else found.sensitivity
    progress = job.progress
    if job.label == TITLES["trying"] and progress is not None and progress.total:
        return f"{job.label}: {progress.done} of {progress.total}"
    line = f"{job.label}: {len(known)} of {plural(len(found.units), 'layer')}"
    if progress is None or not progress.done or job.label not in {TITLES[kind] for kind in KINDS}:
        return line
    left = progress.seconds_left
    speed = progress.per_second / found.samples
    ending = f", {seconds(left)} left" if left is not None else ""
    return f"{line}, {speed:.1f} a second{ending}"


def _ranked_by(found: UnitRanking, metric: Metric | None) -> str:
    if not found.sensitivity:
        return (
            f"Press Rank layers: each of {plural(len(found.units), 'layer')} is measured on "
            f"{plural(found.samples, 'sample')}."
        )
    if metric is None:
        return f"Ranked by output sqnr on {plural(found.samples, 'sample')}."
    label = as_text(metric.label)
    if found.by_metric:
        return f"Ranked by {label}, then by output sqnr, on {found.samples:,} samples."
    flat = found.base is not None and found.base.metric is not None and found.base.metric.is_flat
    what = "float and int8" if flat else "layers"
    return (
        f"Ranked by output sqnr: {label} cannot tell {what} apart on "
        f"{plural(found.samples, 'sample')}."
    )


def _table(workspace: Workspace, found: UnitRanking) -> None:
    if not found.sensitivity:
        return
    units, metric = found.ordered, workspace.metric
    names = [unit.name for unit in units]
    row = user_session.current().row
    place = next((i for i, unit in enumerate(units) if row in unit.nodes), None)

    def chosen() -> None:
        rows = st.session_state[KEY]["selection"]["rows"]
        if rows and rows[0] < len(names):
            go_to(names[rows[0]])

    st.session_state[KEY] = {
        "selection": {"rows": [] if place is None else [place], "columns": [], "cells": []}
    }
    st.dataframe(
        _frame(workspace, found, units, share=metric is not None and metric.unit == "%"),
        key=KEY,
        height=HEIGHT,
        hide_index=True,
        on_select=chosen,
        selection_mode="single-row",
        column_config=_columns(metric),
        placeholder="–",
        alt="Layers by what they do to the outputs, the worst first",
    )
    if place is not None and st.button(
        f"Go to {as_text(row)} in Layers",
        key="ranking go",
        type="tertiary",
        icon=":material/arrow_forward:",
    ):
        st.switch_page("views/layers/page.py")


def _frame(
    workspace: Workspace, found: UnitRanking, units: Sequence[QuantUnit], *, share: bool
) -> pd.DataFrame:
    ops = {row.name: row.op_type for row in workspace.rows()}
    scale = 100 if share else 1

    def finite(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None

    def alone(name: str) -> float | None:
        effect = found.sensitivity.get(name)
        return finite(effect.sqnr_db) if effect else None

    def gain(name: str) -> float | None:
        value = finite(found.gain_db(name))
        return None if value is None else round(value, 2) + 0.0

    def scaled(value: float | None) -> float | None:
        # Without a sign of zero: nothing was lost or gained.
        return None if value is None else round(scale * value, 4) + 0.0

    return pd.DataFrame(
        {
            "layer": [end_of(unit.name, NAME) for unit in units],
            "op": [" + ".join(ops.get(n, "") for n in unit.nodes) for unit in units],
            "sensitivity": [alone(unit.name) for unit in units],
            "loss": [scaled(found.loss(unit.name)) for unit in units],
            "benefit": [gain(unit.name) for unit in units],
            "gain": [scaled(found.gain(unit.name)) for unit in units],
        }
    )


def _columns(metric: Metric | None):
    column = st.column_config
    columns = {
        "layer": column.TextColumn("Layer", pinned=True, width=300),
        "op": column.TextColumn("Op"),
        "sensitivity": column.NumberColumn(
            "Sensitivity (dB)",
            format="%.1f",
            help="Sensitivity: output sqnr with only this layer in int8. Low is bad.",
        ),
        "benefit": column.NumberColumn(
            "Benefit (dB)",
            format="%+.2f",
            help="Benefit: output sqnr gained with everything in int8 but this layer.",
        ),
    }
    return columns | ({"loss": None, "gain": None} if metric is None else _of_metric(metric))


def _of_metric(metric: Metric):
    column = st.column_config
    unit = "points" if metric.unit == "%" else metric.unit
    ending = f" ({unit})" if unit else ""
    digits = "%.2f" if metric.unit == "%" else "%.4f"
    return {
        "loss": column.NumberColumn(
            f"{metric.label} lost{ending}",
            format=digits,
            help=f"Sensitivity: what {metric.label} loses with only this layer in int8.",
        ),
        "gain": column.NumberColumn(
            f"{metric.label} gained{ending}",
            format="%+.2f" if metric.unit == "%" else "%+.4f",
            help=f"Benefit: what {metric.label} gains with everything in int8 but this layer.",
        ),
    }
