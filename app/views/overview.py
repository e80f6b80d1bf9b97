"""The Overview page: how much accuracy is lost, where, why, and which inputs suffer."""

import streamlit as st

from app import state, work
from app.cache import Bench
from app.metric import metric_in_use
from app.views.gate import guarded, ready
from app.views.overview_bar import overview_bar
from app.views.overview_cards import overview_cards
from app.views.overview_depth import depth_plot
from app.views.overview_ranking import ranking_panel
from app.views.overview_suspects import suspects
from app.views.recipe_bar import undo_buttons
from app.views.samples import samples_panel


def body(bench: Bench) -> None:
    """Everything below the heading."""
    metric = metric_in_use(bench)
    overview_bar(bench, metric)
    overview_cards(bench, metric)
    left, right = st.columns([10, 9], gap="medium")
    with left:
        depth_plot(bench)
    with right:
        suspects(bench)
    ranking_panel(bench, metric)
    samples_panel(bench)


with guarded():
    session = state.current()
    with st.container(horizontal=True, vertical_alignment="center"):
        title = f"Overview of {session.source.title}" if session.source else "Overview"
        st.subheader(title, anchor=False, width="stretch")
        if session.source:
            undo_buttons(session)
    found = ready("where its accuracy goes")
    if found is not None:
        for warning in found.quantized.plan.warnings:
            st.warning(warning, icon=":material/warning:")
        body(found)
        work.prepare_pictures(found)
