"""Keys under which the browser never holds another value than the one that is drawn.

A browser sends the values of all its widgets with every event. Where Python puts another value into
a widget that is on the screen, an event that was on its way holds the old one, and Streamlit takes
that for a change by the user. So a widget keeps its key only while the browser holds what is to be
shown; to show something else, a new widget is drawn, of which no older event knows. What then
differs from what was drawn, the user changed.

The value is the widget's default and is not put into the session state: Streamlit would send it
apart from the default once, and a browser that skips that message would hold the default.
"""

from typing import Any, Final

import streamlit as st

_NUMBERS: Final = "widget numbers"


def widget_key(name: str, value: Any) -> str:
    """The key of the widget ``name``, whose default is ``value``.

    Args:
        name: Names the widget and, where it is the same for several, what it is about.
        value: What the widget shows next, as Streamlit hands it back.
    """
    numbers: dict[str, int] = st.session_state.setdefault(_NUMBERS, {})
    key = f"{name} {numbers.get(name, 0)}"
    if key in st.session_state and st.session_state[key] == value:
        return key
    numbers[name] = numbers.get(name, 0) + 1
    return f"{name} {numbers[name]}"
