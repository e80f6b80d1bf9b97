"""Shows the graph component on made-up graphs; what it selects and opens is written under it."""

import math

import streamlit as st

from analysis.graph.layout import graph_layout
from analysis.graph.model_graph import ModelGraph
from app.components.graph import Drawing, NodeLook, Paint, graph

st.set_page_config(layout="wide", page_title="Graph")

STATES = ("int8", "fused", "dropped", "float", "skipped")
OPS = ("Conv", "Relu", "Conv", "Add")


@st.cache_resource
def drawing(count: int) -> Drawing:
    """Residual blocks side by side: three columns that join at the end."""
    edges = []
    columns = 3 if count > 100 else 1
    length = (count - 2) // columns
    for column in range(columns):
        first = 1 + column * length
        edges.append((0, first))
        for i in range(length - 1):
            edges.append((first + i, first + i + 1))
            if i % 4 == 0 and i + 4 < length:
                edges.append((first + i, first + i + 4))
        edges.append((first + length - 1, count - 1))
    names = tuple(f"/block{i // 4}/part{i % 4}/node{i}" for i in range(count))
    ops = ("Input", *(OPS[i % 4] for i in range(1, count)))
    return Drawing(
        ModelGraph(names, ops, ("",) * (count - 1) + ("scores",), graph_layout(count, edges))
    )


def select(name: str) -> None:
    st.session_state.row = name
    st.session_state.selects = st.session_state.get("selects", 0) + 1


with st.container(horizontal=True):
    for count in (12, 1001):
        if st.button(f"{count} nodes"):
            st.session_state.count = count
            st.session_state.row = ""
    if st.button("Other colours"):
        st.session_state.phase = st.session_state.get("phase", 0) + 1
drawn = drawing(st.session_state.get("count", 12))
phase = st.session_state.get("phase", 0)
looks = [
    NodeLook(STATES[i % 5], None, "–")
    if i % 7 == 3
    else NodeLook(STATES[i % 5], (1 + math.sin(i / 9 + phase)) / 2, f"{10 + i % 30}.5 dB")
    for i in range(len(drawn.graph.names))
]
ticks = ((0.0, "60 dB"), (0.5, "35 dB"), (1.0, "10 dB"))
opened = graph(
    drawn,
    Paint(f"Error {phase} in dB, low is bad", ticks, looks),
    st.session_state.get("row", ""),
    key="graph",
    on_select=select,
)
if opened:
    st.session_state.opened = opened
st.text(
    f"selects {st.session_state.get('selects', 0)} row {st.session_state.get('row', '') or 'none'} "
    f"opened {st.session_state.get('opened', 'none')} {len(looks)} nodes as {drawn.digest}"
)
