"""Which layers do most harm: sensitivity and benefit of each, live while they are measured."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import streamlit as st

from analysis.metrics import Metric
from analysis.study.ranking import UnitRanking, unit_ranking
from analysis.sweep.unit_effects import KINDS
from app.components.row_table import Column, Row, row_table
from app.jobs import Job
from app.session import user_session
from app.tasks.ranking import ranking_job, start_ranking
from app.tasks.stages import TITLES
from app.views.layers.table import BENEFIT_DB, DB_BAR, go_to
from app.views.shared.format import as_text, plural, seconds
from app.views.shared.job_panel import show_outcome
from app.views.shared.widget_key import heard, widget_key
from app.workspace.workspace import Workspace
from quant.ablation import QuantUnit

KEY = "ranking_table"
EVERY = 1.0
"""Seconds between looks at a ranking that runs."""
HEIGHT = "290px"


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
    row = user_session.current().row
    chosen = next((unit.name for unit in units if row in unit.nodes), None)
    row_table(
        _rows(workspace, found, units, share=metric is not None and metric.unit == "%"),
        [*_columns(found, metric)],
        chosen=chosen,
        choose=go_to,
        key=KEY,
        height=HEIGHT,
        about="Layers by what they do to the outputs, the worst first",
    )
    if chosen is not None and st.button(
        f"Go to {as_text(row)} in Layers",
        key="ranking go",
        type="tertiary",
        icon=":material/arrow_forward:",
    ):
        st.switch_page("views/layers/page.py")


def _rows(
    workspace: Workspace, found: UnitRanking, units: Sequence[QuantUnit], *, share: bool
) -> list[Row]:
    ops = {row.name: row.op_type for row in workspace.rows()}
    scale = 100 if share else 1

    def scaled(value: float | None) -> float | None:
        return None if value is None else scale * value

    def cells(unit: QuantUnit) -> dict[str, str | float | None]:
        alone = found.sensitivity.get(unit.name)
        return {
            "op": " + ".join(ops.get(name, "") for name in unit.nodes),
            "sensitivity": alone.sqnr_db if alone else None,
            "loss": scaled(found.loss(unit.name)),
            "benefit": found.gain_db(unit.name),
            "gain": scaled(found.gain(unit.name)),
        }

    return [Row(unit.name, workspace.short_names[unit.name], cells(unit)) for unit in units]


def _columns(found: UnitRanking, metric: Metric | None) -> Iterator[Column]:
    gains = [found.gain_db(unit.name) for unit in found.units]
    greatest = max([BENEFIT_DB, *(g for g in gains if g is not None and math.isfinite(g))])
    yield Column("op", "Op", 150)
    yield Column(
        "sensitivity",
        "Sensitivity (dB)",
        128,
        number=True,
        digits=1,
        bar=DB_BAR,
        help="Sensitivity: output sqnr with only this layer in int8. Low is bad, and its bar long.",
    )
    unit, digits = ("points", 2) if metric and metric.unit == "%" else (metric and metric.unit, 4)
    ending = f" ({unit})" if unit else ""
    if metric is not None:
        yield Column(
            "loss",
            f"{metric.label} lost{ending}",
            150,
            number=True,
            digits=digits,
            down=True,
            help=f"Sensitivity: what {metric.label} loses with only this layer in int8.",
        )
    yield Column(
        "benefit",
        "Benefit (dB)",
        110,
        number=True,
        digits=2,
        signed=True,
        down=True,
        bar=(0.0, greatest),
        help="Benefit: output sqnr gained with everything in int8 but this layer.",
    )
    if metric is not None:
        yield Column(
            "gain",
            f"{metric.label} gained{ending}",
            160,
            number=True,
            digits=digits,
            signed=True,
            down=True,
            help=f"Benefit: what {metric.label} gains with everything in int8 but this layer.",
        )
