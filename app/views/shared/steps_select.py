"""Which of the named steps a recipe takes, such as passes and repairs."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.session.user_session import edit
from app.views.shared.widget_key import heard, widget_key
from quant.recipe.recipe import Recipe


def steps_select(
    label: str,
    chosen: Sequence[str],
    known: Mapping[str, str],
    change: Callable[[Recipe, tuple[str, ...]], Recipe],
    *,
    hint: str,
) -> None:
    """A choice of steps; choosing edits the recipe.

    Args:
        label: What the steps are called.
        chosen: The names of those that the recipe takes, in the order of work.
        known: Name -> what it does, in a line.
        change: From a recipe and other names to the recipe that takes those.
        hint: What the steps change; what each does is told behind it.
    """
    key = widget_key(label, list(chosen))
    st.multiselect(
        label,
        list(dict.fromkeys((*chosen, *known))),
        default=chosen,
        key=key,
        on_change=heard,
        args=(key, lambda names: edit(lambda recipe: change(recipe, tuple(names)))),
        help="\n".join((hint, "", *(f"- **{name}**: {what}" for name, what in known.items()))),
    )
