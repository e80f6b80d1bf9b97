"""The heading of a page that shows a project, with Undo and Redo."""

import streamlit as st

from app.session import user_session
from app.session.project import Project
from app.views.shared.format import as_text
from app.views.shared.page_guard import redo, undo


def heading(page: str) -> None:
    """Say which page it is and of which model, and let edits be taken back.

    Args:
        page: What the page is called.
    """
    project = user_session.project()
    with st.container(horizontal=True, vertical_alignment="center"):
        title = f"{page} of {as_text(project.source.title)}" if project.source else page
        st.subheader(title, anchor=False, width="stretch")
        if project.source:
            _undo_buttons(project)


def _undo_buttons(project: Project) -> None:
    """Undo and Redo, with how many edits there are."""
    undoable, redoable = len(project.past), len(project.future)
    st.button(
        f"Undo ({undoable})" if undoable else "Undo",
        key="undo",
        icon=":material/undo:",
        disabled=not undoable,
        on_click=undo,
        shortcut="Ctrl+Z",
        help="Take back the last recipe edit; the number says how many can be taken back.",
    )
    st.button(
        f"Redo ({redoable})" if redoable else "Redo",
        key="redo",
        icon=":material/redo:",
        disabled=not redoable,
        on_click=redo,
        shortcut="Ctrl+Shift+Z",
        help="Make the last undone edit again.",
    )
