"""Float, weights only, activations only, all int8: what each gives; size and speed."""

import math
from collections.abc import Mapping
from typing import Final, Literal

import streamlit as st

from analysis.errors.output_scores import OutputScores
from analysis.errors.weights_vs_activations import AblationResult
from analysis.latency import model_size
from analysis.metrics import Metric, MetricChange
from analysis.study.measuring import ABLATIONS
from analysis.study.stages import LATENCY
from analysis.study.trying import repeatability_of
from app.tasks.measurement import measuring
from app.views.overview.diagnosis import diagnosis
from app.views.shared.format import DASH, as_text, db, number, percent, points
from app.workspace.workspace import Workspace
from quant.io.show import size
from quant.recipe.difference import difference, in_a_line

Ablation = Literal["float", "weights_only", "activations_only", "all"]
ABLATED: Final[Mapping[str, Ablation]] = {
    "Float": "float",
    "Weights only": "weights_only",
    "Activations only": "activations_only",
    "All int8": "all",
}
"""The cards that compare, in words."""

LEAST_CHANGE = 5e-6
"""A smaller change of a metric is none: half a digit of a percentage, chance in a cosine."""


def overview_cards(workspace: Workspace) -> None:
    """Draw the cards and what the samples can tell."""
    study, running = workspace.study, measuring(workspace)
    split, earlier = study.known(ABLATIONS), _earlier(workspace)
    missing = "being measured" if running else "press Measure"
    columns = st.columns(6, gap="xsmall")
    for column, (label, ablation) in zip(columns, ABLATED.items(), strict=False):
        with column:
            if split is None and earlier is not None and ablation == "float":
                _card(label, earlier, ablation, workspace.metric, missing)
            elif split is None and earlier is not None:
                _old_card(label, earlier, ablation, workspace.metric, missing)
            else:
                _card(label, split, ablation, workspace.metric, missing)
    with columns[4]:
        _size(workspace)
    with columns[5]:
        _speed(workspace, missing)
    diagnosis(workspace)
    split_said = _said(split) if split or not running else ""
    said = (split_said, _repeats(workspace), _same_samples(workspace), _baseline(workspace))
    st.caption(" ".join(filter(None, said)))


def _earlier(workspace: Workspace) -> AblationResult | None:
    """What was measured last gave; of it float holds for any recipe."""
    last = workspace.project.latest
    return workspace.study.with_recipe(last.recipe).known(ABLATIONS) if last else None


def _old_card(
    label: str, earlier: AblationResult, ablation: Ablation, metric: Metric | None, missing: str
) -> None:
    """What the recipe before gave, in grey, until that of the recipe as it stands is known."""
    scores: OutputScores = getattr(earlier, ablation)
    value = db(scores.sqnr_db) if metric is None else _value(metric, scores.metric)
    with st.container(border=True, gap="xsmall", height="stretch"):
        st.metric(label, f":gray[{value}]", missing, delta_color="off", delta_arrow="off")
        st.caption(f"Before: output sqnr {db(scores.sqnr_db)}")


def _card(
    label: str,
    split: AblationResult | None,
    ablation: Ablation,
    metric: Metric | None,
    missing: str,
) -> None:
    scores: OutputScores | None = getattr(split, ablation) if split else None
    base = split.float.metric if split else None
    with st.container(border=True, gap="xsmall", height="stretch"):
        if scores is None:
            st.metric(label, DASH, missing, delta_color="off", delta_arrow="off")
            st.caption(f"{as_text(metric.label)} and output sqnr" if metric else "Output sqnr")
            return
        if metric is None:
            st.metric(label, db(scores.sqnr_db), " ", delta_arrow="off")
            st.caption("Output sqnr")
            return
        change = None
        exact = math.isinf(scores.sqnr_db) and scores.sqnr_db > 0
        if base is not None and scores.metric is not None and not exact:
            difference = scores.metric - base
            change = _change(metric, 0.0 if abs(difference) < LEAST_CHANGE else difference)
        same = _change(metric, 0.0)
        colour = "normal" if metric.higher_is_better else "inverse"
        st.metric(
            label,
            _value(metric, scores.metric),
            change or ("the reference" if exact else " "),
            delta_color=colour if change and change != same else "off",
            delta_arrow="auto" if change and change != same else "off",
        )
        error = f"output sqnr **{db(scores.sqnr_db)}**"
        st.caption(f"{as_text(metric.label)}, {error}")


def _value(metric: Metric, value: float | None) -> str:
    if metric.unit == "%":
        return percent(value)
    # As many digits as the change has: a cosine of 1 and a change of -0.0033 would not add up.
    within = value is not None and 0.01 <= abs(value) < 10
    return f"{f'{value:.4f}' if within else number(value)} {metric.unit}".strip()


def _change(metric: Metric, change: float) -> str:
    if metric.unit == "%":
        return points(change)
    return f"{change:+.4g} {metric.unit}".strip()


def _size(workspace: Workspace) -> None:
    """The size of both files."""
    found = model_size(workspace.quantized)
    smaller = found.float_bytes / found.int8_bytes
    with st.container(border=True, gap="xsmall", height="stretch"):
        st.metric(
            "Int8 file",
            size(found.int8_bytes),
            f"{smaller:.1f}× smaller" if smaller > 1 else f"{1 / smaller:.1f}× larger",
            delta_color="off",
            delta_arrow="off",
        )
        st.caption(f"Float file {size(found.float_bytes)}")


def _speed(workspace: Workspace, missing: str) -> None:
    """The time of one inference of both models on this machine."""
    found = workspace.study.known(LATENCY)
    with st.container(border=True, gap="xsmall", height="stretch"):
        if found is None:
            st.metric("Int8 latency", DASH, missing, delta_color="off", delta_arrow="off")
            st.caption("One sample, this machine")
            return
        quicker = found.speedup
        st.metric(
            "Int8 latency",
            f"{number(found.of_int8.median_ms, 3)} ms",
            f"{quicker:.1f}× quicker" if quicker >= 1 else f"{1 / quicker:.1f}× slower",
            delta_color="off",
            delta_arrow="off",
            help=f"Median of {found.of_int8.runs} runs in turns with the float model, one sample "
            "on this machine's CPU.",
        )
        st.caption(f"Float {number(found.of_float.median_ms, 3)} ms, one sample")


def _baseline(workspace: Workspace) -> str:
    """What the baseline gave, and what changed since."""
    last = workspace.project.baseline
    if last is None or last is workspace.project.measured:
        return ""
    metric = workspace.metric
    known = metric is not None and metric.name == "top1"
    value = f"{percent(last.int8_top1)} top-1, " if known else ""
    changed = as_text(in_a_line(difference(last.recipe, workspace.project.recipe)))
    since = f" Changed since: {changed}." if changed else ""
    return f"Baseline: all int8 {value}output sqnr {db(last.sqnr_db)}.{since}"


def _repeats(workspace: Workspace) -> str:
    """What the last digits of the inputs change, where they change anything."""
    found = repeatability_of(workspace.study)
    if found is None or not math.isfinite(found.outputs_db):
        return ""
    return (
        f"With noise of 1e-6 on its inputs int8 repeats its own outputs to {db(found.outputs_db)}, "
        f"and output sqnr moves by {db(found.floor_db)}: less is no difference."
    )


def _same_samples(workspace: Workspace) -> str:
    """That the samples which judge a model have chosen its ranges too, where they have."""
    if not workspace.opened.source.one_data:
        return ""
    return "The same samples calibrate and judge: others may fare worse."


def _said(split: AblationResult | None) -> str:
    """Whether the metric can tell, or what measuring would tell."""
    if split is None:
        return "Press Measure to see how much the weights cost and how much the activations."
    return _interval(split.metric) if split.metric else ""


def _interval(change: MetricChange) -> str:
    share = change.unit == "%"
    low, high = (
        (f"{100 * end:.2f}" if share else number(end, 3)) for end in (change.low, change.high)
    )
    unit = " points" if share else f" {change.unit}".rstrip()
    interval = (
        f"95 % interval of float minus int8 {low} to {high}{unit}, {change.samples:,} samples"
    )
    if change.is_flat:
        return (
            f"{change.label} **cannot tell** float and int8 apart here ({interval}), so output "
            "sqnr decides."
        )
    return f"{change.label} differs ({interval})."
