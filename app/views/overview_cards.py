"""Float, weights only, activations only, all int8: what each gives; size and speed."""

import math

import streamlit as st

from analysis.metrics import Metric, MetricChange
from analysis.scores import Scores
from analysis.split import Split
from app.cache import Bench
from app.effects import split_of
from app.views.words import DASH, db, number, percent, points, size


def overview_cards(bench: Bench, metric: Metric) -> None:
    """Draw the cards and what the samples can tell."""
    split = split_of(bench, metric)
    base = split.float.metric if split else None
    cards = (
        ("Float", split.float if split else None),
        ("Weights only", split.weights_only if split else None),
        ("Activations only", split.activations_only if split else None),
        ("All int8", split.all if split else None),
    )
    columns = st.columns(5, gap="small")
    for column, (label, scores) in zip(columns, cards, strict=False):
        with column:
            _card(f"{label}: {metric.label}", scores, base, metric)
    with columns[-1]:
        _size(bench)
    if split is not None:
        st.caption(_said(split))


def _card(label: str, scores: Scores | None, base: float | None, metric: Metric) -> None:
    with st.container(border=True, gap="xsmall"):
        if scores is None:
            st.metric(label, DASH, "press Measure", delta_color="off", delta_arrow="off")
            st.caption(f"Output sqnr {DASH}")
            return
        change = None
        exact = math.isinf(scores.sqnr_db) and scores.sqnr_db > 0
        if base is not None and scores.metric is not None and not exact:
            change = _change(metric, scores.metric - base)
        st.metric(
            label,
            _value(metric, scores.metric),
            change or ("the reference" if exact else " "),
            delta_color="normal" if metric.higher_is_better else "inverse",
            delta_arrow="auto" if change else "off",
        )
        st.caption("No error" if exact else f"Output sqnr **{db(scores.sqnr_db)}**")


def _value(metric: Metric, value: float | None) -> str:
    if metric.unit == "%":
        return percent(value)
    return f"{number(value)} {metric.unit}".strip()


def _change(metric: Metric, change: float) -> str:
    if metric.unit == "%":
        return f"{points(change)} to float"
    return f"{change:+.3g} {metric.unit}".strip() + " to float"


def _size(bench: Bench) -> None:
    before, after = len(bench.opened.model.to_bytes()), len(bench.quantized.to_bytes())
    with st.container(border=True, gap="xsmall"):
        st.metric(
            "Int8 model",
            size(after),
            f"{before / after:.1f}× smaller than float" if after < before else "not smaller",
            delta_color="off",
            delta_arrow="off",
        )
        st.caption(f"Float {size(before)}")


def _said(split: Split) -> str:
    """What the halves say, and whether the metric can tell."""
    weights, activations = split.weights_only.sqnr_db, split.activations_only.sqnr_db
    text = ""
    if math.isfinite(weights) and math.isfinite(activations):
        worse = "weights" if weights < activations else "activations"
        apart = abs(weights - activations)
        text = (
            f"Most of the error comes from the **{worse}**: alone they leave {apart:.1f} dB less."
            if apart >= 3
            else "Weights and activations do about as much harm."
        )
    return f"{text} {_interval(split.metric)}" if split.metric else text


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
