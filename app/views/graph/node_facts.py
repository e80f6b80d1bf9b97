"""What is known of the node that is chosen in the graph."""

from collections.abc import Mapping

import streamlit as st

from analysis.graph.model_graph import ModelGraph
from analysis.layers import LayerRow, clipping_db, rounding_db
from analysis.short_names import cut_middle
from app.views.layers.table import go_to
from app.views.shared.format import as_text, db, number, percent
from app.views.shared.layer_state import layer_state
from app.workspace.workspace import Workspace
from quant.model.op_roles import INPUT_OP_TYPE

MOST_NEIGHBOURS = 6
NAME = 30
"""Characters of a neighbour's name that fit on a line."""
MISSING = "not measured; press Measure on Overview"


def node_facts(workspace: Workspace, graph: ModelGraph, row: LayerRow | None) -> None:
    """Draw the facts, the neighbours and the way to the layer."""
    if row is None:
        st.info("Click a node to see what is known of it.", icon=":material/arrow_back:")
        return
    kind = "input of the model" if row.op_type == INPUT_OP_TYPE else row.op_type
    st.markdown(f"**{as_text(row.name)}** :gray[{as_text(kind)}] :gray-badge[{layer_state(row)}]")
    if row.note:
        st.caption(f"{layer_state(row).capitalize()}: {as_text(row.note)}.")
    if row.tensor:
        st.caption(f"Gives {as_text(row.tensor)}")
    st.table(_facts(workspace, row), border="horizontal", alt=f"Facts about {row.name}")
    st.page_link(
        "views/layers/page.py", label="Open the layer to change it", icon=":material/arrow_forward:"
    )
    _neighbours(graph, row.name, workspace.short_names)


def _facts(workspace: Workspace, row: LayerRow) -> dict[str, str]:
    comparison = workspace.comparison()
    measured = comparison.tensors.get(row.tensor) if comparison else None
    info = workspace.opened.model.tensors.get(row.tensor)
    shape = "×".join("?" if d is None else str(d) for d in info.shape or ()) if info else ""
    facts = {"Shape": as_text(shape)} if shape else {}
    if row.weight:
        facts["Weight"] = as_text(row.weight)
    if row.activation:
        facts["Output"] = as_text(row.activation)
    if row.rmin is not None:
        facts["Range"] = f"{number(row.rmin)} to {number(row.rmax)}, {as_text(row.range_source)}"
    if row.local:
        facts["Local"] = f"{db(row.local.sqnr_db)} sqnr, predicted"
        facts["Rounding"] = f"{db(rounding_db(row.local))} alone"
        clipped = row.local.clip_rate > 0
        facts["Clipping"] = f"{db(clipping_db(row.local))} alone" if clipped else "nothing clipped"
        facts["Clip rate"] = percent(row.local.clip_rate, 3) if clipped else "0 %"
    facts["Cumulative"] = f"{db(measured.sqnr_db)} sqnr, measured" if measured else MISSING
    known = workspace.ranking
    unit = next((u.name for u in known.units if row.name in u.nodes), "")
    if unit in known.sensitivity:
        facts["Sensitivity"] = f"{db(known.sensitivity[unit].sqnr_db)} output sqnr"
    gain = known.gain_db(unit)
    if gain is not None:
        facts["Benefit"] = f"{round(gain, 2) + 0.0:+.2f} dB output sqnr"
    return facts


def _neighbours(graph: ModelGraph, name: str, shorts: Mapping[str, str]) -> None:
    if name not in graph.names:
        return
    place = graph.names.index(name)
    for label, found in (
        ("Reads", [a for a, b in graph.layout.edges if b == place]),
        ("Consumers", [b for a, b in graph.layout.edges if a == place]),
    ):
        if not found:
            continue
        with st.container(gap="xxsmall"):
            st.caption(label)
            for other in found[:MOST_NEIGHBOURS]:
                neighbour = (
                    f"{cut_middle(shorts[graph.names[other]], NAME)} ({graph.op_types[other]})"
                )
                st.button(
                    as_text(neighbour),
                    key=f"graph go {label} {other}",
                    type="tertiary",
                    on_click=go_to,
                    args=(graph.names[other],),
                )
            if len(found) > MOST_NEIGHBOURS:
                st.caption(f"and {len(found) - MOST_NEIGHBOURS} more")
