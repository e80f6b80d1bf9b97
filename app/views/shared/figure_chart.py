"""A registered figure on a page."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import streamlit as st

from analysis.figures import Figure
from analysis.figures.theme import Mode

S = TypeVar("S")

CONFIG: Final = {"displaylogo": False, "displayModeBar": False}


def mode() -> Mode:
    """The ground that the browser shows the page on."""
    return "dark" if st.context.theme.type == "dark" else "light"


def figure_chart(
    figure: Figure[S],
    subject: S,
    *,
    what: str = "",
    choose: Callable[[str], None] | None = None,
) -> bool:
    """Draw a figure of a subject; nothing where there is nothing to see.

    Args:
        figure: The figure.
        subject: What to draw it of.
        what: What it is of in words, for those who do not see it.
        choose: Called with the name that a point carries as its custom data, when it is clicked.

    Returns:
        Whether there is something to see.
    """
    drawn = figure.draw(subject, mode())
    if drawn is None:
        return False
    key = f"figure {figure.name}"
    alt = f"{figure.title}{f' of {what}' if what else ''}. {figure.about}"
    if choose is None:
        st.plotly_chart(drawn, key=key, theme=None, config=CONFIG, alt=alt)
        return True

    def clicked() -> None:
        event: Any = st.session_state[key]
        points = event["selection"]["points"]
        carried = points[0].get("customdata") if points else None
        name = carried[0] if isinstance(carried, list) and carried else carried
        if isinstance(name, str):
            choose(name)

    st.plotly_chart(
        drawn,
        key=key,
        theme=None,
        on_select=clicked,
        selection_mode="points",
        config=CONFIG,
        alt=alt,
    )
    return True


def captioned_chart(figure: Figure[S], subject: S, what: str) -> bool:
    """Draw a figure of a subject with its words under it.

    Args:
        figure: The figure.
        subject: What to draw it of.
        what: What it is of, in words.

    Returns:
        Whether there is something to see.
    """
    shown = figure_chart(figure, subject, what=what)
    if shown:
        st.caption(f"**{figure.title}.** {figure.about}")
    return shown
