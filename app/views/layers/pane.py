"""The selected layer: its distribution and the curves, its settings, its weights."""

import streamlit as st

from analysis.figures import CalibratedTensor, figures_of
from analysis.layers import LayerRow
from app.views.layers.range_editor import range_plots
from app.views.layers.settings import Layer, layer_of, main_settings, more_settings
from app.views.layers.table import go_to
from app.views.layers.weights import weight_plot
from app.views.shared.figure_chart import captioned_chart
from app.views.shared.format import as_text
from app.views.shared.layer_state import layer_state
from app.workspace.workspace import Workspace
from quant.model.op_roles import INPUT_OP_TYPE

ACTIVATION, WEIGHTS = "Activation", "Weights"


def layer_pane(workspace: Workspace, row: LayerRow | None) -> None:
    """Draw the pane."""
    if row is None:
        st.info(
            "No layer matches the filters. Clear the search to see all.", icon=":material/info:"
        )
        return
    layer = layer_of(workspace, row)
    view = _head(layer)
    if view == WEIGHTS:
        weight_plot(layer)
        more_settings(layer)
        return
    _elsewhere(layer)
    range_plots(layer)
    main_settings(layer)
    more_settings(layer)
    _more_figures(layer)


def _head(layer: Layer) -> str:
    """Name and state of the layer; which view of it is wanted."""
    row = layer.row
    info = layer.workspace.opened.model.tensors.get(row.tensor)
    shape = "×".join("?" if d is None else str(d) for d in info.shape or ()) if info else ""
    kind = "input of the model" if row.op_type == INPUT_OP_TYPE else row.op_type
    facts = as_text(f"{kind}{', ' + shape if shape else ''}")
    note = f" :gray[{as_text(row.note)}]" if row.note and row.state != "fused" else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{as_text(row.name)}** :gray[{facts}] :gray-badge[{layer_state(row)}]{note}",
            width="stretch",
        )
        if layer.item is None or layer.item.node.weight is None:
            return ACTIVATION
        return st.segmented_control(
            "View",
            (ACTIVATION, WEIGHTS),
            default=ACTIVATION,
            required=True,
            key="layer view",
            label_visibility="collapsed",
            persist_state="session",
        )


def _more_figures(layer: Layer) -> None:
    """The other figures of the activation, drawn once they are asked for."""
    stats = layer.workspace.calibration.tensors.get(layer.row.tensor)
    if stats is None:
        return
    more = st.expander(
        "More figures", icon=":material/insights:", key="more figures", on_change="rerun"
    )
    if not more.open:
        return
    with more:
        subject = CalibratedTensor(layer.workspace.quantized, stats)
        found = figures_of(CalibratedTensor)
        drawn = [figure for figure in found if captioned_chart(figure, subject, stats.name)]
        if not drawn:
            st.caption("There is no other figure of this activation.")


def _elsewhere(layer: Layer) -> None:
    """Where the range of this layer is decided, if that is not here."""
    row = layer.row
    model = layer.workspace.opened.model
    target, text = "", ""
    if row.state == "fused":
        target, text = model.consumers[row.tensor][0], "The range is chosen at"
    elif row.owner and row.owner != row.tensor:
        producer = model.producers.get(row.owner)
        target, text = producer.name if producer else row.owner, "It shares the range of"
    if target:
        st.button(
            f"{text} {as_text(target)}",
            key=layer.key("elsewhere"),
            icon=":material/arrow_forward:",
            type="tertiary",
            on_click=go_to,
            args=(target,),
        )
