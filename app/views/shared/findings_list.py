"""What is wrong, most to win first: the proof, one click to mend it, and the way to the layer."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import streamlit as st

from analysis.findings import Finding
from analysis.study.trying import tries
from app.session import user_session
from app.tasks.findings import findings
from app.tasks.measurement import measuring
from app.views.shared.format import as_text
from app.views.shared.page_guard import adopt_and_measure
from app.workspace.workspace import Workspace

AT_FIRST: Final = 4
"""Findings that are drawn before one asks for all."""

BADGES: Final[dict[str, tuple[str, str, Literal["red", "orange", "blue"]]]] = {
    "critical": (":material/error:", "Critical", "red"),
    "warning": (":material/warning:", "Warning", "orange"),
    "info": (":material/info:", "Info", "blue"),
}
"""Icon, word and colour of each severity."""


def findings_list(
    workspace: Workspace, title: str, *, height: Literal["content", "stretch"] = "content"
) -> None:
    """Draw the findings for the recipe as it stands.

    Args:
        workspace: What the page works on.
        title: What stands above them, in Markdown.
        height: Whether the box is as high as what stands beside it.
    """
    found = findings(workspace)
    with st.container(border=True, key="findings", height=height):
        st.markdown(title)
        if found is None:
            _wait(workspace)
            return
        if not found:
            st.caption(_nothing(workspace))
        finding_rows(found, workspace.project.revision, lambda item: layer_of(workspace, item))
        _tries(workspace)


def _nothing(workspace: Workspace) -> str:
    """What an empty list says."""
    if workspace.comparison():
        return "Nothing that is measured asks for a change."
    more = "" if measuring(workspace) else " Press Measure for more."
    return f"Nothing stands out in weights and histograms.{more}"


def finding_rows(found: Sequence[Finding], base: int, layer: Callable[[Finding], str]) -> None:
    """Draw findings with their fixes: the first few, and the rest on demand.

    Args:
        found: The findings.
        base: Revision of the project that they were found in.
        layer: From a finding to the layer it is about, or to nothing.
    """
    kinds: dict[str, int] = {}
    every = st.session_state.get("all findings", False)
    for place, item in enumerate(found if every else found[:AT_FIRST]):
        kinds[item.kind] = kinds.get(item.kind, 0) + 1
        with st.container(gap="xsmall", key=f"finding {place}"):
            _words(item)
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _fix(item, kinds[item.kind], base)
                _go(layer(item), place)
    if len(found) > AT_FIRST:
        st.toggle(f"Show all {len(found)}", key="all findings")


def layer_of(workspace: Workspace, finding: Finding) -> str:
    """The row of the Layers table that a finding is about, or nothing."""
    names = {row.name for row in workspace.rows()}
    producer = workspace.opened.model.producers.get(finding.tensor)
    for name in (finding.node, producer.name if producer else finding.tensor):
        if name in names:
            return name
    return ""


def _words(item: Finding) -> None:
    """How severe it is, what there is to win, title and evidence.

    Names of tensors stay as they are in Markdown.
    """
    icon, word, colour = BADGES[item.severity]
    title, evidence = map(as_text, (item.title, item.evidence))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(word, icon=icon, color=colour)
        if item.fix is not None:
            st.caption(as_text(f"{item.to_win}{', costs speed' if item.fix.costs else ''}"))
    st.markdown(f"**{title}.** {evidence}")


def _fix(item: Finding, number: int, base: int) -> None:
    """One click to mend it.

    Args:
        item: The finding.
        number: Which of its kind it is, from 1.
        base: Revision of the project that it was found in.
    """
    if item.fix is None:
        return
    st.button(
        as_text(item.fix.label),
        key=f"apply {item.kind} {number} {base} {item.fix.recipe.content_key[:8]}",
        icon=":material/build:",
        help="Changes the recipe and measures it; Undo takes it back.",
        on_click=adopt_and_measure,
        args=(item.fix.recipe, base),
    )


def _go(layer: str, place: int) -> None:
    """The way to the layer."""
    if layer and st.button(
        "Show the layer",
        key=f"finding go {place}",
        icon=":material/arrow_forward:",
        type="tertiary",
        help=f"Choose {as_text(layer)} and go to Layers",
    ):
        user_session.select(layer)
        st.switch_page("views/layers/page.py")


def _tries(workspace: Workspace) -> None:
    """How many fixes were tried; the page is drawn again once all are."""
    tried, wanted = tries(workspace.study, workspace.ranked)
    if measuring(workspace) and tried < wanted:
        _trying(workspace)
    elif not tried:
        st.caption("From weights and histograms alone. Measure tries each fix.")
    elif tried < wanted:
        st.caption(f"{tried} of {wanted} fixes were tried. Measure tries the rest.")


@st.fragment(run_every=0.5)
def _trying(workspace: Workspace) -> None:
    tried, wanted = tries(workspace.study, workspace.ranked)
    if tried == wanted or not measuring(workspace):
        st.rerun()
    if workspace.comparison() is None:
        st.caption("Each fix is tried once the model is measured.")
    else:
        st.caption(f"Fixes are being tried, {tried} of {wanted} by now.")


def _wait(workspace: Workspace) -> None:
    """Say that findings are looked for, and draw the page again once they are there."""

    @st.fragment(run_every=0.5)
    def waiting() -> None:
        st.caption("Looking at weights and histograms …")
        if findings(workspace) is not None:
            st.rerun()

    waiting()
