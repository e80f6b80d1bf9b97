"""Shows the range picker on made-up tensors; what it commits is written under it."""

import numpy as np
import streamlit as st

from analysis.figures.cost_curves import CostCurve
from app.components.range_picker import (
    Bins,
    Choice,
    Codes,
    Commit,
    Row,
    Shape,
    Table,
    Target,
    range_picker,
)

st.set_page_config(layout="wide", page_title="Range picker")

TENSORS = ("gelu", "relu", "outlier", "symmetric", "lopsided", "constant")


SHARES = {
    "minmax": ("QuantLens", "MinMax", 1.0),
    "percentile": ("QuantLens", "Percentile 99.99", 0.86),
    "kl": ("QuantLens", "KL", 0.62),
    "symmetric_kl": ("QuantLens", "Symmetric KL", 0.64),
    "js": ("QuantLens", "JS", 0.7),
    "mse": ("QuantLens", "MSE", 0.78),
    "outlier_removal": ("QuantLens", "Outlier removal", 0.86),
    "onnxruntime.minmax": ("ONNX Runtime", "ONNX Runtime MinMax", 1.0),
    "modelopt.entropy_int8": ("TensorRT", "TensorRT entropy", 0.5),
    "paddle.kl": ("Paddle", "Paddle KL", 0.55),
}
TARGETS = (
    Target("tensor", "this", "for this tensor"),
    Target("op_type", "Relu", "for all 3 Relu layers"),
    Target("model", "all", "for the whole model"),
)


def values(name: str) -> np.ndarray:
    rng = np.random.default_rng(7)
    x = rng.normal(0, 1, 400_000)
    if name == "gelu":
        x = 2.2 * x
        x = x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    if name == "relu":
        x = np.maximum(rng.laplace(0.1, 0.8, 400_000), 0)
    if name == "outlier":
        x[0] = 60.0
    if name == "lopsided":
        x[:2] = -8.0, 5.0
    if name == "constant":
        x = np.zeros(1000)
    return x.astype(np.float32)


@st.cache_resource
def shape(name: str) -> Shape:
    x = values(name)
    top = 8192
    sides = []
    for side in (-x[x < 0], x[x >= 0]):
        largest = float(side.max(initial=0))
        exponent = np.frexp(largest)[1] if largest else 0
        width = 2.0**exponent / top
        index = np.minimum((side / width).astype(int), top - 1)
        sides.append((np.bincount(index, minlength=top), width))
    symmetric = name in {"symmetric", "lopsided"}
    reach = float(np.abs(x).max()) or 1.0
    factor = _factor(name)
    curves = []
    t = np.linspace(reach / 16, reach, 1921)
    for pick in ("kl", "symmetric_kl", "js", "mse"):
        best = SHARES[pick][2] * reach * factor
        cost = 0.01 * ((np.log(t / best)) ** 2 * (8 if pick == "kl" else 4) + 0.02)
        label = SHARES[pick][1]
        unit = "" if pick == "mse" else "nats"
        curves.append(CostCurve(pick, label, t, cost, float(t[cost.argmin()]), unit))
    return Shape(
        tensor=name,
        title=f"/features/{name}/output",
        subtitle="int8 symmetric" if symmetric else "uint8 asymmetric",
        bins=Bins(
            negative=sides[0][0],
            positive=sides[1][0],
            negative_width=sides[0][1],
            positive_width=sides[1][1],
            zeros=int((x == 0).sum()),
            count=x.size,
            min=float(x.min()),
            max=float(x.max()),
            signal_power=float((x.astype(float) ** 2).mean()),
        ),
        codes=Codes(-128, 127, True, True) if symmetric else Codes(0, 255, False, False),
        curves=() if name == "constant" else curves,
        no_curves="Every value is zero: there is no threshold to choose.",
    )


def _factor(name: str) -> float:
    return 4.2 / 60 if name == "outlier" else 1.0


@st.cache_resource
def table(name: str) -> Table:
    bins = shape(name).bins
    reach = max(-bins.min, bins.max)
    rows = []
    for pick, (tool, label, share) in SHARES.items():
        end = (1.0 if share == 1 else share * _factor(name)) * reach
        rows.append(
            Row(
                name=pick,
                tool=tool,
                label=label,
                summary=f"{label} in a sentence.",
                rmin=max(min(bins.min, 0.0), -end),
                rmax=min(max(bins.max, 0.0), end),
                clip_rate=(1 - share) / 100,
                sqnr_db=50 * share,
                kl=0.01 / share,
                js=0.001 / share,
            )
        )
    rows.append(Row("paddle.ptf", "Paddle", "Paddle PTF", "PTF.", why="Its last batch decides."))
    return Table(name, () if name == "constant" else tuple(rows))


def commit(event: Commit) -> None:
    if event.range is None:
        st.session_state.fixed.pop(event.tensor, None)
    else:
        st.session_state.fixed[event.tensor] = event.range
    st.session_state.pick = event.pick and f"{event.pick}:{event.scope}"
    st.session_state.commits += 1


st.session_state.setdefault("fixed", {})
st.session_state.setdefault("commits", 0)
st.session_state.setdefault("pick", None)
with st.container(horizontal=True):
    for tensor in TENSORS:
        if st.button(tensor):
            st.session_state.tensor = tensor
    if st.button("Unknown" if st.session_state.get("known", True) else "Known"):
        st.session_state.known = not st.session_state.get("known", True)
        st.rerun()
    if st.button("Start again"):
        st.session_state.clear()
        st.rerun()
name = st.session_state.get("tensor", "gelu")
drawn = shape(name)
minmax = (min(drawn.bins.min, 0.0), max(drawn.bins.max, 0.0))
if name == "symmetric":
    minmax = (-max(map(abs, minmax)), max(map(abs, minmax)))
chosen = st.session_state.fixed.get(name, minmax)
range_picker(
    drawn,
    Choice(chosen, name in st.session_state.fixed, "MinMax", minmax, "minmax", TARGETS),
    table(name) if st.session_state.get("known", True) else Table(name),
    key="picker",
    on_commit=commit,
)
st.text(
    f"commits {st.session_state.commits} range {chosen[0]:.6g} {chosen[1]:.6g} "
    f"pick {st.session_state.pick}"
)
