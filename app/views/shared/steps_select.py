"""Which of the named steps a recipe takes: passes and repairs."""

from dataclasses import replace
from typing import Any, Literal

import streamlit as st

from app.session.user_session import edit
from app.views.shared.widget_key import heard, widget_key
from quant.recipe.recipe import Recipe
from quant.registry import Registry


def steps_select(
    label: str,
    recipe: Recipe,
    field: Literal["passes", "repairs"],
    known: Registry[Any],
    *,
    hint: str,
) -> None:
    """A choice of steps; choosing edits the recipe.

    Args:
        label: What the steps are called.
        recipe: The recipe.
        field: Which of its lists of names they are.
        known: What can be named there.
        hint: What the steps change; what each does is told behind it.
    """
    chosen: tuple[str, ...] = getattr(recipe, field)
    key, summaries = widget_key(label, list(chosen)), known.summaries()

    def choose(names: list[str]) -> None:
        changed: dict[str, Any] = {field: tuple(names)}
        edit(lambda recipe: replace(recipe, **changed))

    st.multiselect(
        label,
        list(dict.fromkeys((*chosen, *summaries))),
        default=chosen,
        key=key,
        on_change=heard,
        args=(key, choose),
        help="\n".join((hint, "", *(f"- **{name}**: {what}" for name, what in summaries.items()))),
    )
