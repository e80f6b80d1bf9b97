"""Which optional passes the exported graph goes through."""

from dataclasses import replace

import streamlit as st

from app.session.user_session import edit, project
from app.views.shared.widget_key import heard, widget_key
from quant.passes import PASSES, summary


def passes_select() -> None:
    """A choice of every pass that a recipe may name; choosing edits the recipe."""
    passes = project().recipe.passes
    key = widget_key("passes", list(passes))

    def choose(chosen: list[str]) -> None:
        edit(lambda recipe: replace(recipe, passes=tuple(chosen)))

    st.multiselect(
        "Extra passes",
        list(dict.fromkeys((*passes, *PASSES.names()))),
        default=passes,
        key=key,
        on_change=heard,
        args=(key, choose),
        help="Changes to the finished int8 graph, in the order of choice. "
        + " ".join(f"{name}: {summary(name)}" for name in PASSES.names()),
    )
