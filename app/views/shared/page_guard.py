"""What every page does first: take in finished work, and say what is missing."""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import streamlit as st

from app.session import user_session
from app.session.project import redone, replaced, undone
from app.tasks.calibration import calibrate_again, calibration_job
from app.tasks.measurement import collect, start_measurement_and_timing
from app.tasks.opening import open_sample
from app.views.shared.format import as_text
from app.views.shared.job_panel import show_job, show_outcome
from app.views.shared.messages import show_error
from app.workspace.workspace import Workspace, workspace_of
from quant.errors import QuantError, RecipeError
from quant.recipe.recipe import Recipe

_log = logging.getLogger(__name__)


@contextmanager
def guarded() -> Generator[None]:
    """Show what goes wrong inside as a sentence; the rest of the page stays."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, QuantError):
            _log.exception("a page failed")
        show_error(error)


def apply(change: Callable[[Recipe], Recipe]) -> None:
    """Change the recipe and draw the whole page; for callbacks in fragments."""
    user_session.edit(change)
    st.rerun()


def adopt(recipe: Recipe, base: int) -> None:
    """Use a recipe that was made from the one at revision ``base``, and draw the whole page."""
    user_session.propose(lambda project: replaced(project, recipe, base))
    st.rerun()


def adopt_and_measure(recipe: Recipe, base: int) -> None:
    """As :func:`adopt`, and measure what comes of it: the next advice begins there."""
    user_session.propose(lambda project: replaced(project, recipe, base))
    with suppress(QuantError):  # the page says what is wrong when it is drawn
        found = workspace_of(user_session.project())
        if found is not None and found.project.measured is None:
            start_measurement_and_timing(found)
    st.rerun()


def ready(purpose: str) -> Workspace | None:
    """What the page works on, or None after saying what is missing and what to do.

    Args:
        purpose: What the page would show, for the message of an empty page.
    """
    collect()
    project = user_session.project()
    try:
        found = workspace_of(project)
    except RecipeError as error:
        show_error(error)
        if project.past:
            st.button("Undo the last edit", icon=":material/undo:", on_click=undo)
        return None
    except QuantError as error:
        show_error(error)
        _to_setup("Choose another model or other data on Setup.")
        return None
    if found is not None:
        return found
    job = calibration_job(project)
    title = as_text(project.source.title) if project.source else ""
    if job is not None and job.running:
        st.markdown(f"**{title}** is being calibrated.")
        show_job(job)
    elif project.source is None:
        if project.problem:
            show_error(project.problem)
        st.info(f"No model is open. Open one on Setup to see {purpose}.", icon=":material/info:")
        _to_setup("Go to Setup")
        st.button(
            "Open the sample model",
            key="open sample",
            icon=":material/science:",
            on_click=open_sample,
        )
    else:
        if job is not None:
            show_outcome(job)
        st.info(
            f"**{title}** is not calibrated yet. Calibrate it to see {purpose}.",
            icon=":material/info:",
        )
        st.button(
            "Calibrate",
            type="primary",
            icon=":material/play_arrow:",
            on_click=calibrate_again,
            args=(project,),
        )
        _to_setup("Change the model, the data or the number of samples on Setup")
    return None


def undo() -> None:
    """Take back the last recipe edit."""
    user_session.propose(undone)


def redo() -> None:
    """Make the last undone edit again."""
    user_session.propose(redone)


def _to_setup(label: str) -> None:
    st.page_link("views/setup/page.py", label=label, icon=":material/arrow_forward:")
