"""What to change next: the findings, each with its proof and one click to mend it."""

import re
from typing import Final, Literal

import streamlit as st

from analysis.findings import Finding
from app.tasks.findings import findings
from app.views.shared.page_guard import adopt
from app.workspace.workspace import Workspace

AT_FIRST: Final = 5
"""Findings that are drawn before one asks for all."""

BADGES: Final[dict[str, tuple[str, str, Literal["red", "orange", "blue"]]]] = {
    "critical": (":material/error:", "Critical", "red"),
    "warning": (":material/warning:", "Warning", "orange"),
    "info": (":material/info:", "Info", "blue"),
}
"""Icon, word and colour of each severity."""

_MARKS: Final = re.compile(r"([\\`*_\[\]$:~<>])")
"""What Markdown reads as more than a letter."""


def suggestion_list(workspace: Workspace) -> None:
    """Draw the findings for the recipe as it stands."""
    found = findings(workspace)
    with st.container(border=True, key="suggestions"):
        st.markdown("**What to change next**")
        if found is None:
            wait_for_findings(workspace)
            return
        if not found:
            st.caption(
                "Nothing that is measured asks for a change."
                if workspace.comparison()
                else "Nothing stands out in the histograms. Measure to see where error comes in."
            )
        finding_rows(found, workspace.project.revision)
        if found and not workspace.comparison():
            st.caption("From weights and histograms alone. Measure to see what a change gives.")


def in_words(item: Finding) -> str:
    """Title and evidence as Markdown, in which names of tensors stay as they are."""
    title, evidence = (_MARKS.sub(r"\\\1", text) for text in (item.title, item.evidence))
    return f"**{title}.** {evidence}"


def finding_rows(found: tuple[Finding, ...], base: int) -> None:
    """Draw findings with their fixes: the first few, and the rest on demand.

    Args:
        found: The findings.
        base: Revision of the project that they were found in.
    """
    kinds: dict[str, int] = {}
    shown = found
    if len(found) > AT_FIRST and not st.session_state.get("all findings"):
        shown = found[:AT_FIRST]
    for item in shown:
        kinds[item.kind] = kinds.get(item.kind, 0) + 1
        _row(item, kinds[item.kind], base)
    if len(found) > AT_FIRST:
        st.toggle(f"Show all {len(found)} findings", key="all findings")


def _row(item: Finding, number: int, base: int) -> None:
    """One finding.

    Args:
        item: The finding.
        number: Which of its kind it is, from 1.
        base: Revision of the project that it was found in.
    """
    icon, word, colour = BADGES[item.severity]
    with st.container(gap="xsmall"):
        st.badge(word, icon=icon, color=colour)
        st.markdown(in_words(item))
        if item.fix is not None:
            st.button(
                item.fix.label,
                key=f"apply {item.kind} {number} {base} {item.fix.recipe.content_key[:8]}",
                icon=":material/build:",
                help=f"Estimated gain {item.gain_db:.1f} dB of output sqnr. Undo takes it back.",
                on_click=adopt,
                args=(item.fix.recipe, base),
            )


def wait_for_findings(workspace: Workspace) -> None:
    """Say that findings are looked for, and draw the page again once they are there."""

    @st.fragment(run_every=0.5)
    def waiting() -> None:
        st.caption("Looking at weights and histograms …")
        if findings(workspace) is not None:
            st.rerun()

    waiting()
