"""What the user has chosen: one frozen value, and the pure functions that change it.

A session holds choices, keys and single numbers. Models, statistics and other arrays are kept by
:mod:`app.workspace.workspace` under those keys.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import streamlit as st

from quant.recipe.presets import preset
from quant.recipe.recipe import Recipe

FIRST_PRESET: Final = "onnxruntime-default"
"""The recipe a session starts with: what a user gets today without asking."""

EDITS_KEPT: Final = 200
MEASUREMENTS_KEPT: Final = 12
_KEY: Final = "quantlens"


@dataclass(frozen=True)
class Source:
    """The model and the data that are open.

    Attributes:
        title: What to call it.
        model: Path of the float model.
        calibration: Path of the calibration data.
        evaluation: Path of the data that accuracy is measured on.
        sample: Name of the sample, or empty for files of the user.
        uploaded: Whether the model file was uploaded, so that its path means nothing to the user.
    """

    title: str
    model: str
    calibration: str
    evaluation: str
    sample: str = ""
    uploaded: bool = False


@dataclass(frozen=True)
class Measurement:
    """What one recipe gave on the evaluation data.

    Attributes:
        recipe: The recipe.
        key: Key of the comparison in the cache.
        samples: Number of evaluation samples.
        float_top1: Accuracy of the float model, 0 to 1; None without labels.
        int8_top1: Accuracy of the int8 model, 0 to 1; None without labels.
        agreement: Share of samples that both predict alike; None where there is no prediction.
        sqnr_db: Signal to error ratio at the model's outputs in dB, the least of them.
    """

    recipe: Recipe
    key: str
    samples: int
    float_top1: float | None
    int8_top1: float | None
    agreement: float | None
    sqnr_db: float


@dataclass(frozen=True)
class Pending:
    """A measurement that runs.

    Attributes:
        key: Key of the comparison it will give.
        recipe: What is measured.
    """

    key: str
    recipe: Recipe


@dataclass(frozen=True)
class UserSession:
    """Everything the user has chosen.

    Attributes:
        source: The open model and data, or None.
        samples: Number of samples to calibrate on, or None for all.
        recipe: The recipe as it stands.
        past: Earlier recipes, the latest last.
        future: Recipes that were undone, the next to redo last.
        row: The selected row of the Layers table: a node's name or an input's.
        measurements: What was measured, the latest last.
        pending: The measurement that runs for this session, or None.
        metric: What the outputs are judged by: a metric's name, the path of a Python file, or empty
            for the usual one.
        rank_samples: On how many evaluation samples layers are ranked, at most.
        begun: Whether the app has opened something by itself.
        problem: Why that failed, as a sentence, or empty.
    """

    source: Source | None = None
    samples: int | None = None
    recipe: Recipe = field(default_factory=lambda: preset(FIRST_PRESET))
    past: tuple[Recipe, ...] = ()
    future: tuple[Recipe, ...] = ()
    row: str = ""
    measurements: tuple[Measurement, ...] = ()
    pending: Pending | None = None
    metric: str = ""
    rank_samples: int = 256
    begun: bool = False
    problem: str = ""

    @property
    def measured(self) -> Measurement | None:
        """The latest measurement of the recipe as it stands, or None: then results are stale."""
        key = self.recipe.content_key
        found = [m for m in self.measurements if m.recipe.content_key == key]
        return found[-1] if found else None

    @property
    def latest(self) -> Measurement | None:
        """The latest measurement of any recipe."""
        return self.measurements[-1] if self.measurements else None


def opened(session: UserSession, source: Source, samples: int | None) -> UserSession:
    """The session with another model or other data; the recipe stays when the model does.

    Args:
        session: The session before.
        source: What to open.
        samples: Number of calibration samples, or None for all.
    """
    if (session.source, session.samples) == (source, samples):
        return replace(session, problem="")
    if session.source is not None and session.source.model == source.model:
        return replace(
            session, source=source, samples=samples, measurements=(), pending=None, problem=""
        )
    recipe = preset(FIRST_PRESET) if session.recipe.rules else session.recipe
    return UserSession(source=source, samples=samples, recipe=recipe, begun=True)


def edited(session: UserSession, recipe: Recipe) -> UserSession:
    """The session with another recipe, which can be undone; nothing where it asks for the same."""
    if recipe == session.recipe:
        return session
    past = (*session.past, session.recipe)[-EDITS_KEPT:]
    return replace(session, recipe=recipe, past=past, future=())


def undone(session: UserSession) -> UserSession:
    """The session before its last recipe edit."""
    if not session.past:
        return session
    *past, recipe = session.past
    future = (*session.future, session.recipe)
    return replace(session, recipe=recipe, past=tuple(past), future=future)


def redone(session: UserSession) -> UserSession:
    """The session with the last undone edit made again."""
    if not session.future:
        return session
    *future, recipe = session.future
    past = (*session.past, session.recipe)
    return replace(session, recipe=recipe, past=past, future=tuple(future))


def with_measurement(session: UserSession, measurement: Measurement) -> UserSession:
    """The session with one more measurement, in place of an older one of the same recipe."""
    kept = [m for m in session.measurements if m.key != measurement.key]
    return replace(session, measurements=(*kept, measurement)[-MEASUREMENTS_KEPT:], pending=None)


class _Process:
    """The session that changed last in this process: a reloaded page goes on from it."""

    session = UserSession()


def current() -> UserSession:
    """The session of this browser tab; a new tab goes on from the last change of any."""
    session = st.session_state.get(_KEY)
    if not isinstance(session, UserSession):
        session = st.session_state[_KEY] = _Process.session
    return session


def keep(session: UserSession) -> None:
    """Make ``session`` the session of this tab and of tabs opened later."""
    st.session_state[_KEY] = session
    _Process.session = session


def edit(recipe: Recipe) -> None:
    """Make ``recipe`` the one of this tab; it can be undone."""
    keep(edited(current(), recipe))


def forget() -> None:
    """Start the next tab without a session, as a new process does."""
    _Process.session = UserSession()
