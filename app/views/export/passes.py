"""Which optional passes the exported graph goes through."""

from dataclasses import replace

import streamlit as st

from app.session.user_session import current, edit
from quant.passes import PASSES, summary


def passes_select() -> None:
    """A choice of every pass that a recipe may name; choosing edits the recipe."""
    recipe = current().recipe
    # The key holds the recipe: where that changes, the control is a new one and reports no edit.
    key = f"passes {recipe.content_key}"

    def choose() -> None:
        edit(replace(recipe, passes=tuple(st.session_state[key])))

    st.multiselect(
        "Extra passes",
        list(dict.fromkeys((*recipe.passes, *PASSES.names()))),
        default=recipe.passes,
        key=key,
        on_change=choose,
        help="Changes to the finished int8 graph, in the order of choice. "
        + " ".join(f"{name}: {summary(name)}" for name in PASSES.names()),
    )
