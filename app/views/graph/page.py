"""The Graph page: the float graph, coloured by an error, and what is known of the chosen node."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from analysis.graph.model_graph import ModelGraph
from app.components.graph import graph
from app.tasks.runtime import seen
from app.views.graph.colouring import COLOURINGS, paint
from app.views.graph.node_facts import node_facts
from app.views.layers.table import go_to, selected_node
from app.views.shared.address import name_layer
from app.views.shared.heading import heading
from app.views.shared.page_guard import guarded, ready
from app.workspace.graph_cache import drawing
from app.workspace.workspace import Workspace

KEY = "graph"


def numbers(workspace: Workspace, name: str) -> Mapping[str, float]:
    """The numbers of a colouring by node."""
    rows = workspace.rows()
    if name == "local":
        return {row.name: row.local.sqnr_db for row in rows if row.local}
    if name == "clip":
        return {row.name: row.local.clip_rate for row in rows if row.local}
    if name == "cumulative":
        comparison = workspace.comparison()
        measured = comparison.tensors if comparison else {}
        return {row.name: measured[row.tensor].sqnr_db for row in rows if row.tensor in measured}
    if name == "runtime":
        truth = seen(workspace)
        lost = {row.name: row.lost_us for row in truth.rows} if truth else {}
        return {name: us / 1000 for name, us in lost.items() if us is not None}
    return workspace.ranking.by_node("sensitivity" if name == "sensitivity" else "benefit")


def _flows(workspace: Workspace, drawn: ModelGraph) -> list[int] | None:
    """Places of the edges along which integers flow as the model runs."""
    truth = seen(workspace)
    if truth is None:
        return None
    names = drawn.names
    types = truth.edge_types
    return [
        at
        for at, (source, target) in enumerate(drawn.layout.edges)
        if types.get((names[source], names[target]), "").endswith(("int8", "int16", "int4"))
    ]


@st.fragment
def graph_and_facts(workspace: Workspace) -> None:
    """Choosing a node redraws this and nothing else."""
    with guarded():
        left, right = st.columns([13, 5], gap="medium")
        with left:
            name = st.segmented_control(
                "Colour by",
                tuple(COLOURINGS),
                default="local",
                required=True,
                key="graph colours",
                format_func=lambda key: COLOURINGS[key].label,
                persist_state="session",
                label_visibility="collapsed",
            )
            values = numbers(workspace, name)
            drawn = drawing(workspace.opened.model)
            row = selected_node(workspace)
            name_layer(row.name if row else "")
            rows = {row.name: row for row in workspace.rows()}
            painted = paint(COLOURINGS[name], drawn.graph, rows, values)
            if name == "runtime":
                painted = replace(painted, flows=_flows(workspace, drawn.graph))
            opened = graph(
                drawn,
                painted,
                row.name if row else "",
                key=KEY,
                on_select=go_to,
            )
            if not values:
                st.caption(f"{COLOURINGS[name].label} is not known yet. {COLOURINGS[name].missing}")
        with right:
            node_facts(workspace, drawn.graph, row)
        if opened:
            go_to(opened)
            st.switch_page("views/layers/page.py")


with guarded():
    heading("Graph")
    found = ready("its graph")
    if found is not None:
        graph_and_facts(found)
