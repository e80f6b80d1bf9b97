"""The Layers page: what happens in each layer, why, and what to change."""

import streamlit as st

from app.session import user_session
from app.tasks import calibration
from app.tasks.range_candidates import prepare_choices
from app.views.layers.pane import layer_pane
from app.views.layers.recipe_bar import recipe_bar, undo_buttons
from app.views.layers.table import layers_table, selected
from app.views.layers.tool_disagreement import disagreement
from app.views.shared.measure_bar import measure_bar
from app.views.shared.page_guard import guarded, ready
from app.views.shared.suggestion_list import suggestion_list
from app.workspace.workspace import Bench

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
def table_and_pane(bench: Bench) -> None:
    """Choosing a row redraws this and nothing else; the pane first, because it is looked at."""
    with guarded():
        row = selected(bench)
        left, right = st.columns([9, 12], gap="medium")
        with right:
            layer_pane(bench, row)
        with left:
            if _view() == RANKING:
                disagreement(bench, row)
            else:
                layers_table(bench)
            suggestion_list(bench)
        prepare_choices(bench, row.tensor if row else "")


with guarded():
    session = user_session.current()
    with st.container(horizontal=True, vertical_alignment="center"):
        title = f"Layers of {session.source.title}" if session.source else "Layers"
        st.subheader(title, anchor=False, width="stretch")
        if session.source:
            undo_buttons(session)
    bench = ready("its layers")
    if bench is not None:
        for warning in bench.quantized.plan.warnings:
            st.warning(warning, icon=":material/warning:")
        recipe_bar(bench)
        measure_bar(bench)
        table_and_pane(bench)
        calibration.prepare_pictures(bench)
