"""A table with a row for each layer: a click on a cell or on the name selects the layer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.views.shared.format import end_of

HEIGHT = 350
NAME = 24
"""Characters of a name that its column has room for."""


def row_table(
    frame: pd.DataFrame,
    selected: str | None,
    *,
    choose: Callable[[str], None],
    key: str,
    columns: Mapping[str, Any],
    alt: str,
    order: Sequence[str] | None = None,
) -> None:
    """Draw the table.

    Args:
        frame: Its cells; the column ``name`` holds the names of the layers.
        selected: The layer that is selected.
        choose: Called with the name of the layer that was clicked.
        key: Key of the table; its names have one that starts with it.
        columns: Column -> how it is shown, but for ``name``.
        alt: What the table holds, for those who do not see it.
        order: The columns to show, in order; all without it.
    """
    names: tuple[str, ...] = tuple(frame["name"])
    button_key = f"{key} name"

    def chosen() -> None:
        selection = st.session_state[key]["selection"]
        found = [cell[0] for cell in selection["cells"]] or selection["rows"]
        if found and found[0] < len(names):
            choose(names[found[0]])

    def named() -> None:
        click = st.session_state[button_key]
        if click is not None and click["row"] < len(names):
            choose(names[click["row"]])

    rows = [names.index(selected)] if selected in names else []
    # Where one row is required, the first is taken by itself: a filter would choose a layer.
    one_row = "single-row-required" if rows else "single-row"
    st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    st.dataframe(
        frame.assign(name=[end_of(name, NAME) for name in names]),
        key=key,
        height=HEIGHT,
        hide_index=True,
        on_select=chosen,
        selection_mode=[one_row, "single-cell"],
        column_config={**columns, "name": _name_column(names, named, button_key)},
        column_order=order,
        placeholder="–",
        alt=alt,
    )


def _name_column(names: Sequence[str], on_click: Callable[[], None], key: str):
    """The names as buttons: a click on one is told at once, on another cell after 150 ms.

    Beside its text a button does not hear a click, so the column is no wider than it must be.
    """
    return st.column_config.ButtonColumn(
        "Layer",
        pinned=True,
        width=min(172, 30 + 8 * max(map(len, names), default=0)),
        alignment="left",
        type="tertiary",
        on_click=on_click,
        key=key,
    )
