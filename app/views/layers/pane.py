"""The selected layer: its distribution and the curves, its settings, its weights."""

import streamlit as st

from analysis.figures import CalibratedTensor, figures_of
from analysis.layers import UnitRow
from app.views.layers.range_editor import range_plots
from app.views.layers.settings import Layer, layer_of, main_settings, more_settings
from app.views.layers.table import go_to
from app.views.layers.weights import weight_plot
from app.views.shared.figure_chart import captioned_chart
from app.views.shared.format import as_text
from app.views.shared.layer_state import unit_state
from app.workspace.workspace import Workspace
from quant.model.op_roles import INPUT_OP_TYPE

ACTIVATION, WEIGHTS = "Activation", "Weights"


def layer_pane(workspace: Workspace, unit: UnitRow | None) -> None:
    """Draw the pane."""
    if unit is None:
        st.info(
            "No layer matches the filters. Clear the search to see all.", icon=":material/info:"
        )
        return
    head, layer = layer_of(workspace, unit.head), layer_of(workspace, unit.end)
    both = (layer,) if unit.head is unit.end else (head, layer)
    if _head(workspace, unit, head) == WEIGHTS:
        weight_plot(head)
        more_settings(head)
        return
    _elsewhere(layer)
    range_plots(layer)
    main_settings(layer, head)
    more_settings(*both)
    _more_figures(layer)


def _head(workspace: Workspace, unit: UnitRow, head: Layer) -> str:
    """Name and state of the layer; which view of it is wanted."""
    info = workspace.opened.model.tensors.get(unit.end.tensor)
    shape = "×".join("?" if d is None else str(d) for d in info.shape or ()) if info else ""
    kind = "input of the model" if unit.head.op_type == INPUT_OP_TYPE else unit.op_types
    facts = as_text(f"{kind}{', ' + shape if shape else ''}")
    note = f" :gray[{as_text(_note(unit))}]" if _note(unit) else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        short = workspace.short_names[unit.name]
        st.markdown(
            f"**{as_text(short)}** :gray[{facts}] :gray-badge[{unit_state(unit)}]{note}",
            width="stretch",
            help=None if short == unit.name else as_text(unit.name),
        )
        if head.item is None or head.item.node.weight is None:
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


def _note(unit: UnitRow) -> str:
    """Why it computes as it does; of what is fused, what became of the activation."""
    if len(unit.members) == 1:
        return unit.head.note
    dropped = unit.end.state == "dropped"
    return f"{unit.end.op_type} dropped, {unit.end.note}" if dropped else ""


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
    if not row.owner or row.owner == row.tensor:
        return
    producer = layer.workspace.opened.model.producers.get(row.owner)
    target = producer.name if producer else row.owner
    st.button(
        f"It shares the range of {as_text(target)}",
        key=layer.key("elsewhere"),
        icon=":material/arrow_forward:",
        type="tertiary",
        on_click=go_to,
        args=(target,),
    )
