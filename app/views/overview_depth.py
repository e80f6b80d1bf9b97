"""Where along the network the error builds up; a click goes to the layer."""

from typing import Any

import streamlit as st

from analysis.figures.depth import depth_figure
from analysis.graph import measured_edges
from app import state
from app.cache import Bench
from app.views.layer_plots import mode
from app.views.layers_table import go_to

KEY = "depth"
HEIGHT = 330


def depth_plot(bench: Bench) -> None:
    """Draw the plot, or say how to get it."""
    comparison = bench.comparison()
    with st.container(border=True, key="depth_box"):
        st.markdown("**Where the error builds up** :gray[cumulative sqnr of each tensor]")
        if comparison is None:
            with st.container(height=HEIGHT, border=False, vertical_alignment="center"):
                st.info("Press Measure to see it.", icon=":material/speed:")
            return
        rows = {row.tensor: row for row in bench.rows() if row.tensor}
        tensors = {t: error for t, error in comparison.tensors.items() if t in rows}
        chosen = state.current().row
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
                edges=measured_edges(bench.opened.model, tensors),
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
        if selected is not None:
            label = f"Go to {chosen} in Layers"
            st.page_link("views/layers.py", label=label, icon=":material/arrow_forward:")
        else:
            st.caption("More is better. Lines follow the graph; click a point to choose its layer.")
