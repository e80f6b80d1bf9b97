"""What the recipe gives on the evaluation data: measure, compare with before, go back."""

import math

import pandas as pd
import streamlit as st

from app import state, work
from app.cache import Bench
from app.edits import preset_of
from app.state import Measurement
from app.views.job_panel import show_job, show_outcome
from app.views.words import DASH, db, percent, plural, points


def measure_bar(bench: Bench) -> None:
    """Draw the cards, the button and the history."""
    session = bench.session
    job = work.measurement_job(session)
    running = job is not None and job.running
    cards, actions = st.columns([5, 2], vertical_alignment="center", gap="medium")
    with cards, st.container(key="measured"):
        _cards(session)
    with actions, st.container(horizontal=True, horizontal_alignment="right"):
        st.button(
            "Measure",
            key="measure",
            type="secondary" if session.measured else "primary",
            icon=":material/speed:",
            disabled=running or session.measured is not None,
            on_click=lambda: work.start_measurement(bench),
            help=f"Run the float and the int8 model on {len(bench.opened.evaluation):,} samples.",
        )
        _history(session)
    if job is not None and running:
        show_job(job)
    elif job is not None:
        show_outcome(job)


def _cards(session: state.Session) -> None:
    now, before = session.measured, _before(session)
    latest = session.latest
    unlabelled = latest is not None and latest.float_top1 is None
    missing = "no labels" if unlabelled else "not measured"
    float_card, before_card, now_card, sqnr_card = st.columns(4)
    with float_card:
        _card("Float top-1", percent(latest.float_top1) if latest else DASH, None, missing)
    with before_card:
        _card("Int8 top-1, before", _top1(before), _loss(before), missing)
    stale = "recipe changed: measure again" if latest and now is None else missing
    with now_card:
        _card("Int8 top-1, now", _top1(now), _loss(now), missing if now else stale)
    change = None
    if now and before and math.isfinite(now.sqnr_db) and math.isfinite(before.sqnr_db):
        change = f"{now.sqnr_db - before.sqnr_db:+.1f} dB against before"
    with sqnr_card:
        _card("Output sqnr, now", db(now.sqnr_db if now else None), change, stale)


def _card(label: str, value: str, change: str | None, missing: str) -> None:
    """A number with its change; without a number, why there is none."""
    if value == DASH:
        st.metric(label, value, missing, delta_color="off", delta_arrow="off")
    else:
        st.metric(label, value, change or " ", delta_arrow="auto" if change else "off")


def _before(session: state.Session) -> Measurement | None:
    """The latest measurement of another recipe than the one that stands."""
    key = session.recipe.content_key
    found = [m for m in session.measurements if m.recipe.content_key != key]
    return found[-1] if found else None


def _top1(measurement: Measurement | None) -> str:
    return percent(measurement.int8_top1 if measurement else None)


def _loss(measurement: Measurement | None) -> str | None:
    """Int8 against float, in percentage points."""
    if measurement is None or measurement.float_top1 is None or measurement.int8_top1 is None:
        return None
    return f"{points(measurement.int8_top1 - measurement.float_top1)} to float"


def _history(session: state.Session) -> None:
    count = len(session.measurements)
    pop = st.popover(
        f"History ({count})" if count else "History",
        icon=":material/history:",
        disabled=not count,
        help="What each measured recipe gave, and a way back to it",
        key="history",
        on_change="rerun",
    )
    if not pop.open or not count:
        return
    rows = list(reversed(session.measurements))
    with pop:
        st.dataframe(
            pd.DataFrame(
                {
                    "recipe": [describe(m) for m in rows],
                    "top1": [None if m.int8_top1 is None else 100 * m.int8_top1 for m in rows],
                    "sqnr": [m.sqnr_db for m in rows],
                    "samples": [m.samples for m in rows],
                }
            ),
            width=520,
            hide_index=True,
            placeholder=DASH,
            column_config={
                "recipe": st.column_config.TextColumn("Recipe", width=230),
                "top1": st.column_config.NumberColumn("Int8 top-1", format="%.2f %%"),
                "sqnr": st.column_config.NumberColumn("Output sqnr", format="%.1f dB"),
                "samples": st.column_config.NumberColumn("Samples"),
            },
            alt="Measured recipes, the latest first",
        )
        names = [f"{len(rows) - i}. {describe(m)}" for i, m in enumerate(rows)]
        chosen = st.selectbox("Go back to", names, key="history choice")
        measurement = rows[names.index(chosen)]
        st.button(
            "Restore this recipe",
            key="restore",
            icon=":material/restore:",
            disabled=measurement.recipe == session.recipe,
            on_click=lambda: state.edit(measurement.recipe),
        )


def describe(measurement: Measurement) -> str:
    """A recipe in a few words."""
    recipe = measurement.recipe
    name = preset_of(recipe)
    if name:
        return name
    weights = "per channel" if recipe.defaults.per_channel else "per tensor"
    rules = f", {plural(len(recipe.rules), 'rule')}" if recipe.rules else ""
    kind = recipe.defaults.activation_type.value
    return f"{kind}, {weights}, {recipe.defaults.calibrator.label}{rules}"
