"""One tab: what it shows of the project, what is selected in it, and how it changes the project.

The project is one for the whole process. A tab draws a snapshot of it and may change it only while
that is still the latest; so no tab writes over what another one did.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import streamlit as st

from app.session.project import Project, changed, compare_and_set, edited
from quant.errors import QuantError
from quant.recipe.recipe import Recipe

_KEY: Final = "quantlens"
LAYER: Final = "layer"
"""What the address of a page calls the selected layer."""


@dataclass(frozen=True)
class UserSession:
    """What belongs to one tab.

    Attributes:
        project: The project as this tab draws it.
        shown: Revision of the project that the tab showed last, whole: what a click is meant for.
        row: The selected row of the Layers table: a node's name or an input's.
        notice: What the next page has to tell, as a sentence, or empty.
    """

    project: Project
    shown: int
    row: str = ""
    notice: str = ""


class _Process:
    """What the tabs of this process share."""

    lock = threading.Lock()
    project = Project()
    row = ""


def latest() -> Project:
    """The project as it stands."""
    return _Process.project


def current() -> UserSession:
    """The session of this tab.

    A new tab, or a reloaded one, selects the layer that its address names, else what was selected
    last.
    """
    session = st.session_state.get(_KEY)
    if not isinstance(session, UserSession):
        project = latest()
        row = st.query_params.get(LAYER) or _Process.row
        session = _keep(UserSession(project, project.revision, row))
    return session


def project() -> Project:
    """The project as this tab draws it."""
    return current().project


def follow() -> str:
    """Draw the latest project from here on.

    Returns:
        What there is to tell first, as a sentence, or nothing.
    """
    session = current()
    _keep(replace(session, project=latest(), notice=""))
    return session.notice


def shown() -> None:
    """Note that the page is drawn whole: clicks are meant for what it shows."""
    session = current()
    if session.shown != session.project.revision:
        _keep(replace(session, shown=session.project.revision))


def select(row: str) -> None:
    """Select a row in this tab."""
    _Process.row = row
    _keep(replace(current(), row=row))


def propose(change: Callable[[Project], Project]) -> bool:
    """Change what is asked for, on behalf of the user of this tab.

    Where that cannot be, the project stays as it is, and the next page says why.

    Args:
        change: A pure function from the project to the project that is wanted.

    Returns:
        Whether it could be.
    """
    session = current()
    try:
        with _Process.lock:
            project = _Process.project = compare_and_set(_Process.project, session.shown, change)
    except QuantError as error:
        _keep(replace(session, notice=str(error)))
        return False
    _keep(replace(session, project=project, shown=project.revision))
    return True


def edit(change: Callable[[Recipe], Recipe]) -> None:
    """Change the recipe on behalf of the user of this tab, as one step that can be undone."""
    propose(lambda project: edited(project, change(project.recipe)))


def record(change: Callable[[Project], Project]) -> None:
    """Put what came of a job into the project; that is nobody's edit, so it is never stale."""
    with _Process.lock:
        _Process.project = changed(_Process.project, change)
    _keep(replace(current(), project=latest()))


def forget() -> None:
    """Start the next tab without a project, as a new process does."""
    with _Process.lock:
        _Process.project = Project()
        _Process.row = ""


def _keep(session: UserSession) -> UserSession:
    st.session_state[_KEY] = session
    return session
