"""The file of another tool: what of it was found, and what in it cannot be right."""

from pathlib import Path

import streamlit as st

from app.session import user_session
from app.views.shared.format import as_text, plural
from app.workspace.opening import OpenedSource, stamp_of
from quant.foreign.configs.base import FileRecipe
from quant.foreign.doubts import Doubt, doubts
from quant.foreign.matching import Match
from quant.recipe.recipe import Recipe
from quant.statistics.calibration import Calibration

SHOWN = 6
"""Doubts that are listed; of the others their number."""


def int8_card(opened: OpenedSource, match: Match | None, like: FileRecipe) -> None:
    """Draw what is known of the file, with ranges judged once the model is calibrated."""
    what = "Parameter file" if match is None else "Int8 model"
    st.markdown(f"**{what}** :gray[{as_text(Path(opened.source.int8).name)}]")
    if match is None:
        st.markdown(f"{plural(len(like.recipe.rules), 'range')} for the float model.")
    else:
        _found(opened, match)
    for note in like.notes:
        st.caption(f":material/info: {as_text(note)}")


def _found(opened: OpenedSource, match: Match) -> None:
    total = plural(len(match.file.activations), "rounded tensor")
    st.markdown(f"{match.found:,} of {total} found in the float model.")
    known = _doubts(opened, match)
    for doubt in known[:SHOWN]:
        st.warning(as_text(doubt.text), icon=":material/report:")
    if len(known) > SHOWN:
        st.caption(f"And {plural(len(known) - SHOWN, 'more doubt')}.")
    if not known:
        st.caption("Its weights, biases and scales are those of the float model, rounded.")


def _doubts(opened: OpenedSource, match: Match) -> tuple[Doubt, ...]:
    """What is doubted; computed once, and once more when the model is calibrated."""
    samples = user_session.project().samples
    study = opened.study(Recipe(), samples)
    calibration = study.calibration if study.calibrated else None
    known = (opened.data.digest, samples) if calibration else None
    file = (opened.source.int8, stamp_of(opened.source.int8), opened.model.fingerprint)
    return _computed((*file, known), match, calibration)


@st.cache_resource(max_entries=8, show_spinner=False)
def _computed(
    key: tuple[object, ...], _match: Match, _calibration: Calibration | None
) -> tuple[Doubt, ...]:
    del key
    return doubts(_match, _calibration)
