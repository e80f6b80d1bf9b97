"""What the recipe gives on the evaluation data: measure, compare with before, go back."""

import itertools
import math

import pandas as pd
import streamlit as st

from analysis.metrics.scores import gives_scores
from app.session import user_session
from app.session.project import Measurement, Project, with_baseline
from app.tasks.measurement import measurement_job, start_measurement
from app.views.shared.format import DASH, db, percent, plural, points
from app.views.shared.job_panel import show_job, show_outcome
from app.workspace.workspace import Workspace
from quant.recipe.difference import difference, in_a_line
from quant.recipe.edits import preset_of
from quant.recipe.recipe import Recipe


def measure_bar(workspace: Workspace) -> None:
    """Draw the cards, the button and the history."""
    project = workspace.project
    job = measurement_job(project)
    running = job is not None and job.running
    cards, actions = st.columns([5, 2], vertical_alignment="center", gap="medium")
    with cards, st.container(key="measured"):
        labelled = workspace.opened.evaluation.labels is not None
        scored = _scored(workspace)
        *float_card, before_card, rest = st.columns([1, 1, 2] if scored else [1, 3])
        for card in float_card:
            with card:
                _float_card(project, labelled, running=running)
        with before_card:
            _baseline_card(workspace, labelled)
        with rest:
            if job is not None and running:
                show_job(job)
            else:
                _now(workspace, labelled)
    with actions, st.container(horizontal=True, horizontal_alignment="right"):
        st.button(
            "Measure",
            key="measure",
            type="secondary" if project.measured else "primary",
            icon=":material/speed:",
            disabled=running or project.measured is not None,
            on_click=lambda: start_measurement(workspace),
            help="Run the float and the int8 model on "
            f"{len(workspace.opened.evaluation):,} samples.",
        )
        _history(project)
    if job is not None and not running:
        show_outcome(job)


def _float_card(project: Project, labelled: bool, *, running: bool) -> None:
    """The share of samples that the float model gets right."""
    latest = project.latest
    missing = "press Measure" if labelled else "data without labels"
    if running and labelled:
        missing = "being measured"
    if latest is not None and latest.float_top1 is None:
        missing = "no class scores" if latest.agreement is None else "data without labels"
    _card("Float top-1", percent(latest.float_top1 if latest else None), None, missing)


def _baseline_card(workspace: Workspace, labelled: bool) -> None:
    """What others are compared with."""
    baseline, missing = workspace.project.baseline, "what is measured first"
    if _scored(workspace):
        label = f"{_measure(workspace.project, labelled)}, baseline"
        _card(label, _share(baseline), _loss(baseline), missing)
    else:
        value = db(baseline.sqnr_db if baseline else None)
        _card("Output sqnr, baseline", value, None, missing)


def _now(workspace: Workspace, labelled: bool) -> None:
    """The recipe as it stands."""
    project = workspace.project
    now, baseline = project.measured, project.baseline
    missing = "recipe changed since" if project.latest and now is None else "press Measure"
    top1_card, sqnr_card = st.columns(2)
    if _scored(workspace):
        with top1_card:
            _card(f"{_measure(project, labelled)}, now", _share(now), _loss(now), missing)
    change = None
    if now and baseline and now is not baseline:
        gain = now.sqnr_db - baseline.sqnr_db
        change = f"{gain:+.1f} dB to baseline" if math.isfinite(gain) else None
    with sqnr_card if _scored(workspace) else top1_card:
        _card("Output sqnr, now", db(now.sqnr_db if now else None), change, missing)


def _scored(workspace: Workspace) -> bool:
    """Whether the model's answers can be compared, as far as is known."""
    latest = workspace.project.latest
    if latest is None:
        return gives_scores(workspace.opened.model.outputs[0].shape)
    return latest.agreement is not None or latest.int8_top1 is not None


def _measure(project: Project, labelled: bool) -> str:
    """What the share of samples is of: right answers, or without labels the same answer."""
    latest = project.latest
    known = labelled if latest is None else latest.float_top1 is not None
    return "Int8 top-1" if known else "Same answer"


def _share(measurement: Measurement | None) -> str:
    if measurement is None:
        return DASH
    if measurement.int8_top1 is not None:
        return percent(measurement.int8_top1)
    return percent(measurement.agreement)


def _card(label: str, value: str, change: str | None, missing: str) -> None:
    """A number with its change; without a number, why there is none."""
    if value == DASH:
        st.metric(label, value, missing, delta_color="off", delta_arrow="off")
    else:
        st.metric(label, value, change or " ", delta_arrow="auto" if change else "off")


def _loss(measurement: Measurement | None) -> str | None:
    """Int8 against float, in percentage points."""
    if measurement is None or measurement.float_top1 is None or measurement.int8_top1 is None:
        return None
    return f"{points(measurement.int8_top1 - measurement.float_top1)} to float"


def _history(project: Project) -> None:
    count = len(project.measurements)
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
    rows = list(reversed(project.measurements))
    changes = [
        *(in_a_line(difference(b.recipe, a.recipe)) for a, b in itertools.pairwise(rows)),
        "measured first",
    ]
    with pop:
        st.dataframe(
            pd.DataFrame(
                {
                    "recipe": [_named(m, project) for m in rows],
                    "change": changes,
                    "top1": [None if m.int8_top1 is None else 100 * m.int8_top1 for m in rows],
                    "sqnr": [m.sqnr_db for m in rows],
                    "samples": [m.samples for m in rows],
                }
            ),
            width=760,
            hide_index=True,
            placeholder=DASH,
            column_config={
                "recipe": st.column_config.TextColumn("Recipe", width=190),
                "change": st.column_config.TextColumn("Changed", width=260),
                "top1": st.column_config.NumberColumn("Int8 top-1", format="%.2f %%"),
                "sqnr": st.column_config.NumberColumn("Output sqnr", format="%.1f dB"),
                "samples": st.column_config.NumberColumn("Samples"),
            },
            alt="Measured recipes, the latest first",
        )
        names = [
            f"{len(rows) - i}. {_named(m, project)} ({change})"
            for i, (m, change) in enumerate(zip(rows, changes, strict=True))
        ]
        chosen = st.selectbox("Go back to", names, key="history choice")
        measurement = rows[names.index(chosen)]
        with st.container(horizontal=True):
            st.button(
                "Restore this recipe",
                key=f"restore {measurement.key}",
                icon=":material/restore:",
                disabled=measurement.recipe == project.recipe,
                on_click=lambda: user_session.edit(lambda _: measurement.recipe),
            )
            st.button(
                "Use as baseline",
                key=f"baseline {measurement.key}",
                icon=":material/keep:",
                disabled=measurement is project.baseline,
                help="Every page compares with it.",
                on_click=_use_as_baseline,
                args=(measurement,),
            )


def _use_as_baseline(measurement: Measurement) -> None:
    user_session.propose(lambda project: with_baseline(project, measurement))


def _named(measurement: Measurement, project: Project) -> str:
    """A measured recipe in a few words, and whether it is the baseline."""
    ending = ", baseline" if measurement is project.baseline else ""
    return f"{describe(measurement.recipe)}{ending}"


def describe(recipe: Recipe) -> str:
    """A recipe in a few words."""
    name = preset_of(recipe)
    if name:
        return name
    weights = "per channel" if recipe.defaults.per_channel else "per tensor"
    rules = f", {plural(len(recipe.rules), 'rule')}" if recipe.rules else ""
    kind = recipe.defaults.activation_type.value
    return f"{kind}, {weights}, {recipe.defaults.calibrator.title}{rules}"
