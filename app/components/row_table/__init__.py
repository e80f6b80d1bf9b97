"""A table with a row for each layer: sorted, walked and marked in the browser."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from app.components.base import text_component

__all__ = ["Column", "Row", "row_table"]

_component = text_component("row_table", Path(__file__).parent, ("cells.js", "row_table.js"))

Cell = str | float | None


@dataclass(frozen=True)
class Column:
    """How a column is shown.

    Attributes:
        key: Its name in the rows.
        title: Its heading, with the unit.
        width: In pixels.
        number: Whether its cells are numbers.
        help: What it holds, in a sentence.
        digits: Decimal places of a number; None for four digits that tell.
        signed: Whether a number has its sign, ``+`` too.
        bar: The number that has no bar behind it, and the one whose bar is full.
        down: Whether a first click on the heading sorts by the greatest first.
    """

    key: str
    title: str
    width: int
    number: bool = False
    help: str = ""
    digits: int | None = None
    signed: bool = False
    bar: tuple[float, float] | None = None
    down: bool = False


@dataclass(frozen=True)
class Row:
    """One layer.

    Attributes:
        name: Its name, which tells rows apart.
        short: What is shown of the name.
        cells: Column -> value; None, or a number that is not finite, where there is none.
    """

    name: str
    short: str
    cells: Mapping[str, Cell]


def row_table(
    rows: Sequence[Row],
    columns: Sequence[Column],
    *,
    chosen: str | None,
    choose: Callable[[str], None],
    key: str,
    about: str,
    height: str = "350px",
    marked: Sequence[str] = (),
    mark: Callable[[tuple[str, ...]], None] | None = None,
    empty: str = "No layer matches.",
) -> None:
    """Show the table.

    Args:
        rows: The layers, in the order that they have without sorting.
        columns: What is shown beside the names, from left to right.
        chosen: The layer that is selected, or None.
        choose: Called with the layer that was clicked or walked to, before the script runs again.
        key: The component's key.
        about: What the table holds, for those who do not see it.
        height: As CSS has it.
        marked: Layers that are marked beside the selected one.
        mark: Called with the layers that are marked; without it none can be.
        empty: What stands in a table without rows.
    """

    def selected() -> None:
        event: Any = st.session_state[key].select
        if event is None:
            return
        st.session_state[f"{key}:ack"] = event["id"]
        if mark is not None:
            mark(tuple(map(str, event["marked"])))
        if event["row"] != chosen:
            choose(str(event["row"]))

    shown = [Column("name", "Layer", 0), *columns]
    text = json.dumps(
        {
            "columns": [vars(column) for column in shown],
            "rows": [
                {
                    "name": row.name,
                    "short": row.short,
                    "cells": [row.short, *(_sent(row.cells[c.key]) for c in columns)],
                }
                for row in rows
            ],
            "about": about,
            "height": height,
            "marks": mark is not None,
            "empty": empty,
        }
    )
    _component(
        key=key,
        data={
            "id": key,
            "table": text,
            "chosen": chosen,
            "marked": list(marked),
            "ack": st.session_state.get(f"{key}:ack"),
        },
        on_select_change=selected,
    )


def _sent(value: Cell) -> Cell:
    return value if not isinstance(value, float) or math.isfinite(value) else None
