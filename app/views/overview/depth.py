"""Where along the network the error builds up; a click goes to the layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from analysis.errors.tensor_error import ErrorStats
from analysis.figures.depth import depth_figure, largest_falls
from analysis.graph.model_graph import measured_edges
from analysis.layers import LayerRow
from app.session import user_session
from app.views.layers.range_editor import mode
from app.views.layers.table import go_to
from app.workspace.workspace import Workspace

KEY = "depth"
HEIGHT = 310


def depth_plot(workspace: Workspace) -> None:
    """Draw the plot, or say how to get it."""
    comparison = workspace.comparison()
    with st.container(border=True, key="depth_box", height="stretch"):
        st.markdown("**Where the error builds up** :gray[cumulative sqnr of each tensor]")
        if comparison is None:
            with st.container(height=HEIGHT, border=False, vertical_alignment="center"):
                st.info("Press Measure to see it.", icon=":material/speed:")
            return
        rows = {row.tensor: row for row in workspace.rows() if row.tensor}
        tensors = {t: error for t, error in comparison.tensors.items() if t in rows}
        edges = measured_edges(workspace.opened.model, tensors)
        chosen = user_session.current().row
        selected = next((t for t in tensors if rows[t].name == chosen), None)

        def clicked() -> None:
            event: Any = st.session_state[KEY]
            points = event["selection"]["points"]
            if points and points[0].get("customdata"):
                tensor = points[0]["customdata"]
                name = tensor[0] if isinstance(tensor, list) else tensor
                if name in rows:
                    go_to(rows[name].name)

        st.plotly_chart(
            depth_figure(
                tensors,
                edges=edges,
                selected=selected,
                height=HEIGHT,
                mode=mode(),
            ),
            key=KEY,
            theme=None,
            on_select=clicked,
            selection_mode="points",
            config={"displaylogo": False, "displayModeBar": False},
            alt="Cumulative sqnr of each tensor from input to output, with the largest falls named",
        )
        _falls(edges, tensors, rows)


def _falls(
    edges: Sequence[tuple[str, str]],
    tensors: Mapping[str, ErrorStats],
    rows: Mapping[str, LayerRow],
) -> None:
    """The largest falls by name, as a way to their layers."""
    found = [fall for fall in largest_falls(tensors, edges) if fall.tensor in rows]
    if not found:
        st.caption("More is better. Lines follow the graph; click a point to choose its layer.")
        return
    with st.container(gap="xxsmall"):
        for place, fall in enumerate(found):
            row = rows[fall.tensor]
            if st.button(
                f"−{fall.db:.1f} dB at {row.name}",
                key=f"fall {place}",
                type="tertiary",
                icon=":material/trending_down:",
                help=f"Choose {row.name} and go to Layers",
            ):
                go_to(row.name)
                st.switch_page("views/layers/page.py")
