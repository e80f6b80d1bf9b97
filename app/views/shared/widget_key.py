"""What tells a pick of the user from a value that is late.

A browser sends the values of all its widgets with every event. Where Python puts another value into
a widget that is on the screen, an event that was on its way holds the old one, and Streamlit takes
that for a change by the user. So no widget is ever given another value than its first: to show
something else, a new widget is drawn under a new key. What a browser holds under a key is then what
was drawn or what the user picked, and it is known which of these was heard of before.

The value is the widget's default and is not put into the session state: Streamlit would send it
apart from the default once, and a browser that skips that message would hold the default.
"""

import secrets
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

import streamlit as st

_KEYS: Final = "widget keys"
_NUMBERS: Final = "widget numbers"
_HELD: Final = "widget values"


def widget_key(name: str, value: Any) -> str:
    """The key of the widget ``name``, whose default is ``value``.

    Args:
        name: Names the widget and, where it is the same for several, what it is about.
        value: What the widget shows next, as Streamlit hands it back.
    """
    keys: dict[str, str] = st.session_state.setdefault(_KEYS, {})
    held = _held()
    key = keys.get(name, "")
    if key not in held or held[key] != value or st.session_state.get(key, value) != value:
        key = keys[name] = f"{name} {next(_numbers())}"
        held[key] = value
    return key


def heard(key: str, on_pick: Callable[[Any], None]) -> None:
    """Hand on what the user picked in a widget; for its callback.

    Args:
        key: The widget's key.
        on_pick: Called with the value, where the browser was not known to hold it.
    """
    value, held = st.session_state[key], _held()
    if key not in held or held[key] != value:
        held[key] = value
        on_pick(value)


def _numbers() -> Iterator[int]:
    """Numbers for keys, from a random one on: a tab that outlived its process holds others."""
    return st.session_state.setdefault(_NUMBERS, count(secrets.randbelow(2**31)))


def _held() -> dict[str, Any]:
    """What the browser holds in each widget, as far as this tab has heard."""
    return st.session_state.setdefault(_HELD, {})
