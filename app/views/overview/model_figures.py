"""What was measured of the model as figures, one at a time; a click goes to the layer."""

from collections.abc import Sequence

import streamlit as st

from analysis.figures import Figure, MeasuredModel, figures_of
from analysis.figures.depth import largest_falls
from analysis.graph.model_graph import measured_edges
from analysis.layers import LayerRow
from app.session import user_session
from app.tasks.measurement import measuring
from app.views.layers.table import go_to
from app.views.shared.figure_chart import figure_chart
from app.views.shared.format import as_text
from app.workspace.workspace import Workspace

HEIGHT = 310


def model_figures(workspace: Workspace) -> None:
    """Draw the figure that is chosen, or say how to get it."""
    rows = {row.tensor: row for row in workspace.rows() if row.tensor}
    names = {tensor: row.name for tensor, row in rows.items()}
    names |= {row.name: row.name for row in workspace.rows()}

    def choose(point: str) -> None:
        if point in names:
            go_to(names[point])

    with st.container(border=True, key="model_figures", height="stretch"):
        figure = _chosen(figures_of(MeasuredModel))
        model = measured_model(workspace)
        if not figure_chart(figure, model, choose=choose):
            with st.container(height=HEIGHT, border=False, vertical_alignment="center"):
                waiting = measuring(workspace) and workspace.comparison() is None
                said = "The model is being measured." if waiting else figure.missing
                st.info(said or "There is nothing to see.", icon=":material/speed:")
            return
        st.caption(f"{figure.about} Click a point to choose its layer.")
        if model.tensors:
            _falls(workspace, model, rows)


def measured_model(workspace: Workspace) -> MeasuredModel:
    """What figures of the whole model are drawn from: what is known of the recipe by now."""
    comparison, ranking = workspace.comparison(), workspace.ranking
    chosen = user_session.current().row
    given = {row.tensor: row.name for row in workspace.rows() if row.tensor}
    tensors = comparison.tensors if comparison else {}
    gains = {name: ranking.gain_db(name) for name in ranking.benefit}
    return MeasuredModel(
        workspace.quantized,
        workspace.calibration,
        tensors={name: error for name, error in tensors.items() if name in given},
        units=tuple(unit.name for unit in ranking.ordered),
        sensitivity_db={name: effect.sqnr_db for name, effect in ranking.sensitivity.items()},
        benefit_db={name: gain for name, gain in gains.items() if gain is not None},
        selected=next((tensor for tensor, row in given.items() if row == chosen), ""),
    )


def _chosen(figures: Sequence[Figure[MeasuredModel]]) -> Figure[MeasuredModel]:
    """The figure that is wanted; the first at first."""
    known = {figure.name: figure for figure in figures}
    name = st.segmented_control(
        "Figure",
        tuple(known),
        default=next(iter(known)),
        required=True,
        key="model figure",
        format_func=lambda name: known[name].title,
        label_visibility="collapsed",
        persist_state="session",
    )
    return known[name]


def _falls(workspace: Workspace, model: MeasuredModel, rows: dict[str, LayerRow]) -> None:
    """The largest falls by name, as a way to their layers."""
    edges = measured_edges(workspace.opened.model, model.tensors)
    with st.container(gap="xxsmall"):
        for place, fall in enumerate(largest_falls(model.tensors, edges)):
            row = rows[fall.tensor]
            if st.button(
                f"−{fall.db:.1f} dB at {as_text(row.name)}",
                key=f"fall {place}",
                type="tertiary",
                icon=":material/trending_down:",
                help=f"Choose {as_text(row.name)} and go to Layers",
            ):
                go_to(row.name)
                st.switch_page("views/layers/page.py")
