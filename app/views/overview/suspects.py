"""What is wrong, most to win first: the proof, the fix and the way to the layer."""

from typing import Final

import streamlit as st

from analysis.findings import Finding
from app.tasks.findings import findings
from app.views.layers.table import go_to
from app.views.shared.page_guard import adopt
from app.views.shared.suggestion_list import BADGES, in_words, wait_for_findings
from app.workspace.workspace import Workspace

AT_FIRST: Final = 4
"""Findings that are drawn before one asks for all."""


def suspects(workspace: Workspace) -> None:
    """Draw the findings for the recipe as it stands."""
    found = findings(workspace)
    with st.container(border=True, key="suspects", height="stretch"):
        st.markdown("**Suspects** :gray[causes found in what is measured, most to win first]")
        if found is None:
            wait_for_findings(workspace)
            return
        if not found:
            st.caption(
                "Nothing that is measured asks for a change."
                if workspace.comparison()
                else "Nothing stands out in weights and histograms. Press Measure for more."
            )
        every = st.session_state.get("all suspects", False)
        for place, finding in enumerate(found if every else found[:AT_FIRST]):
            _suspect(workspace, place, finding)
        if len(found) > AT_FIRST:
            st.toggle(f"Show all {len(found)}", key="all suspects")
        if found and not workspace.comparison():
            st.caption("From weights and histograms alone. Measure to know more.")


def _suspect(workspace: Workspace, place: int, finding: Finding) -> None:
    icon, word, colour = BADGES[finding.severity]
    base = workspace.project.revision
    with st.container(gap="xsmall", key=f"suspect {place}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(word, icon=icon, color=colour)
            if finding.gain_db > 0:
                st.caption(f"about {finding.gain_db:.1f} dB of output sqnr to win")
        st.markdown(in_words(finding))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if finding.fix is not None:
                st.button(
                    finding.fix.label,
                    key=f"suspect fix {place} {base} {finding.fix.recipe.content_key[:8]}",
                    icon=":material/build:",
                    help="Changes the recipe; Undo takes it back.",
                    on_click=adopt,
                    args=(finding.fix.recipe, base),
                )
            row = _row(workspace, finding)
            if row and st.button(
                "Show the layer",
                key=f"suspect go {place}",
                icon=":material/arrow_forward:",
                type="tertiary",
                help=f"Choose {row} and go to Layers",
            ):
                go_to(row)
                st.switch_page("views/layers/page.py")


def _row(workspace: Workspace, finding: Finding) -> str:
    """The row of the Layers table that a finding is about, or nothing."""
    names = {row.name for row in workspace.rows()}
    producer = workspace.opened.model.producers.get(finding.tensor)
    for name in (finding.node, producer.name if producer else finding.tensor):
        if name in names:
            return name
    return ""
