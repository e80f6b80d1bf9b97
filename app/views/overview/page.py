"""The Overview page: how much accuracy is lost, where, why, and which inputs suffer."""

import streamlit as st

from app.tasks.measurement import measure_by_itself
from app.tasks.pictures import prepare_pictures
from app.views.overview.bar import overview_bar
from app.views.overview.cards import overview_cards
from app.views.overview.model_figures import model_figures
from app.views.overview.ranking import ranking_panel
from app.views.overview.recovery import recovery_panel
from app.views.overview.samples import samples_panel
from app.views.shared.findings_list import findings_list
from app.views.shared.heading import heading
from app.views.shared.messages import show_warnings
from app.views.shared.page_guard import guarded, ready
from app.workspace.workspace import Workspace


def body(workspace: Workspace) -> None:
    """Everything below the heading."""
    measure_by_itself(workspace)
    overview_bar(workspace)
    overview_cards(workspace)
    left, right = st.columns([10, 9], gap="medium")
    with left:
        model_figures(workspace)
    with right:
        findings_list(
            workspace,
            "**Suspects** :gray[causes found in what is measured, most to win first]",
            height="stretch",
        )
    recovery_panel(workspace)
    ranking_panel(workspace)
    samples_panel(workspace)


with guarded():
    heading("Overview")
    found = ready("where its accuracy goes")
    if found is not None:
        show_warnings(found.quantized.plan.warnings)
        body(found)
        prepare_pictures(found)
