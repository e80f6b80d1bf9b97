"""The Layers page: what happens in each layer, why, and what to change."""

import streamlit as st

from app.tasks.pictures import prepare_pictures
from app.tasks.range_candidates import prepare_choices
from app.views.layers.pane import layer_pane
from app.views.layers.recipe_bar import recipe_bar
from app.views.layers.table import layers_table, selected
from app.views.layers.tool_disagreement import disagreement
from app.views.shared.address import name_layer
from app.views.shared.findings_list import findings_list
from app.views.shared.heading import heading
from app.views.shared.measure_bar import measure_bar
from app.views.shared.messages import show_warnings
from app.views.shared.page_guard import guarded, ready
from app.workspace.workspace import Workspace

LAYERS, RANKING = "Layers", "Where tools disagree"


def _view() -> str:
    """Which of the two lists of layers is wanted."""
    return st.segmented_control(
        "List",
        (LAYERS, RANKING),
        default=LAYERS,
        required=True,
        key="layers view",
        label_visibility="collapsed",
        persist_state="session",
    )


@st.fragment
def table_and_pane(workspace: Workspace) -> None:
    """Choosing a row redraws this and nothing else; the pane first, because it is looked at."""
    with guarded():
        unit = selected(workspace)
        name_layer(unit.name if unit else "")
        left, right = st.columns([9, 12], gap="medium")
        with right:
            layer_pane(workspace, unit)
        with left:
            if _view() == RANKING:
                disagreement(workspace, unit)
            else:
                layers_table(workspace)
            findings_list(workspace, "**What to change next**")
        prepare_choices(workspace, unit.end.tensor if unit else "")


with guarded():
    heading("Layers")
    workspace = ready("its layers")
    if workspace is not None:
        show_warnings(workspace.quantized.plan.warnings)
        recipe_bar(workspace)
        measure_bar(workspace)
        table_and_pane(workspace)
        prepare_pictures(workspace)
