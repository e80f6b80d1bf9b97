"""What a doctor would say, in one line: how much is lost, by what, and what gives it back."""

import math

import streamlit as st

from analysis.errors.weights_vs_activations import AblationResult
from analysis.findings import Finding
from analysis.metrics import Metric
from analysis.study.measuring import ABLATIONS
from app.tasks.findings import findings
from app.views.shared.format import as_text, db, points
from app.workspace.workspace import Workspace

APART_DB = 3.0
"""Where weights and activations differ by less, neither does most of the harm."""


def diagnosis(workspace: Workspace) -> None:
    """Say it; nothing while the recipe is not measured."""
    split = workspace.study.known(ABLATIONS)
    if split is not None:
        said = (_lost(workspace.metric, split), _half(split), _cure(findings(workspace) or ()))
        st.markdown(" ".join(filter(None, said)))


def _lost(metric: Metric | None, split: AblationResult) -> str:
    """What int8 loses."""
    before, after = split.float.metric, split.all.metric
    sqnr = f"output sqnr of **{db(split.all.sqnr_db)}**"
    if metric is None or metric.unit != "%" or before is None or after is None:
        return f"Int8 leaves an {sqnr}."
    return f"Int8 changes {as_text(metric.label)} by **{points(after - before)}**, with an {sqnr}."


def _half(split: AblationResult) -> str:
    """Which half does the harm."""
    weights, activations = split.weights_only.sqnr_db, split.activations_only.sqnr_db
    if not (math.isfinite(weights) and math.isfinite(activations)):
        return ""
    apart = abs(weights - activations)
    if apart < APART_DB:
        return "Weights and activations do about as much harm."
    worse = "weights" if weights < activations else "activations"
    return f"Most of the error comes from the **{worse}**: alone they leave {apart:.1f} dB less."


def _cure(found: tuple[Finding, ...]) -> str:
    """The fix that gave most."""
    best = next((item for item in found if item.tried is not None and item.tried.helps), None)
    if best is None or best.fix is None or best.tried is None:
        return ""
    return f"Best fix: **{as_text(best.fix.label)}**, tried: {as_text(best.tried.in_words)}."
